import { expect, it } from "vitest";
import { eventually, LocalCluster } from "./local-cluster.js";

const KEPT_REVISIONS = 100;
const KEPT_LOG_ENTRIES = 100;
/** Puts that wait for each other, so that each is an entry of its own: two rounds of them exceed the log. */
const BATCHES = 75;
const BATCH_PUTS = 4;

it("a watch that was away for longer than history goes back ends up with the state, and its user with no relist", async () => {
  await using cluster = await LocalCluster.start({
    flags: ["--history-revisions-kept", `${KEPT_REVISIONS}`, "--log-entries-kept", `${KEPT_LOG_ENTRIES}`],
  });
  await using quorate = await cluster.connect({ requestTimeoutMs: 20_000, sessionTtlMs: 60_000 });
  for (let i = 0; i < 20; i++) await quorate.put(`/w/${i}`, "0");
  const leader = await cluster.waitForLeader();
  const away = (leader + 1) % cluster.size;
  await using pinned = await cluster.connectTo(away, { session: false });
  await using watch = pinned.watch("/w", {
    recursive: true,
    initial: true,
    onCompacted: "relist",
    unservedTimeoutMs: Number.POSITIVE_INFINITY,
  });
  const state = new Map<string, string>();
  let synthesized = 0;
  let end: string | undefined;
  const followed = (async () => {
    for await (const event of watch) {
      if (event.synthesized) synthesized += 1;
      if (event.entry === undefined) state.delete(event.path);
      else state.set(event.path, event.entry.text());
      if (event.path === "/w/end") end = event.entry?.text();
      if (end === "2") return;
    }
  })();
  await eventually(() => state.size === 20, "the initial entries");

  await cluster.waitForAgreement();
  let lastIndex = 0;
  await eventually(async () => {
    lastIndex = (await cluster.status(away))?.appliedIndex ?? 0;
    return lastIndex > 0;
  }, "the node to say how far it is");
  await cluster.kill(away);
  for (let i = 0; i < 10; i++) await quorate.delete(`/w/${i}`);
  const many = async (path: (i: number) => string): Promise<void> => {
    for (let batch = 0; batch < BATCHES; batch++) {
      const puts = Array.from({ length: BATCH_PUTS }, (_, i) => batch * BATCH_PUTS + i);
      await Promise.all(puts.map((i) => quorate.put(path(i), String(i))));
    }
  };
  await many((i) => `/w/${10 + (i % 5)}`);
  const { revision: missed } = await quorate.put("/w/end", "1");
  await many(() => "/elsewhere");
  // Nodes forget in their own time: a watch that comes before would be served, and wait for events. And a node that
  // got the entries rather than a snapshot could deliver every event as it applies them, with nothing to relist.
  await eventually(async () => {
    const others = [...cluster.endpoints.keys()].filter((index) => index !== away);
    const statuses = await Promise.all(others.map((index) => cluster.status(index)));
    return statuses.every(
      (status) =>
        status !== undefined && status.compactedRevision >= missed && status.logFirstIndex > lastIndex + 1,
    );
  }, "the history and the log that the node missed to be gone");
  await expect(quorate.watch("/w", { fromRevision: missed }).next()).rejects.toMatchObject({
    code: "COMPACTED",
  });

  cluster.launch(away);
  await eventually(() => end === "1", "the watch to be told of what it missed");
  await quorate.put("/w/end", "2");
  await followed;
  const entries = new Map<string, string>();
  for await (const entry of quorate.walk("/w")) entries.set(entry.path, entry.text());
  expect([...state].sort()).toEqual([...entries].sort());
  expect(synthesized).toBe(10 + 5 + 1);
  await cluster.waitForAgreement();
}, 90_000);
