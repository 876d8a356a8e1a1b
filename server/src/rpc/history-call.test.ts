import { EventKind } from "@quorate/proto";
import { expect, it } from "vitest";
import { bounds } from "../config.js";
import { del, put, TestMachine } from "../state-machine/machine.test-support.js";
import { historyPage } from "./history-call.js";

function pages(t: TestMachine, limit: number): number[][] {
  const found: number[][] = [];
  for (let from = 0; ; ) {
    const page = historyPage(t.machine, { key: "/a", from, to: 0 }, limit);
    if ("kind" in page) throw new Error(page.message);
    const revisions = page.events.map(({ entry }) => Number(entry?.modRevision));
    found.push(revisions);
    if (!page.more) return found;
    from = (revisions.at(-1) ?? 0) + 1;
  }
}

it("gives pages that together are all of it, once", () => {
  const t = new TestMachine();
  for (let n = 0; n < 7; n += 1) t.run(n === 3 ? del("/a") : put("/a", String(n)));
  expect(pages(t, 3)).toEqual([[1, 2, 3], [4, 5, 6], [7]]);
  expect(pages(t, 0)).toEqual([[1, 2, 3, 4, 5, 6, 7]]);
  const page = historyPage(t.machine, { key: "/a", from: 4, to: 4 }, 0);
  expect(page).toMatchObject({
    events: [{ kind: EventKind.DELETE, entry: { path: "/a", modRevision: 4n } }],
  });
});

it("keeps an answer within its room, one version at least", () => {
  const t = new TestMachine();
  for (let n = 0; n < 6; n += 1) t.run(put("/a", "x".repeat(bounds.valueBytesMax)));
  expect(pages(t, 0)).toEqual([
    [1, 2, 3],
    [4, 5, 6],
  ]);
});

it("keeps within the number of versions of one answer", () => {
  const t = new TestMachine();
  for (let n = 0; n < bounds.historyVersionsMax + 1; n += 1) t.run(put("/a", ""));
  expect(pages(t, 1_000_000).map(({ length }) => length)).toEqual([bounds.historyVersionsMax, 1]);
});
