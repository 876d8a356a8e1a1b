import { ErrorCode } from "@quorate/proto";
import { NoQuorum } from "@quorate/sdk";
import { expect, it } from "vitest";
import { BareWatch } from "./bare-watch.js";
import { eventually, LocalCluster } from "./local-cluster.js";
import { Observer } from "./observer.js";

it("a watch at a node without a quorum is told so, and one that waits goes on without a gap once there is one", async () => {
  await using cluster = await LocalCluster.start();
  await using quorate = await cluster.connect({ requestTimeoutMs: 20_000, sessionTtlMs: 60_000 });
  const survivor = ((await cluster.waitForLeader()) + 1) % cluster.size;
  const others = [0, 1, 2].filter((i) => i !== survivor);
  const endpoint = cluster.endpoints[survivor] ?? "";
  const { revision } = await quorate.put("/watched", "before");
  const pinned = (): ReturnType<typeof cluster.connectTo> => cluster.connectTo(survivor, { session: false });

  using bare = new BareWatch(endpoint, "/watched");
  await using patient = new Observer(await pinned(), "/watched", { fromRevision: revision });
  await using impatient = new Observer(await pinned(), "/watched", {
    fromRevision: revision,
    unservedTimeoutMs: 2_000,
  });
  await eventually(() => bare.replies.length > 0, "the watch on the wire");
  expect(bare.replies[0]?.case).toBe("created");
  await eventually(() => patient.revision === revision && impatient.revision === revision, "the first event");

  const killedAtMs = performance.now();
  await Promise.all(others.map((i) => cluster.kill(i)));
  await eventually(() => bare.endedWith !== undefined, "the server to end the watch");
  const endedAfterMs = performance.now() - killedAtMs;
  expect(bare.endedWith).toBe(ErrorCode.NO_QUORUM);
  using late = new BareWatch(endpoint, "/watched");
  await eventually(() => late.endedWith !== undefined, "the server to refuse a watch");
  expect(late.endedWith).toBe(ErrorCode.NO_QUORUM);
  expect(late.replies).toHaveLength(1);

  await eventually(() => impatient.error !== undefined, "the impatient watch to give up");
  const gaveUpAfterMs = performance.now() - killedAtMs;
  expect(impatient.error).toBeInstanceOf(NoQuorum);
  expect(impatient.error?.message).toMatch(/no quorum/);
  expect(patient.error).toBeUndefined();

  for (const i of others) cluster.launch(i);
  const after = await quorate.put("/watched", "after");
  await eventually(() => patient.revision >= after.revision, "the patient watch to go on");
  expect(patient.events.map((event) => event.revision)).toEqual([revision, after.revision]);
  console.info(
    `ended by the server ${Math.round(endedAfterMs)} ms, given up by the client ${Math.round(gaveUpAfterMs)} ms after the loss of the quorum`,
  );
  await cluster.waitForAgreement();
}, 90_000);
