import { describe, expect, test } from "vitest";
import { applyChange, type Configuration } from "./configuration.js";
import { ConfigurationHistory } from "./configuration-history.js";
import {
  decodeConfiguration,
  encodeConfiguration,
  InvalidConfiguration,
  InvariantViolation,
  type LogEntry,
  type Member,
} from "./index.js";
import { encode } from "./network.test-support.js";

const voter = (id: number): Member => ({ id, name: `n${id}`, address: `host${id}:7401`, role: "voter" });
const learner = (id: number): Member => ({ ...voter(id), role: "learner" });
const of = (...members: Member[]): Configuration => ({ members });
const entry = (index: number, configuration: Configuration): LogEntry => ({
  index,
  term: 1,
  kind: "configuration",
  data: encodeConfiguration(configuration),
});

describe("the encoding of a configuration", () => {
  test("gives back what went in, also names that are not ASCII", () => {
    const configuration = of(voter(1), { ...learner(7), name: "nœud-√2-🗳" });
    expect(decodeConfiguration(encodeConfiguration(configuration))).toEqual(configuration);
    expect(decodeConfiguration(encodeConfiguration(of()))).toEqual(of());
  });

  test("is the same bytes for the same configuration: nodes compare hashes of it", () => {
    const { id, name, address, role } = voter(1);
    expect(encodeConfiguration(of({ role, address, name, id }))).toEqual(encodeConfiguration(of(voter(1))));
  });

  test("is what it always was without changed addresses, and of another format with one", () => {
    const text = (configuration: Configuration) =>
      JSON.parse(String.fromCharCode(...encodeConfiguration(configuration)));
    expect(text(of(voter(1)))).toEqual({ format: 1, members: [voter(1)] });
    const moved = of(voter(1), { ...voter(2), readdressed: true, movedFrom: ["old:2", "older:2"] });
    expect(text(moved)).toEqual({ format: 2, ...moved });
    expect(decodeConfiguration(encodeConfiguration(moved))).toEqual(moved);
  });

  test("refuses members out of order, which would give equal configurations different bytes", () => {
    expect(() => encodeConfiguration(of(voter(2), voter(1)))).toThrow(InvariantViolation);
    expect(() => encodeConfiguration(of(voter(1), voter(1)))).toThrow(InvariantViolation);
  });

  test.each([
    ["another format", '{"format":3,"members":[]}', "format 3"],
    ["no format", "[]", "format none"],
    ["no members", '{"format":1}', "no members"],
    ["a member without a role", '{"format":1,"members":[{"id":1,"name":"a","address":"b"}]}', "incomplete"],
    [
      "an unknown role",
      '{"format":1,"members":[{"id":1,"name":"a","address":"b","role":"x"}]}',
      "incomplete",
    ],
    [
      "where a member was that never moved",
      '{"format":2,"members":[{"id":1,"name":"a","address":"b","role":"voter","movedFrom":["c"]}]}',
      "incomplete",
    ],
    [
      "former addresses that are none",
      '{"format":2,"members":[{"id":1,"name":"a","address":"b","role":"voter","readdressed":true,"movedFrom":"c"}]}',
      "incomplete",
    ],
    [
      "an address changed otherwise",
      '{"format":2,"members":[{"id":1,"name":"a","address":"b","role":"voter","readdressed":1}]}',
      "incomplete",
    ],
    [
      "an id that is none",
      '{"format":1,"members":[{"id":0,"name":"a","address":"b","role":"voter"}]}',
      "order",
    ],
    ["no JSON", "members", "not JSON"],
    ["nothing", "", "not JSON"],
  ])("of %s is refused rather than guessed", (_, text, message) => {
    expect(() => decodeConfiguration(encode(text))).toThrow(InvalidConfiguration);
    expect(() => decodeConfiguration(encode(text))).toThrow(message);
  });
});

describe("a change", () => {
  const three = of(voter(1), voter(2), learner(5));

  test("adds a learner in its place", () => {
    const change = { kind: "addLearner", id: 3, name: "n3", address: "host3:7401" } as const;
    expect(applyChange(three, change)).toEqual({
      configuration: of(voter(1), voter(2), learner(3), learner(5)),
    });
  });

  test("promotes a learner, and removes a member", () => {
    expect(applyChange(three, { kind: "promote", id: 5 })).toEqual({
      configuration: of(voter(1), voter(2), voter(5)),
    });
    expect(applyChange(three, { kind: "remove", id: 1 })).toEqual({
      configuration: of(voter(2), learner(5)),
    });
  });

  test("gives a member another address, and leaves the voters as they are", () => {
    const moved: Member = {
      ...voter(2),
      address: "new:1",
      readdressed: true,
      movedFrom: [voter(2).address],
    };
    const withMoved = of(voter(1), moved, learner(5));
    expect(applyChange(three, { kind: "readdress", id: 2, address: "new:1" })).toEqual({
      configuration: withMoved,
    });
    // The same once more changes nothing.
    expect(applyChange(withMoved, { kind: "readdress", id: 2, address: "new:1" })).toEqual({
      configuration: withMoved,
    });
    // Its own one over again: from then on it is meant for every node.
    expect(applyChange(three, { kind: "readdress", id: 5, address: "host5:7401" })).toEqual({
      configuration: of(voter(1), voter(2), { ...learner(5), readdressed: true }),
    });
  });

  test("forgets where a member was when another takes that address", () => {
    const { address } = voter(2);
    const before = { ...voter(2), address: "new:1", readdressed: true, movedFrom: [address] } as const;
    const { movedFrom: _, ...moved } = before;
    expect(applyChange(of(voter(1), before), { kind: "readdress", id: 1, address })).toEqual({
      configuration: of({ ...voter(1), address, readdressed: true, movedFrom: [voter(1).address] }, moved),
    });
    expect(applyChange(of(voter(1), before), { kind: "addLearner", id: 5, name: "n5", address })).toEqual({
      configuration: of(voter(1), moved, { ...learner(5), name: "n5", address }),
    });
    // A mistyped one changed again: its process is still where it was first.
    expect(applyChange(of(voter(1), before), { kind: "readdress", id: 2, address: "newer:1" })).toEqual({
      configuration: of(voter(1), { ...before, address: "newer:1", movedFrom: ["new:1", address] }),
    });
    // And back again, where it was itself.
    expect(applyChange(of(voter(1), before), { kind: "readdress", id: 2, address })).toEqual({
      configuration: of(voter(1), { ...voter(2), readdressed: true, movedFrom: ["new:1"] }),
    });
  });

  test("keeps so many former addresses, the newest first", () => {
    let configuration = of(voter(1));
    for (let n = 1; n <= 6; n++) {
      const changed = applyChange(configuration, { kind: "readdress", id: 1, address: `new:${n}` });
      if ("configuration" in changed) configuration = changed.configuration;
    }
    expect(configuration.members[0]).toMatchObject({
      address: "new:6",
      movedFrom: ["new:5", "new:4", "new:3", "new:2"],
    });
  });

  test("keeps a changed address when it is promoted", () => {
    const moved = { ...learner(5), readdressed: true } as const;
    expect(applyChange(of(voter(1), moved), { kind: "promote", id: 5 })).toEqual({
      configuration: of(voter(1), { ...moved, role: "voter" }),
    });
  });

  test.each([
    ["an id twice", { kind: "addLearner", id: 1, name: "new", address: "new:1" }, "memberExists"],
    ["a name twice", { kind: "addLearner", id: 9, name: "n1", address: "new:1" }, "memberExists"],
    ["an address twice", { kind: "addLearner", id: 9, name: "new", address: "host1:7401" }, "memberExists"],
    ["a voter to be promoted", { kind: "promote", id: 1 }, "notALearner"],
    ["an unknown learner", { kind: "promote", id: 9 }, "unknownMember"],
    ["an unknown member to be moved", { kind: "readdress", id: 9, address: "new:1" }, "unknownMember"],
    ["another's address", { kind: "readdress", id: 1, address: "host2:7401" }, "addressTaken"],
    ["an unknown member to be removed", { kind: "remove", id: 9 }, "unknownMember"],
  ] as const)("of %s is refused", (_, change, reason) => {
    expect(applyChange(three, change)).toEqual({ reason });
  });

  test("never removes the last voter", () => {
    expect(applyChange(of(voter(1), learner(2)), { kind: "remove", id: 1 })).toEqual({ reason: "lastVoter" });
    expect(applyChange(of(voter(1), learner(2)), { kind: "remove", id: 2 })).toEqual({
      configuration: of(voter(1)),
    });
  });
});

describe("the configurations of a log", () => {
  const initial = of(voter(1));
  const second = of(voter(1), learner(2));
  const third = of(voter(1), voter(2));

  test("are known as of each index", () => {
    const history = new ConfigurationHistory({ index: 0, configuration: initial }, 0, []);
    history.appended(entry(3, second));
    history.appended(entry(7, third));
    expect(history.newest).toEqual({ index: 7, configuration: third });
    expect([0, 2, 3, 6, 7, 9].map((index) => history.asOf(index).index)).toEqual([0, 0, 3, 3, 7, 7]);
  });

  test("go back when entries are truncated", () => {
    const history = new ConfigurationHistory({ index: 0, configuration: initial }, 0, [
      entry(3, second),
      entry(7, third),
    ]);
    history.truncatedFrom(7);
    expect(history.newest.index).toBe(3);
    history.truncatedFrom(3);
    expect(history.newest).toEqual({ index: 0, configuration: initial });
  });

  test("never go back behind the state", () => {
    const history = new ConfigurationHistory({ index: 3, configuration: second }, 5, []);
    expect(() => history.truncatedFrom(2)).toThrow(InvariantViolation);
  });

  test("are forgotten where the log is cut, but for the one in effect there", () => {
    const history = new ConfigurationHistory({ index: 0, configuration: initial }, 0, [
      entry(3, second),
      entry(7, third),
    ]);
    history.cutTo(6);
    expect(history.asOf(6).index).toBe(3);
    expect(() => history.asOf(2)).toThrow(InvariantViolation);
  });

  test("are one object as long as nothing changes", () => {
    const history = new ConfigurationHistory({ index: 0, configuration: initial }, 0, []);
    history.appended(entry(2, of(voter(1))));
    expect(history.newest.index).toBe(2);
    expect(history.newest.configuration).toBe(initial);
    history.appended(entry(3, of({ ...voter(1), readdressed: true })));
    expect(history.newest.configuration).not.toBe(initial);
  });

  test("must agree with the state: a newer one in the applied part of the log is a defect", () => {
    expect(
      () => new ConfigurationHistory({ index: 0, configuration: initial }, 5, [entry(3, second)]),
    ).toThrow(InvariantViolation);
    expect(() => new ConfigurationHistory({ index: 6, configuration: initial }, 5, [])).toThrow(
      InvariantViolation,
    );
  });
});
