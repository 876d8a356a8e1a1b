import { expect, it } from "vitest";
import { eventually, LocalCluster } from "./local-cluster.js";

const KEPT_REVISIONS = 100;

it("a watch that was away for longer than history goes back ends up with the state, and its user with no relist", async () => {
  await using cluster = await LocalCluster.start({
    flags: ["--history-revisions-kept", `${KEPT_REVISIONS}`],
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

  await cluster.kill(away);
  for (let i = 0; i < 10; i++) await quorate.delete(`/w/${i}`);
  const many = (path: (i: number) => string): Promise<unknown> =>
    Promise.all(Array.from({ length: 3 * KEPT_REVISIONS }, (_, i) => quorate.put(path(i), String(i))));
  await many((i) => `/w/${10 + (i % 5)}`);
  await quorate.put("/w/end", "1");
  await many(() => "/elsewhere");
  const first = (await quorate.list("/", { keysOnly: true })).revision - 3 * KEPT_REVISIONS;
  await expect(quorate.watch("/w", { fromRevision: first }).next()).rejects.toMatchObject({
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
