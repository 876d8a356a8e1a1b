import { pino } from "pino";
import { afterEach, beforeEach, expect, it, vi } from "vitest";
import { Peers } from "./peers.js";

/** Links are dialled to a port where nobody listens: which links there are is what matters here. */
const nowhere = (id: number): string => `127.0.0.1:${id}`;
const member = (id: number, address = nowhere(id)) => ({ id, name: `n${id}`, address });

let peers: Peers;
beforeEach(() => {
  peers = new Peers({
    self: { clusterId: 9, from: 1, incarnation: "aa" },
    logger: pino({ level: "silent" }),
    onLost: () => undefined,
    onRemoved: () => undefined,
    onEstranged: () => undefined,
  });
});
afterEach(() => peers.close());

const addresses = (...ids: number[]) => ids.map((id) => peers.link(id)?.address);

it("links to the members, to new ones, at new addresses, and no longer to those that left", () => {
  peers.update([member(2), member(3)], "h:1");
  const kept = peers.link(2);
  peers.update([member(2), member(3, nowhere(33)), member(4)], "h:1");
  expect(addresses(2, 3, 4)).toEqual([nowhere(2), nowhere(33), nowhere(4)]);
  expect(peers.link(2)).toBe(kept);
  peers.update([member(4)], "h:1");
  expect(addresses(2, 3, 4)).toEqual([undefined, undefined, nowhere(4)]);
});

it("answers a caller that it does not know for as long as it calls", () => {
  peers.update([member(2)], "h:1");
  peers.greeted(5, nowhere(5));
  expect(addresses(5)).toEqual([nowhere(5)]);
  // It called again before its old call ended.
  peers.greeted(5, nowhere(55));
  peers.left(5);
  expect(addresses(5)).toEqual([nowhere(55)]);
  peers.left(5);
  expect(addresses(5)).toEqual([undefined]);
  peers.greeted(6, "");
  expect(addresses(6)).toEqual([undefined]);
});

it("keeps the link to a caller that becomes a member, and to a member that was removed and still calls", () => {
  peers.update([], "h:1");
  peers.greeted(5, nowhere(5));
  const link = peers.link(5);
  peers.update([member(5)], "h:1");
  expect(peers.link(5)).toBe(link);
  peers.update([], "h:1");
  expect(peers.link(5)).toBe(link);
  peers.left(5);
  expect(peers.link(5)).toBeUndefined();
});

it("dials members where it was told to, whatever they say of themselves", () => {
  peers.update([member(2)], "h:1");
  peers.greeted(2, nowhere(22));
  expect(addresses(2)).toEqual([nowhere(2)]);
});

it("looks for a member also where a change has put it, when the member says so", () => {
  peers.update([member(2)], "h:1");
  const offered = vi.spyOn(peers.link(2) ?? expect.fail(), "mayBeAt");
  peers.greeted(2, nowhere(22), true);
  expect(offered.mock.lastCall).toEqual([[nowhere(2), nowhere(22)]]);
  // What it said holds for as long as it calls, whatever else changes.
  peers.update([member(2), member(3)], "h:1");
  expect(offered.mock.lastCall).toEqual([[nowhere(2), nowhere(22)]]);
  peers.left(2);
  peers.update([member(2)], "h:1");
  expect(offered.mock.lastCall).toEqual([[nowhere(2)]]);
});

it("looks for a member where it was as long as the change of its address may be taken back", () => {
  peers.update([member(2)], "h:1");
  const offered = vi.spyOn(peers.link(2) ?? expect.fail(), "mayBeAt");
  peers.update([{ ...member(2, nowhere(22)), before: [nowhere(2)] }], "h:1");
  expect(offered.mock.lastCall).toEqual([[nowhere(22), nowhere(2)]]);
  peers.update([member(2, nowhere(22))], "h:1");
  expect(offered.mock.lastCall).toEqual([[nowhere(22)]]);
  expect(addresses(2)).toEqual([nowhere(22)]);
});

it("calls everybody again when a change has put it elsewhere, and says so", () => {
  peers.update([member(2)], "h:1");
  expect(peers.link(2)?.handshake).toMatchObject({ address: "h:1", readdressed: false });
  peers.update([member(2)], "h:9", true);
  expect(peers.link(2)?.handshake).toMatchObject({ address: "h:9", readdressed: true });
});

it("wakes the link to a caller, wherever it may be dialled", () => {
  peers.update([member(2), member(3)], "h:1");
  const woken = [2, 3].map((id) => vi.spyOn(peers.link(id) ?? expect.fail(), "wake"));
  peers.greeted(2, nowhere(2));
  peers.greeted(2, "");
  expect(woken.map(({ mock }) => mock.calls.length)).toEqual([2, 0]);
});

it("keeps a bounded number of links to callers that it does not know", () => {
  const ids = Array.from({ length: 20 }, (_, i) => 100 + i);
  for (const id of ids) peers.greeted(id, nowhere(id));
  expect(ids.filter((id) => peers.link(id) !== undefined)).toEqual(ids.slice(4));
});

it("calls everybody again once it knows under which address they can answer", () => {
  peers.update([member(2)], "");
  peers.greeted(5, nowhere(5));
  const before = [peers.link(2), peers.link(5)];
  expect(before.map((link) => link?.handshake.address)).toEqual(["", ""]);
  peers.update([member(2)], "h:1");
  expect([peers.link(2), peers.link(5)].map((link) => link?.handshake.address)).toEqual(["h:1", "h:1"]);
  // A node that is no member any more can still be answered.
  peers.update([member(2)], "");
  expect(peers.link(2)?.handshake.address).toBe("h:1");
});

it("looks for a member where it was reached, through changes of another's and of its own address", async () => {
  peers.update([member(2)], "h:1");
  const reached = vi.spyOn(peers.link(2) ?? expect.fail(), "reachedAt", "get").mockReturnValue(nowhere(2));
  // It was given an address where it is not yet, then this node one of its own: appended, and then applied.
  peers.update([{ ...member(2, nowhere(22)), before: [nowhere(2)] }], "h:1");
  peers.update([member(2, nowhere(22))], "h:1");
  peers.update([member(2, nowhere(22))], "h:11", true);
  expect(reached).toHaveBeenCalled();
  const link = peers.link(2) ?? expect.fail();
  expect(link.reachedAt).toBe(nowhere(2));
  peers.update([member(2, nowhere(22))], "h:11", true);
  // Nobody takes its call at the new address.
  expect([peers.link(2) === link, link.address]).toEqual([true, nowhere(22)]);
  await vi.waitUntil(() => link.address === nowhere(2), { timeout: 10_000 });
});

it("tells of what a link may have lost when another one takes its place", () => {
  const lost: number[] = [];
  peers.close();
  peers = new Peers({
    self: { clusterId: 9, from: 1, incarnation: "aa" },
    logger: pino({ level: "silent" }),
    onLost: (peer) => lost.push(peer),
    onRemoved: () => undefined,
    onEstranged: () => undefined,
  });
  peers.update([member(2), member(3)], "h:1");
  expect(lost).toEqual([]);
  peers.update([member(2), member(3)], "h:11", true);
  expect(lost).toEqual([2, 3]);
});
