import { pino } from "pino";
import { afterEach, beforeEach, expect, it, vi } from "vitest";
import type { DataDirectory } from "../storage/data-directory.js";
import { UnknownFormat } from "./command-codec-format.js";
import { MemberRemoved } from "./member-removed.js";
import { Retirement } from "./retirement.js";

beforeEach(() => {
  vi.useFakeTimers();
});

afterEach(() => {
  vi.useRealTimers();
});

const identity = {
  ...{ clusterId: 1, memberId: 2, name: "n2", incarnation: "aa", founders: [] },
  ...{ standing: "formed" as const, starts: 3, nonces: ["aa"] },
} as const;

it("is noted durably at once, and ends the process a little later", () => {
  const write = vi.fn();
  const ended = vi.fn();
  const directory = { identityFile: { write } } as unknown as DataDirectory;
  const retirement = new Retirement(identity, directory, pino({ level: "silent" }), 200, ended);
  retirement.begin("an entry of the log removed it");
  retirement.begin("a peer says so, too");
  expect(write.mock.calls).toEqual([[{ ...identity, standing: "removed" }]]);
  vi.advanceTimersByTime(199);
  expect(ended).not.toHaveBeenCalled();
  vi.advanceTimersByTime(1);
  expect(ended.mock.calls).toEqual([[new MemberRemoved("an entry of the log removed it")]]);
});

it("takes a directory out of use that is a copy, but not the very one on which another process goes on", () => {
  const write = vi.fn();
  let starts = 3;
  const directory = {
    path: "/d",
    identityFile: { write, read: () => ({ ...identity, starts }) },
  } as unknown as DataDirectory;
  const retirement = new Retirement(identity, directory, pino({ level: "silent" }), 200, () => undefined);
  const said = retirement.disown("member 2 is heard from another process");
  expect(said.message).toMatch(
    /^\/d is not the newest directory of member "n2" \(0000000000000002\): member 2 is heard/,
  );
  expect(write.mock.calls).toEqual([[{ ...identity, standing: "disowned" }]]);
  // It is the very directory, and the other process there goes on.
  starts = 4;
  expect(retirement.disown("again").message).toMatch(/does not keep locks/);
  expect(write).toHaveBeenCalledTimes(1);
});

it("is why the node stops when it does not understand what was written since, and of nothing else", () => {
  const directory = { identityFile: { write: () => undefined } } as unknown as DataDirectory;
  const retirement = new Retirement(identity, directory, pino({ level: "silent" }), 200, () => undefined);
  const [tooNew, broken] = [new UnknownFormat("command format 9"), new Error("the disk failed")];
  expect(retirement.causeOf(tooNew)).toBe(tooNew);
  retirement.begin("an entry of the log removed it");
  expect(retirement.causeOf(tooNew)).toBeInstanceOf(MemberRemoved);
  expect(retirement.causeOf(broken)).toBe(broken);
  retirement.stop();
});
