import { describe, expect, it } from "vitest";
import { leaseIdMax } from "./limits.js";
import { del, put, TestMachine, txn } from "./machine.test-support.js";

const keysOf = (t: TestMachine, lease: number) => [...(t.machine.leaseInfo(lease)?.keys() ?? [])].sort();

describe("granting", () => {
  it("chooses ids above every id ever used", () => {
    const t = new TestMachine();
    expect([t.lease(), t.session(), t.lease({ lease: 40 }), t.lease()]).toEqual([1, 2, 40, 41]);
    t.run({ kind: "revoke", lease: 41 });
    expect(t.lease()).toBe(42);
    expect(t.lease({ lease: 20 })).toBe(20);
    expect(t.lease()).toBe(43);
  });

  it("reports what it granted", () => {
    const t = new TestMachine();
    t.lease({ ttlMs: 5_000, session: true });
    expect(t.applied.leasesGranted).toEqual([1]);
    expect(t.machine.leaseInfo(1)).toMatchObject({ id: 1, ttlMs: 5_000, isSession: true, keyCount: 0 });
    expect([...t.machine.allLeases()]).toHaveLength(1);
  });

  it("refuses an id in use, an id out of bounds, a chosen session id and a TTL of nothing", () => {
    const t = new TestMachine();
    const grant = { kind: "grant", ttlMs: 1_000, lease: 0, session: false } as const;
    t.lease({ lease: 7 });
    expect(t.run({ ...grant, lease: 7 })).toMatchObject({ code: "LEASE_EXISTS" });
    expect(t.run({ ...grant, lease: -1 })).toMatchObject({ code: "INVALID_ARGUMENT" });
    expect(t.run({ ...grant, lease: leaseIdMax + 1 })).toMatchObject({ code: "INVALID_ARGUMENT" });
    expect(t.run({ ...grant, lease: 8, session: true })).toMatchObject({ code: "INVALID_ARGUMENT" });
    expect(t.run({ ...grant, ttlMs: 0 })).toMatchObject({ code: "INVALID_ARGUMENT" });
    expect(t.applied.leasesGranted).toEqual([]);
  });
});

describe("the number of leases and sessions", () => {
  const grant = { kind: "grant", ttlMs: 1_000, lease: 0, session: false } as const;

  it("is bounded, and those that end make room", () => {
    const t = new TestMachine({ countMax: 3 });
    const first = t.lease();
    t.session();
    const last = t.lease();
    for (const session of [false, true]) {
      const { hash } = t.machine;
      expect(t.run({ ...grant, session })).toMatchObject({ code: "LEASES_EXCEEDED" });
      expect(t.machine.hash).toBe(hash);
    }
    expect(t.run({ ...grant, lease: last })).toMatchObject({ code: "LEASE_EXISTS" });
    t.run({ kind: "revoke", lease: first });
    expect(t.run({ ...grant, session: true })).toMatchObject({ kind: "grant", lease: last + 1 });
    expect(t.run(grant)).toMatchObject({ code: "LEASES_EXCEEDED" });
    t.run({ kind: "expire", term: 1, leases: [last, last + 1], asOfIndex: t.machine.appliedIndex });
    expect([t.run(grant), t.run(grant)]).toMatchObject([{ kind: "grant" }, { kind: "grant" }]);
  });

  it("is the same after a restart", () => {
    const t = new TestMachine({ countMax: 2 });
    t.lease();
    t.session();
    t.flush();
    t.restart();
    expect(t.run(grant)).toMatchObject({ code: "LEASES_EXCEEDED" });
  });
});

describe("keys on leases", () => {
  it("move with the last put, and leave with a put without a lease or a delete", () => {
    const t = new TestMachine();
    const [one, two] = [t.lease(), t.lease()];
    t.run(put("/a", "", { lease: one }));
    t.run(put("/b", "", { lease: one }));
    t.run(put("/a", "", { lease: two }));
    expect([keysOf(t, one), keysOf(t, two)]).toEqual([["/b"], ["/a"]]);
    t.run(put("/a"));
    t.run(del("/b"));
    expect([keysOf(t, one), keysOf(t, two)]).toEqual([[], []]);
    t.run({ kind: "revoke", lease: two });
    expect(t.range("/a").count).toBe(1);
  });

  it("need a lease that exists", () => {
    const t = new TestMachine();
    expect(t.run(put("/a", "", { lease: 3 }))).toMatchObject({ code: "LEASE_NOT_FOUND" });
    expect(t.run({ kind: "revoke", lease: 3 })).toMatchObject({ code: "LEASE_NOT_FOUND" });
    expect(t.machine.revision).toBe(0);
  });
});

describe("the end of a lease", () => {
  it("deletes its keys at one revision, in key order", () => {
    const t = new TestMachine();
    const lease = t.lease();
    for (const key of ["/c", "/a", "/b"]) t.run(put(key, "", { lease }));
    t.run(put("/keep"));
    expect(t.run({ kind: "revoke", lease })).toEqual({ kind: "done", revision: 5 });
    expect(t.applied.changes.map(({ key, revision }) => [key, revision])).toEqual([
      ["/a", 5],
      ["/b", 5],
      ["/c", 5],
    ]);
    expect(t.applied.leasesEnded).toEqual([lease]);
    expect(t.machine.leaseInfo(lease)).toBeUndefined();
    expect(t.machine.keyCount).toBe(1);
  });

  it("does not raise the revision when it had no keys", () => {
    const t = new TestMachine();
    t.run(put("/a"));
    const lease = t.lease();
    expect(t.run({ kind: "revoke", lease })).toEqual({ kind: "done", revision: 1 });
  });

  it("by expiry ends all that exist of the leases named, at one revision", () => {
    const t = new TestMachine();
    const [one, two] = [t.lease(), t.session()];
    t.run(put("/a", "", { lease: two }));
    t.run(put("/b", "", { lease: one }));
    expect(t.run({ kind: "expire", term: 1, leases: [two, 99, one, one], asOfIndex: 1_000 })).toEqual({
      kind: "done",
      revision: 3,
    });
    expect(t.applied.leasesEnded).toEqual([two, one]);
    expect(t.machine.keyCount).toBe(0);
    expect(t.machine.leaseCount).toBe(0);
  });

  it("by expiry is void in any term but the one of the leader that saw it", () => {
    const t = new TestMachine();
    const lease = t.lease();
    const hash = t.machine.hash;
    t.term = 2;
    expect(t.run({ kind: "expire", term: 1, leases: [lease], asOfIndex: 1_000 })).toMatchObject({
      kind: "done",
    });
    expect(t.applied.leasesEnded).toEqual([]);
    expect(t.machine.leaseInfo(lease)).toBeDefined();
    expect(t.machine.hash).toBe(hash);
    t.run({ kind: "expire", term: 2, leases: [lease], asOfIndex: 1_000 });
    expect(t.machine.leaseInfo(lease)).toBeUndefined();
  });
});

describe("an expiry on its way", () => {
  it("does not end a lease granted since under the same id", () => {
    const t = new TestMachine();
    t.run({ kind: "grant", ttlMs: 1_000, lease: 77, session: false });
    const asOfIndex = t.machine.appliedIndex;
    t.run({ kind: "revoke", lease: 77 });
    t.run({ kind: "grant", ttlMs: 1_000, lease: 77, session: false });
    t.run({ kind: "expire", term: 1, leases: [77], asOfIndex });
    expect(t.machine.leaseInfo(77)).toBeDefined();
    t.run({ kind: "expire", term: 1, leases: [77], asOfIndex: t.machine.appliedIndex });
    expect(t.machine.leaseInfo(77)).toBeUndefined();
  });
});

describe("fences", () => {
  function locked() {
    const t = new TestMachine();
    const [first, second] = [t.session(), t.session()];
    const enter = (lease: number) => {
      const result = t.run(put("/lock", "", { sequential: true, lease }));
      return result.kind === "put" ? result.revision : 0;
    };
    return { t, first, second, tokens: [enter(first), enter(second)] as const };
  }

  it("let the first in the queue write under its token, and nobody else", () => {
    const { t, tokens } = locked();
    const [mine, theirs] = tokens;
    expect(t.run(put("/x", "1"), { key: "/lock", token: mine })).toMatchObject({ kind: "put" });
    expect(t.run(put("/x", "2"), { key: "/lock", token: theirs })).toMatchObject({ code: "FENCED" });
    expect(t.run(put("/x", "2"), { key: "/lock", token: 0 })).toMatchObject({ code: "FENCED" });
    expect(t.run(put("/x", "2"), { key: "/other", token: mine })).toMatchObject({ code: "FENCED" });
    expect(t.text("/x")).toBe("1");
  });

  it("pass on, with a higher token, when the owner's session ends", () => {
    const { t, first, tokens } = locked();
    const [mine, theirs] = tokens;
    t.run({ kind: "expire", term: 1, leases: [first], asOfIndex: 1_000 });
    expect(t.run(put("/x", "1"), { key: "/lock", token: mine })).toMatchObject({ code: "FENCED" });
    expect(t.run(put("/x", "2"), { key: "/lock", token: theirs })).toMatchObject({ kind: "put" });
    expect(theirs).toBeGreaterThan(mine);
  });

  it("do not take neighbours of the lock for its owner", () => {
    const t = new TestMachine();
    t.run(put("/lock"));
    t.run(put("/lock-x/1"));
    t.run(put("/lock0"));
    for (const token of [1, 2, 3]) {
      expect(t.run(put("/x"), { key: "/lock", token })).toMatchObject({ code: "FENCED" });
    }
  });

  it("guard every kind of mutation", () => {
    const { t } = locked();
    const fence = { key: "/lock", token: 999 };
    const hash = t.machine.hash;
    expect(t.run(del("/x"), fence)).toMatchObject({ code: "FENCED" });
    expect(t.run(txn([], [put("/x")]), fence)).toMatchObject({ code: "FENCED" });
    expect(t.run({ kind: "grant", ttlMs: 1, lease: 0, session: false }, fence)).toMatchObject({
      code: "FENCED",
    });
    expect(t.machine.hash).toBe(hash);
  });

  it("come after exactly-once: a retry is answered even when the lock is lost by then", () => {
    const { t, first, second, tokens } = locked();
    const fence = { key: "/lock", token: tokens[0] };
    const result = t.on(second, 1, put("/x", "1"), 1, fence);
    t.run({ kind: "revoke", lease: first });
    expect(t.on(second, 1, put("/x", "1"), 1, fence)).toBe(result);
    expect(t.on(second, 2, put("/x", "2"), 1, fence)).toMatchObject({ code: "FENCED" });
    expect(t.on(second, 2, put("/x", "2"), 1, fence)).toMatchObject({ code: "FENCED" });
  });
});

describe("checkpoints", () => {
  const checkpoint = (t: TestMachine, id: number, remainingMs: number, options = {}) =>
    t.run({
      ...{ kind: "checkpoint", term: 1, leases: [{ id, remainingMs }], asOfIndex: t.machine.appliedIndex },
      ...options,
    });
  const remaining = (t: TestMachine, id: number) => t.machine.leaseInfo(id)?.remainingMs;

  it("say what a lease has left, until they are taken back, and are part of the state", () => {
    const t = new TestMachine();
    const lease = t.lease({ ttlMs: 5_000 });
    const whole = t.machine.hash;
    checkpoint(t, lease, 3_000);
    expect(remaining(t, lease)).toBe(3_000);
    expect(t.machine.hash).not.toBe(whole);
    t.flush();
    t.restart();
    expect(remaining(t, lease)).toBe(3_000);
    checkpoint(t, lease, 0);
    expect(remaining(t, lease)).toBe(0);
    expect(t.machine.hash).toBe(whole);
    checkpoint(t, lease, 5_000);
    expect(t.machine.hash).toBe(whole);
  });

  it("count in their own term only, and for the lease that the leader saw", () => {
    const t = new TestMachine();
    const lease = t.lease({ ttlMs: 5_000 });
    checkpoint(t, lease, 3_000, { term: 2 });
    checkpoint(t, lease, 3_000, { asOfIndex: 0 });
    checkpoint(t, lease + 1, 3_000);
    expect(remaining(t, lease)).toBe(0);
  });
});
