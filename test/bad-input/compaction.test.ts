import { Compacted, op } from "@quorate/sdk";
import { expect, it } from "vitest";
import { eventually } from "../cluster/local-cluster.js";
import { changesNothing, startQuietCluster } from "./unchanged.js";

it("refuses what was compacted in get, list and watch, and says what can still be read", async () => {
  await using cluster = await startQuietCluster({ flags: ["--history-revisions-kept", "100"] });
  await using client = await cluster.connect({ session: false });
  await client.put("/first", "1");
  for (let i = 0; i < 120; i++) await client.put("/counter", String(i));
  await eventually(
    async () => ((await client.status()).compactedRevision ?? 0) > 1,
    "history to be compacted",
  );
  await changesNothing(cluster, async () => {
    const oldest = (await client.status()).compactedRevision;
    for (const call of [
      () => client.get("/first", { revision: 1 }),
      () => client.list("/", { revision: 1 }),
      () => client.txn({ then: [op.put("/x", "x"), op.get("/first", { revision: 1 })] }),
    ]) {
      const failure = await call().catch((thrown: unknown) => thrown);
      expect(failure).toBeInstanceOf(Compacted);
      expect(failure).toMatchObject({ revision: oldest });
    }
    await expect(client.watch("/first", { fromRevision: 1 }).next()).rejects.toMatchObject({
      code: "COMPACTED",
      revision: oldest,
    });
    await expect(client.watch("/counter", { fromRevision: oldest - 1 }).next()).rejects.toMatchObject({
      code: "COMPACTED",
    });
    // What is named as still there can be read, and watched from.
    expect((await client.get("/first", { revision: oldest }))?.text()).toBe("1");
    await using watch = client.watch("/counter", { fromRevision: oldest, previous: true });
    expect((await watch.next()).value).toMatchObject({
      path: "/counter",
      revision: oldest,
      previous: { modRevision: oldest - 1 },
    });
  });
});
