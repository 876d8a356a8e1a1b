import { describe, expect, it } from "vitest";
import { sessionResultsMax } from "./limits.js";
import { put, TestMachine, txn } from "./machine.test-support.js";
import { Session } from "./session.js";
import { StateMachine } from "./state-machine.js";

describe("exactly-once", () => {
  it("answers a retry with the very result of the first time, and applies nothing", () => {
    const t = new TestMachine();
    const session = t.session();
    const first = t.on(session, 1, put("/a", "1"));
    t.run(put("/a", "other"));
    const hash = t.machine.hash;
    expect(t.on(session, 1, put("/a", "1"))).toBe(first);
    expect(t.applied.changes).toEqual([]);
    expect(t.text("/a")).toBe("other");
    expect(t.machine.hash).toBe(hash);
  });

  it("keeps refusals too, so that a retry does not succeed where the first try failed", () => {
    const t = new TestMachine();
    const session = t.session();
    const doomed = put("/a", "", { lease: 2 });
    expect(t.on(session, 1, doomed)).toMatchObject({ code: "LEASE_NOT_FOUND" });
    expect(t.lease()).toBe(2);
    expect(t.on(session, 1, doomed)).toMatchObject({ code: "LEASE_NOT_FOUND" });
    expect(t.on(session, 2, doomed)).toMatchObject({ kind: "put" });
  });

  it("tells by the hash that a retry would be answered otherwise", () => {
    const t = new TestMachine();
    const session = t.session();
    t.on(session, 1, txn([], [put("/a", "1")]));
    t.flush();
    const image = t.disk.image();
    const [lease] = image.leases;
    if (lease?.session === undefined) throw new Error("the session was not written");
    const results = lease.session.results.map(
      ([sequence, result]) => [sequence, { ...result, succeeded: false }] as const,
    );
    const leases = [{ ...lease, session: { ...lease.session, results } }];
    expect(() => StateMachine.restore({ ...image, leases }, t.disk)).toThrow("has hash");
    expect(StateMachine.restore(t.disk.image(), t.disk).hash).toBe(t.machine.hash);
  });

  it("keeps what a transaction read", () => {
    const t = new TestMachine();
    const session = t.session();
    const body = txn([], [put("/a", "1")]);
    const first = t.on(session, 1, body);
    expect(t.on(session, 1, body)).toBe(first);
  });

  it("bounds the bytes of the results that all sessions keep together", () => {
    const t = new TestMachine({ resultBytesMax: 3_000 });
    const [first, second] = [t.session(), t.session()];
    const large = put("/a", "x".repeat(1_000), { returnPrevious: true });
    t.run(large);
    t.on(first, 1, large);
    t.on(first, 2, large);
    t.on(second, 1, large);
    const full = { code: "SESSION_FULL", message: expect.stringContaining("together") };
    for (const session of [first, second]) {
      const { revision } = t.machine;
      expect(t.on(session, 5, large)).toMatchObject(full);
      expect(t.machine.revision).toBe(revision);
      // What was kept is told all the same.
      expect(t.on(session, 1, large)).toMatchObject({ kind: "put" });
    }
    t.flush();
    t.restart();
    expect(t.on(second, 5, large)).toMatchObject(full);
    // Acknowledging makes room in one session for all, and it is no refusal that is kept.
    expect(t.on(first, 3, large, 3)).toMatchObject({ kind: "put" });
    expect(t.on(second, 5, large)).toMatchObject({ kind: "put" });
    expect(t.on(second, 6, large)).toMatchObject(full);
    // So does the end of a session, which can always be asked for on itself.
    expect(t.on(first, 9, { kind: "revoke", lease: second }, 3)).toMatchObject(full);
    expect(t.on(second, 9, { kind: "revoke", lease: second })).toMatchObject({ kind: "done" });
    expect(t.on(first, 10, large)).toMatchObject({ kind: "put" });
  });

  it("takes sequences in any order", () => {
    const t = new TestMachine();
    const session = t.session();
    t.on(session, 9, put("/a", "9"));
    t.on(session, 4, put("/a", "4"));
    expect(t.text("/a")).toBe("4");
  });

  it("forgets results below the lowest pending sequence, and refuses those sequences from then on", () => {
    const t = new TestMachine();
    const session = t.session();
    t.on(session, 1, put("/a", "1"));
    t.on(session, 2, put("/a", "2"));
    t.on(session, 3, put("/a", "3"), 2);
    expect(t.on(session, 1, put("/a", "1"))).toMatchObject({ code: "SEQUENCE_FORGOTTEN" });
    expect(t.on(session, 2, put("/a", "2"))).toMatchObject({ kind: "put", revision: 2 });
    expect(t.text("/a")).toBe("3");
  });

  it("bounds the bytes of the results that a client can make every node keep, once the log says so", () => {
    const t = new TestMachine();
    const session = t.session();
    const large = put("/a", "x".repeat(1_000), { returnPrevious: true });
    for (let sequence = 1; sequence <= 20; sequence += 1) t.on(session, sequence, large);
    t.run({ kind: "limits", spaceBytesMax: 0, sessionResultBytesMax: 10_000 });
    expect(t.on(session, 21, large)).toMatchObject({
      code: "SESSION_FULL",
      message: expect.stringContaining("10000 bytes of results"),
    });
    // It is refused, not kept: what is there can still be asked for, and acknowledging makes room, in a restored state too.
    expect(t.on(session, 20, large)).toMatchObject({ kind: "put" });
    t.flush();
    t.restart();
    expect(t.on(session, 21, large)).toMatchObject({ code: "SESSION_FULL" });
    expect(t.on(session, 21, large, 15)).toMatchObject({ kind: "put" });
  });

  it("never lowers the lowest pending sequence", () => {
    const t = new TestMachine();
    const session = t.session();
    t.on(session, 5, put("/a", "5"), 5);
    t.on(session, 6, put("/a", "6"), 1);
    expect(t.on(session, 4, put("/a", "4"), 1)).toMatchObject({ code: "SEQUENCE_FORGOTTEN" });
  });

  it("never forgets the result of the mutation that is being asked for", () => {
    const t = new TestMachine();
    const session = t.session();
    const first = t.on(session, 1, put("/a", "1"), 100);
    expect(t.on(session, 1, put("/a", "1"), 100)).toBe(first);
  });

  it("refuses a session that does not exist, has ended, or is a mere lease", () => {
    const t = new TestMachine();
    const session = t.session();
    const lease = t.lease();
    t.run({ kind: "revoke", lease: session });
    for (const id of [session, lease, 99]) {
      expect(t.on(id, 1, put("/a"))).toMatchObject({ code: "SESSION_EXPIRED" });
    }
    expect(t.machine.revision).toBe(0);
  });

  it("refuses a sequence below 1", () => {
    const t = new TestMachine();
    expect(t.on(t.session(), 0, put("/a"))).toMatchObject({ code: "INVALID_ARGUMENT" });
  });

  it("lets a session end itself", () => {
    const t = new TestMachine();
    const session = t.session();
    t.on(session, 1, put("/a", "", { lease: session }));
    expect(t.on(session, 2, { kind: "revoke", lease: session })).toMatchObject({ kind: "done", revision: 2 });
    expect(t.machine.leaseInfo(session)).toBeUndefined();
    expect(t.text("/a")).toBeUndefined();
    expect(t.on(session, 2, { kind: "revoke", lease: session })).toMatchObject({ code: "SESSION_EXPIRED" });
  });

  it("bounds the results a client can make every node keep", () => {
    const t = new TestMachine();
    const session = t.session();
    const body = put("/a", "", { lease: 99 });
    for (let sequence = 1; sequence <= sessionResultsMax; sequence += 1) t.on(session, sequence, body);
    expect(t.on(session, sessionResultsMax + 1, put("/a"))).toMatchObject({ code: "SESSION_FULL" });
    expect(t.on(session, 1, body)).toMatchObject({ code: "LEASE_NOT_FOUND" });
    expect(t.on(session, sessionResultsMax + 1, put("/a"), 2)).toMatchObject({ kind: "put" });
  });
});

describe("acknowledging results", () => {
  const done = { kind: "done", revision: 1 } as const;

  it("costs no more steps than there are results, however far the client jumps", () => {
    const session = new Session();
    for (const sequence of [3, 1, 2, 2 ** 50]) session.results.set(sequence, done);
    const forgotten: number[] = [];
    session.acknowledge(2 ** 50, (sequence) => forgotten.push(sequence));
    expect(forgotten.sort()).toEqual([1, 2, 3]);
    expect([...session.results.keys()]).toEqual([2 ** 50]);
    expect(session.lowestPending).toBe(2 ** 50);
  });
});
