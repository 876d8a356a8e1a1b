import { describe, expect, it } from "vitest";
import type { SetMember } from "./command.js";
import { changeLogCountMax } from "./limits.js";
import { del, put, TestMachine, txn } from "./machine.test-support.js";
import { StateMachine } from "./state-machine.js";

const member = (memberId: number, peerAddress: string): SetMember => ({
  kind: "member",
  memberId,
  name: `n${memberId}`,
  peerAddress,
  clientEndpoint: "127.0.0.1:7400",
  format: 1,
  incarnation: `of n${memberId}`,
});

describe("applying", () => {
  it("takes entries one after the other, and no-ops among them", () => {
    const t = new TestMachine();
    expect(t.machine.apply(1, 3, [])).toEqual({
      results: [],
      changes: [],
      leasesGranted: [],
      leasesEnded: [],
    });
    expect([t.machine.appliedIndex, t.machine.appliedTerm]).toEqual([1, 3]);
    expect(() => t.machine.apply(3, 3, [])).toThrow("entry 3 follows entry 1");
    expect(() => t.machine.apply(1, 3, [])).toThrow();
  });

  it("gives each command of an entry its own revision and result", () => {
    const t = new TestMachine();
    const command = (body: ReturnType<typeof put>) => ({
      sessionId: 0,
      sequence: 0,
      lowestPending: 0,
      fence: undefined,
      body,
    });
    const applied = t.machine.apply(1, 1, [command(put("/a", "1")), command(put("/a", "2"))]);
    expect(applied.results).toMatchObject([{ revision: 1 }, { revision: 2 }]);
    expect(applied.changes.map(({ seq }) => seq)).toEqual([1, 2]);
  });

  it("keeps the latest record of each member, in the order of their ids", () => {
    const t = new TestMachine();
    t.run(member(2, "old"));
    t.run(member(1, "one"));
    t.run(member(2, "new"));
    expect(t.machine.members().map(({ memberId, peerAddress }) => [memberId, peerAddress])).toEqual([
      [1, "one"],
      [2, "new"],
    ]);
  });
});

describe("a member", () => {
  it("is one data directory: the first incarnation claims it, and another one is refused", () => {
    const t = new TestMachine();
    t.run(member(1, "a"));
    const { hash } = t.machine;
    expect(t.run({ ...member(1, "b"), incarnation: "another" })).toMatchObject({
      kind: "error",
      code: "MEMBERSHIP_REFUSED",
    });
    expect(t.machine.hash).toBe(hash);
    expect(t.machine.member(1)?.peerAddress).toBe("a");
    expect(t.run(member(1, "b")).kind).toBe("done");
    expect(t.machine.member(1)?.peerAddress).toBe("b");
    expect(t.machine.member(2)).toBeUndefined();
  });
});

describe("the configuration", () => {
  it("is kept as applied, with its index, over a restart", () => {
    const t = new TestMachine();
    expect([t.machine.configurationIndex, t.machine.configuration.length]).toEqual([0, 0]);
    t.machine.apply(1, 1, []);
    const encoded = Uint8Array.of(1, 2, 3);
    t.machine.apply(2, 1, [], encoded);
    // A view of a buffer that is used again must not change what was applied.
    encoded.fill(9);
    const kept = t.machine.configuration;
    expect([t.machine.configurationIndex, [...kept]]).toEqual([2, [1, 2, 3]]);
    t.run(put("/a"));
    expect(t.machine.configuration).toBe(kept);
    t.flush();
    const { hash } = t.machine;
    t.restart();
    expect([t.machine.configurationIndex, [...t.machine.configuration]]).toEqual([2, [1, 2, 3]]);
    expect(t.machine.hash).toBe(hash);
  });

  it("is part of the hash, with its index", () => {
    const hashes = [undefined, Uint8Array.of(1), Uint8Array.of(2)].map((configuration) => {
      const t = new TestMachine();
      t.machine.apply(1, 1, [], configuration);
      return t.machine.hash;
    });
    const later = new TestMachine();
    later.machine.apply(1, 1, []);
    later.machine.apply(2, 1, [], Uint8Array.of(1));
    expect(new Set([...hashes, later.machine.hash]).size).toBe(4);
    // What a configuration replaced leaves no trace.
    const replaced = new TestMachine();
    replaced.machine.apply(1, 1, [], Uint8Array.of(7));
    replaced.machine.apply(2, 1, [], Uint8Array.of(1));
    expect(replaced.machine.hash).toBe(later.machine.hash);
  });
});

describe("the state hash", () => {
  it("is 16 hexadecimal digits and depends on everything replicated", () => {
    const t = new TestMachine();
    const seen = new Set([t.machine.hash]);
    const session = t.session();
    seen.add(t.machine.hash);
    const steps = [
      () => t.run(put("/a", "1")),
      () => t.run(put("/a", "1")),
      () => t.run(put("/a", "1", { lease: session })),
      () => t.on(session, 1, put("/none", "", { lease: 99 })),
      () => t.on(session, 2, put("/none", "", { lease: 99 }), 2),
      () => t.run(member(1, "a")),
      () => t.run(member(1, "b")),
      () => t.run({ kind: "compact", revision: 1 }),
      () => t.run(del("/a")),
      () => t.run({ kind: "revoke", lease: session }),
    ];
    for (const step of steps) {
      step();
      expect(t.machine.hash).toMatch(/^[0-9a-f]{16}$/);
      seen.add(t.machine.hash);
    }
    expect(seen.size).toBe(steps.length + 2);
  });

  it("does not depend on what is not replicated: index, term and change log", () => {
    const t = new TestMachine();
    t.run(put("/a", "1"));
    const { hash } = t.machine;
    t.term = 9;
    t.machine.apply(2, 9, []);
    t.flush();
    expect(t.machine.hash).toBe(hash);
  });

  it("tells values apart that differ in one bit anywhere, or in where a field ends", () => {
    const hashes = new Set<string>();
    const values = ["", "\0", "\0\0", "\0\0\0\0", "a", "b", "abcd", "abce", "bbcd", "abcde", "abcdf"];
    for (const value of values) {
      for (const key of ["/a", "/b", "/ab"]) {
        const t = new TestMachine();
        t.run(put(key, value));
        hashes.add(t.machine.hash);
      }
    }
    expect(hashes.size).toBe(values.length * 3);
  });
});

describe("deltas", () => {
  it("hold what changed since the last one, once", () => {
    const t = new TestMachine();
    const session = t.session();
    t.run(put("/a"));
    expect(t.machine.pendingChanges).toBe(1);
    const first = t.machine.takeDelta();
    expect(first.changes.map(({ seq }) => seq)).toEqual([1]);
    expect(first.leases).toEqual([
      {
        id: session,
        ttlMs: 10_000,
        grantedIndex: 1,
        remainingMs: 0,
        session: { lowestPending: 1, results: [] },
      },
    ]);
    expect(first.meta).toMatchObject({
      appliedIndex: 2,
      appliedTerm: 1,
      revision: 1,
      lastSeq: 1,
      nextLeaseId: 2,
    });
    expect(t.machine.pendingChanges).toBe(0);
    expect(t.machine.takeDelta()).toMatchObject({
      changes: [],
      leases: [],
      leasesRemoved: [],
      members: undefined,
    });
    t.run(member(1, "a"));
    t.run({ kind: "revoke", lease: session });
    expect(t.machine.takeDelta()).toMatchObject({
      leases: [],
      leasesRemoved: [session],
      members: [{ memberId: 1 }],
    });
  });

  it("name a lease that ended and began anew in both lists", () => {
    const t = new TestMachine();
    t.lease({ lease: 5 });
    t.run({ kind: "revoke", lease: 5 });
    t.lease({ lease: 5, ttlMs: 77 });
    const delta = t.machine.takeDelta();
    expect(delta.leasesRemoved).toEqual([5]);
    expect(delta.leases).toMatchObject([{ id: 5, ttlMs: 77 }]);
  });
});

describe("restoring", () => {
  it("brings back keys, history, leases, sessions, members and hash", () => {
    const t = new TestMachine();
    const session = t.session();
    t.run(put("/a", "1"));
    const result = t.on(session, 1, put("/a", "2", { lease: session }));
    t.run(member(1, "a"));
    t.flush();
    const { hash } = t.machine;
    t.restart();
    expect(t.machine.hash).toBe(hash);
    expect([t.machine.appliedIndex, t.machine.revision, t.machine.lastSeq]).toEqual([4, 2, 2]);
    expect([t.text("/a", 1), t.text("/a")]).toEqual(["1", "2"]);
    expect([...(t.machine.leaseInfo(session)?.keys() ?? [])]).toEqual(["/a"]);
    expect(t.on(session, 1, put("/a", "2"))).toEqual(result);
    expect(t.lease()).toBe(session + 1);
    expect(t.machine.members()).toHaveLength(1);
  });

  it("fills the change log with no more than it holds, whole revisions as before", () => {
    const t = new TestMachine();
    const both = [put("/a"), put("/b")];
    for (let i = 0; i < changeLogCountMax / 2 + 10; i += 1) t.run(txn([], both));
    t.run(put("/a"));
    t.flush();
    const { firstRevision, length } = t.machine.changeLog;
    // The first revision of which the log has a part begins before the window.
    expect(t.machine.lastSeq - changeLogCountMax).toBeGreaterThan(2);
    t.restart();
    expect(t.machine.changeLog.length).toBe(length);
    expect(t.machine.changeLog.firstRevision).toBe(firstRevision);
    const [first] = t.machine.changeLog.from(firstRevision, 1);
    expect(first).toMatchObject({
      revision: firstRevision,
      key: "/a",
      previous: { version: firstRevision - 1 },
    });
  });

  it("fills the change log again, with what was there before each change", () => {
    const t = new TestMachine();
    t.run(put("/a", "1"));
    t.run(put("/a", "2"));
    t.flush();
    t.restart();
    expect(t.machine.changeLog.from(1, 10).map(({ previous }) => previous?.version)).toEqual([undefined, 1]);
    expect(t.machine.takeDelta().changes).toEqual([]);
  });

  it("goes in steps through leases, changes, keys on leases and quotas, none of them much longer than asked for", () => {
    const t = new TestMachine();
    t.run({ kind: "quota", key: "", keysMax: 100, bytesMax: 0 });
    for (let i = 0; i < 40; i += 1) t.run(put(`/${i}`, "", { lease: t.lease() }));
    t.flush();
    const steps = (changes: number): number => {
      const restoring = StateMachine.restoring(t.disk.image(), t.disk, changes);
      for (let count = 1; ; count += 1) {
        const { done, value } = restoring.next();
        if (!done) continue;
        expect(value.hash).toBe(t.machine.hash);
        return count;
      }
    };
    expect([1, 10, 40, 160].map(steps)).toEqual([160, 16, 4, 1]);
  });

  it("goes in steps through the results that sessions keep", () => {
    const t = new TestMachine();
    const sessions = Array.from({ length: 4 }, () => t.session());
    for (let sequence = 1; sequence <= 9; sequence += 1) {
      for (const session of sessions) t.on(session, sequence, del("/a"));
    }
    t.flush();
    expect([...StateMachine.restoring(t.disk.image(), t.disk, 10)]).toHaveLength(3);
  });

  it("refuses an image that was tampered with", () => {
    const t = new TestMachine();
    t.run(put("/a", "1"));
    t.flush();
    const image = t.disk.image();
    const altered = [...image.changes].map((change) =>
      change.entry === undefined
        ? change
        : { ...change, entry: { ...change.entry, value: new Uint8Array([9]) } },
    );
    t.disk.image = () => ({ ...image, changes: altered });
    expect(() => t.restart()).toThrow("hash");
  });
});
