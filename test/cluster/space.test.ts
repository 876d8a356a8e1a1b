import { Compacted, op, QuotaExceeded, SpaceExceeded, type Version } from "@quorate/sdk";
import { expect, it } from "vitest";
import { eventually, LocalCluster } from "./local-cluster.js";

it("a quota holds on every node and across a restart of all of them, and gives way to deletes", async () => {
  await using cluster = await LocalCluster.start();
  await using client = await cluster.connect({ requestTimeoutMs: 15_000 });
  await eventually(
    async () =>
      await client.quota.set("/tenant", { keysMax: 3, bytesMax: 1_000 }).then(
        () => true,
        () => false,
      ),
    "all members to be known",
  );
  for (const name of ["a", "b", "c"]) await client.put(`/tenant/${name}`, "value");
  const refused = await client.put("/tenant/d", "value").catch((thrown: unknown) => thrown);
  expect(refused).toBeInstanceOf(QuotaExceeded);
  expect(refused).toMatchObject({
    outcome: "did-not-happen",
    message: expect.stringContaining("/tenant is 3 keys"),
  });
  await expect(client.txn({ then: [op.put("/x", ""), op.put("/tenant/d", "")] })).rejects.toThrow(
    QuotaExceeded,
  );
  expect(await client.get("/x")).toBeUndefined();
  await expect(client.put("/tenant/a", "x".repeat(1_000))).rejects.toThrow("1000 bytes");
  const quota = { path: "/tenant", keysMax: 3, bytesMax: 1_000, keys: 3, bytes: 3 * 14 };
  expect(await client.quota.list()).toEqual([quota]);
  expect(await client.stat("/")).toMatchObject({ keys: 3, bytes: 3 * 14, quota: undefined });

  for (let index = 0; index < cluster.size; index++) await cluster.kill(index);
  for (let index = 0; index < cluster.size; index++) cluster.launch(index);
  await cluster.waitForLeader();
  for (let index = 0; index < cluster.size; index++) {
    await using other = await cluster.connectTo(index, { session: false, requestTimeoutMs: 15_000 });
    expect(await other.quota.get("/tenant")).toEqual(quota);
  }
  await using again = await cluster.connect({ requestTimeoutMs: 15_000 });
  await expect(again.put("/tenant/d", "value")).rejects.toThrow(QuotaExceeded);
  await again.delete("/tenant/a");
  await again.put("/tenant/d", "value");
  await again.quota.delete("/tenant");
  await again.put("/tenant/e", "value");
  expect(await again.quota.get("/tenant")).toBeUndefined();
  await cluster.waitForAgreement();
});

it("a full store refuses puts on all nodes alike, and takes them again once enough was deleted", async () => {
  await using cluster = await LocalCluster.start({ flags: ["--space-bytes-max", "1048576"] });
  await using client = await cluster.connect({ requestTimeoutMs: 15_000 });
  await eventually(
    async () => (await client.stat("/")).spaceBytesMax === 1_048_576,
    "the limit to be agreed",
  );
  const value = "x".repeat(100_000);
  const filled = async (): Promise<unknown> => {
    for (let i = 0; i < 20; i++) {
      const failure = await client.put(`/fill/${i}`, value).catch((thrown: unknown) => thrown);
      if (failure instanceof Error) return failure;
    }
    return undefined;
  };
  expect(await filled()).toBeInstanceOf(SpaceExceeded);
  for (let index = 0; index < cluster.size; index++) {
    await using other = await cluster.connectTo(index, { requestTimeoutMs: 15_000 });
    await expect(other.put("/other", value)).rejects.toThrow(SpaceExceeded);
    expect((await other.get("/fill/0"))?.value.length).toBe(100_000);
  }
  await client.delete("/fill", { recursive: true });
  await eventually(
    async () =>
      await client.put("/fill/again", value).then(
        () => true,
        () => false,
      ),
    "room by compaction",
  );
  await cluster.waitForAgreement();
});

it("one key overwritten for ever does not fill the store: its history gives way", async () => {
  await using cluster = await LocalCluster.start({ flags: ["--space-bytes-max", "1048576"] });
  await using client = await cluster.connect({ requestTimeoutMs: 15_000 });
  await eventually(
    async () => (await client.stat("/")).spaceBytesMax === 1_048_576,
    "the limit to be agreed",
  );
  for (let i = 0; i < 60; i++) {
    await eventually(
      async () =>
        await client.put("/config", "x".repeat(50_000)).then(
          () => true,
          () => false,
        ),
      "room for the next version",
    );
  }
  const { spaceBytes, keys } = await client.stat("/");
  expect([keys, spaceBytes <= 1_048_576]).toEqual([1, true]);
});

it("the history of a key is told by any node, page by page, until it is compacted", async () => {
  await using cluster = await LocalCluster.start({ flags: ["--history-kept-ms", "2000"] });
  await using client = await cluster.connect({ requestTimeoutMs: 15_000 });
  const { revision } = await client.put("/key", "0");
  for (let i = 1; i < 1_100; i++) await client.put("/key", String(i));
  await client.delete("/key");
  const last = await client.put("/key", "anew");
  await using other = await cluster.connectTo(1, { session: false });
  const versions: Version[] = [];
  for await (const version of other.history("/key", { toRevision: last.revision })) versions.push(version);
  // Some of it may be compacted by now: it is a whole end of it, in order.
  const revisions = versions.map((version) => version.revision);
  expect(revisions.at(-1)).toBe(last.revision);
  expect(revisions).toEqual(revisions.map((_, at) => (revisions[0] ?? 0) + at));
  expect(versions.at(-2)).toEqual({ kind: "delete", revision: last.revision - 1 });
  expect(versions.at(-3)).toMatchObject({ kind: "put", entry: { version: 1_100 } });
  await eventually(
    async () => ((await client.status()).compactedRevision ?? 0) > revision,
    "history to become too old",
  );
  const old = client.history("/key", { fromRevision: revision }).next();
  await expect(old).rejects.toThrow(Compacted);
});
