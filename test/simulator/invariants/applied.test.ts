import { describe, expect, it } from "vitest";
import {
  type Applied,
  type Change,
  type Result,
  sequentialKey,
} from "../../../server/src/state-machine/index.js";
import { command, del, HandMadeRun, onSession, put, tripped } from "./hand-made-run.test-support.js";

/** The outcome with its first result replaced. */
const withResult =
  (result: Result) =>
  (outcome: Applied): Applied => ({ ...outcome, results: [result, ...outcome.results.slice(1)] });

const refused = (code: "FENCED" | "SESSION_EXPIRED" | "SEQUENCE_FORGOTTEN"): Result => ({
  kind: "error",
  code,
  message: "",
  revision: 0,
});

describe("a legal run", () => {
  it("trips nothing with sessions, leases, locks, fences and retries", () => {
    const run = new HandMadeRun();
    const session = run.grant(true);
    run.client({ kind: "sessionState", session, state: "connected" });
    run.run(onSession(session, 1, put("/s", "1")));
    run.run(onSession(session, 1, put("/s", "1")), onSession(session, 2, put("/s", "2")));
    run.client({ kind: "lockWaiting", attempt: 1, path: "/lock" });
    const token = run.put("/lock", "", { sequential: true, lease: session });
    run.client({ kind: "lockGranted", attempt: 1, path: "/lock", token });
    run.run(
      command(put("/f", "1"), { key: "/lock", token }),
      command(put("/f", "2"), { key: "/lock", token: 1 }),
    );
    run.trueMs += 1_000;
    run.client({ kind: "keepaliveAnswered", lease: session, sentMs: run.trueMs, ttlMs: 2_000, leases: 1 });
    run.trueMs += 2_000;
    run.client({ kind: "sessionState", session, state: "suspended" });
    run.run(command({ kind: "expire", term: 1, leases: [session], asOfIndex: 9 }));
    run.client({ kind: "sessionState", session, state: "expired" });
    run.run(onSession(session, 3, put("/s", "3")));
    expect(run.finish()).toBeUndefined();
    expect(run.observer.summary).toMatchObject({
      mutationsRepeated: 1,
      leasesExpired: 1,
      fencedAccepted: 1,
      fencedRefused: 1,
      locksGranted: 1,
      sessionsExpired: 1,
    });
  });
});

describe("EO", () => {
  it("trips when a mutation of a session takes effect again", () => {
    const run = new HandMadeRun();
    const session = run.grant(true);
    run.run(onSession(session, 1, put("/s", "1")));
    // As if the session's results had been lost: the command takes effect like one of no session.
    const again = onSession(session, 1, put("/s", "1"));
    const entry = run.entry(3, 1);
    const [node] = run.nodes;
    const outcome = node.machine.apply(3, 1, [command(put("/s", "1"))]);
    const apply = () =>
      run.observer.applied(node, entry, [again], outcome, undefined, node.machine, run.trueMs);
    expect(tripped(apply)).toBe("EO");
  });

  it("trips when a repeated mutation is answered differently", () => {
    const run = new HandMadeRun();
    const session = run.grant(true);
    const again = onSession(session, 1, put("/s", "1"));
    run.run(again);
    run.put("/other", "1");
    expect(tripped(() => run.runFalsified([again], withResult(refused("FENCED"))))).toBe("EO");
  });

  it("trips when a mutation is forgotten that its client waits for, and not when it does not", () => {
    const run = new HandMadeRun();
    const session = run.grant(true);
    const first = onSession(session, 1, put("/s", "1"));
    run.run(first, onSession(session, 2, put("/s", "2")));
    expect(tripped(() => run.runFalsified([first], withResult(refused("SEQUENCE_FORGOTTEN"))))).toBe("EO");
    const other = new HandMadeRun();
    const another = other.grant(true);
    const forgotten = onSession(another, 1, put("/s", "1"));
    other.run(forgotten, { ...onSession(another, 2, put("/s", "2")), lowestPending: 2 });
    expect(other.run(forgotten).results[0]).toMatchObject({ code: "SEQUENCE_FORGOTTEN" });
    const fresh = new HandMadeRun();
    const unheard = onSession(fresh.grant(true), 1, del("/nothing"));
    expect(tripped(() => fresh.runFalsified([unheard], withResult(refused("SEQUENCE_FORGOTTEN"))))).toBe(
      "EO",
    );
  });

  it("trips when a session that lives is taken for expired, or one that is over takes a mutation", () => {
    const run = new HandMadeRun();
    const session = run.grant(true);
    const mutation = onSession(session, 1, del("/nothing"));
    expect(tripped(() => run.runFalsified([mutation], withResult(refused("SESSION_EXPIRED"))))).toBe("EO");
    const other = new HandMadeRun();
    const result: Result = { kind: "delete", revision: 0, deleted: 0, previous: [] };
    expect(tripped(() => other.runFalsified([mutation], withResult(result)))).toBe("EO");
  });
});

describe("HASH", () => {
  it("trips on two hashes of the state at one index", () => {
    const run = new HandMadeRun();
    run.put("/a", "1");
    run.observer.died(2);
    run.nodes[1].boot = 2;
    expect(tripped(() => run.observer.booted(run.nodes[1], "another", run.trueMs))).toBe("HASH");
  });

  it("trips when an entry has another outcome on another node", () => {
    const run = new HandMadeRun();
    const falsify = (outcome: Applied): Applied => ({ ...outcome, leasesGranted: [7] });
    expect(tripped(() => run.runFalsified([command(put("/a", "1"))], falsify))).toBe("HASH");
  });
});

describe("LIN, of what is applied", () => {
  it("trips when a refused command changes something", () => {
    const run = new HandMadeRun();
    expect(tripped(() => run.runFalsified([command(put("/a", "1"))], withResult(refused("FENCED"))))).toBe(
      "LIN",
    );
  });

  it("trips when a change does not continue the version before it", () => {
    const forget = ({ entry, ...change }: Change): Change =>
      entry === undefined ? { ...change, entry } : { ...change, entry: { ...entry, version: 1 } };
    const run = new HandMadeRun();
    run.put("/a", "1");
    const falsify = (outcome: Applied): Applied => ({ ...outcome, changes: outcome.changes.map(forget) });
    expect(tripped(() => run.runFalsified([command(put("/a", "2"))], falsify))).toBe("LIN");
  });
});

describe("FENCE", () => {
  it("trips when a stale token is accepted", () => {
    const run = new HandMadeRun();
    const token = run.put("/lock", "", { sequential: true });
    run.delete(`/lock/${String(token).padStart(16, "0")}`);
    const stale = command(put("/f", "1"), { key: "/lock", token });
    const [node] = run.nodes;
    const outcome = node.machine.apply(3, 1, [command(put("/f", "1"))]);
    const apply = () =>
      run.observer.applied(node, run.entry(3, 1), [stale], outcome, undefined, node.machine, run.trueMs);
    expect(tripped(apply)).toBe("FENCE");
  });

  it("trips when the owner is refused", () => {
    const run = new HandMadeRun();
    const token = run.put("/lock", "", { sequential: true });
    const fenced = command(del("/nothing"), { key: "/lock", token });
    expect(tripped(() => run.runFalsified([fenced], withResult(refused("FENCED"))))).toBe("FENCE");
  });
});

describe("MUTEX", () => {
  function waitingRun(): { run: HandMadeRun; first: number; second: number } {
    const run = new HandMadeRun();
    run.client({ kind: "lockWaiting", attempt: 1, path: "/lock" });
    run.client({ kind: "lockWaiting", attempt: 2, path: "/lock" });
    const first = run.put("/lock", "", { sequential: true });
    return { run, first, second: run.put("/lock", "", { sequential: true }) };
  }
  const granted = { kind: "lockGranted", path: "/lock" } as const;

  it("trips when a lock is granted to one who waits, and not when it is its turn", () => {
    const { run, first, second } = waitingRun();
    run.client({ ...granted, attempt: 1, token: first });
    expect(tripped(() => run.client({ ...granted, attempt: 2, token: second }))).toBe("MUTEX");
    const other = waitingRun();
    other.run.delete(`/lock/${String(other.first).padStart(16, "0")}`);
    expect(tripped(() => other.run.client({ ...granted, attempt: 2, token: other.second }))).toBeUndefined();
  });

  it("trips when a token is granted twice", () => {
    const { run, first } = waitingRun();
    run.client({ ...granted, attempt: 1, token: first });
    expect(tripped(() => run.client({ ...granted, attempt: 2, token: first }))).toBe("MUTEX");
  });

  it("trips when a token is older than the wait", () => {
    const { run, first } = waitingRun();
    run.trueMs += 10;
    run.client({ kind: "lockWaiting", attempt: 3, path: "/lock" });
    expect(tripped(() => run.client({ ...granted, attempt: 3, token: first }))).toBe("MUTEX");
  });

  it("leaves the ownership where it is while an entry that was put by hand is before it, or another takes its place", () => {
    const { run, first, second } = waitingRun();
    run.client({ ...granted, attempt: 1, token: first });
    const byHand = run.put(sequentialKey("/lock", 0), "");
    expect(tripped(() => run.client({ ...granted, attempt: 3, token: byHand }))).toBe("MUTEX");
    const other = waitingRun();
    other.run.put(sequentialKey("/lock", 0), "");
    other.run.delete(sequentialKey("/lock", 0));
    other.run.client({ ...granted, attempt: 1, token: other.first });
    other.run.delete(sequentialKey("/lock", other.first));
    other.run.put(sequentialKey("/lock", other.first), "");
    other.run.delete(sequentialKey("/lock", other.first));
    other.run.client({ ...granted, attempt: 2, token: other.second });
    expect(second).toBe(other.second);
  });

  it("trips when a value is announced under a token that was not held any more", () => {
    const { run, first } = waitingRun();
    const proclaimed = { kind: "proclaimed", path: "/lock", attempt: 1, token: first } as const;
    run.client({ ...proclaimed, sentMs: run.trueMs });
    run.delete(sequentialKey("/lock", first));
    run.client({ ...proclaimed, sentMs: run.trueMs });
    expect(tripped(() => run.client({ ...proclaimed, sentMs: run.trueMs + 1 }))).toBe("MUTEX");
  });
});

describe("LEASE", () => {
  const expiry = (lease: number, term = 1, asOfIndex = 9) =>
    command({ kind: "expire", term, leases: [lease], asOfIndex });

  it("trips when a lease expires before its time, from its grant or an answered keepalive", () => {
    const run = new HandMadeRun();
    const lease = run.grant();
    run.trueMs += 1_700;
    expect(tripped(() => run.run(expiry(lease)))).toBe("LEASE");
    const other = new HandMadeRun();
    const renewed = other.grant();
    other.trueMs += 1_000;
    other.client({
      kind: "keepaliveAnswered",
      lease: renewed,
      sentMs: other.trueMs,
      ttlMs: 2_000,
      leases: 1,
    });
    other.trueMs += 1_700;
    expect(tripped(() => other.run(expiry(renewed)))).toBe("LEASE");
  });

  it("trips when it ends right after an entry that renewed it, though nobody heard of that yet", () => {
    const renewal = (lease: number) =>
      command({ kind: "checkpoint", term: 1, leases: [{ id: lease, remainingMs: 0 }], asOfIndex: 9 });
    const run = new HandMadeRun();
    const lease = run.grant();
    run.trueMs += 2_100;
    run.run(renewal(lease));
    expect(run.observer.summary).toMatchObject({ leasesRenewedInLog: 1, leasesRenewedOverdue: 1 });
    run.trueMs += 1_700;
    expect(tripped(() => run.run(expiry(lease)))).toBe("LEASE");
    const other = new HandMadeRun();
    const early = other.grant();
    other.trueMs += 1_000;
    other.run(renewal(early));
    other.trueMs += 2_000;
    other.run(expiry(early));
    expect(other.observer.summary).toMatchObject({ leasesRenewedInLog: 1, leasesRenewedOverdue: 0 });
  });

  it("trips when a new leader does not give it its full time", () => {
    const run = new HandMadeRun();
    const lease = run.grant();
    run.trueMs += 1_900;
    run.elect(run.nodes[0], 2);
    run.trueMs += 100;
    expect(tripped(() => run.run(expiry(lease, 2)))).toBe("LEASE");
  });

  it("trips when the expiry of another term ends it", () => {
    const run = new HandMadeRun();
    const lease = run.grant();
    run.trueMs += 5_000;
    const falsify = (outcome: Applied): Applied => ({ ...outcome, leasesEnded: [lease] });
    expect(tripped(() => run.runFalsified([expiry(lease, 7)], falsify))).toBe("LEASE");
  });

  it("trips when a keepalive sent before turns out to have been answered", () => {
    const run = new HandMadeRun();
    const lease = run.grant();
    const sentMs = run.trueMs + 1_500;
    run.trueMs += 2_000;
    run.run(expiry(lease));
    expect(
      tripped(() => run.client({ kind: "keepaliveAnswered", lease, sentMs, ttlMs: 2_000, leases: 1 })),
    ).toBe("LEASE");
  });

  it("trips when a keepalive sent after its end is answered well", () => {
    const run = new HandMadeRun();
    const lease = run.grant();
    run.run(command({ kind: "revoke", lease }));
    run.client({ kind: "leaseRevoked", lease });
    const sentMs = run.trueMs + 1;
    expect(
      tripped(() => run.client({ kind: "keepaliveAnswered", lease, sentMs, ttlMs: 2_000, leases: 1 })),
    ).toBe("LEASE");
  });

  it("trips when a revoked lease lives on", () => {
    const run = new HandMadeRun();
    const lease = run.grant();
    expect(tripped(() => run.client({ kind: "leaseRevoked", lease }))).toBe("LEASE");
  });

  it("trips when a key outlives it, or is put on it after its end", () => {
    const run = new HandMadeRun();
    const lease = run.grant();
    run.put("/k", "1", { lease });
    const keep = (outcome: Applied): Applied => ({
      ...outcome,
      results: [{ kind: "done", revision: 1 }],
      changes: [],
    });
    expect(tripped(() => run.runFalsified([command({ kind: "revoke", lease })], keep))).toBe("LEASE");
    const other = new HandMadeRun();
    const attach = (outcome: Applied): Applied => ({
      ...outcome,
      changes: outcome.changes.map(({ entry, ...change }) =>
        entry === undefined ? { ...change, entry } : { ...change, entry: { ...entry, lease: 5 } },
      ),
    });
    expect(tripped(() => other.runFalsified([command(put("/k", "1"))], attach))).toBe("LEASE");
  });
});

describe("SESSION", () => {
  it("trips when an expired session comes back", () => {
    const run = new HandMadeRun();
    for (const state of ["connected", "suspended", "resumed", "expired"] as const) {
      run.client({ kind: "sessionState", session: 1, state });
    }
    expect(tripped(() => run.client({ kind: "sessionState", session: 1, state: "connected" }))).toBe(
      "SESSION",
    );
  });

  it.each([
    ["suspended"],
    ["connected", "connected"],
    ["connected", "resumed"],
    ["connected", "suspended", "connected"],
    ["connected", "closed", "expired"],
  ] as const)("trips when a session is told %s, %s, %s", (...states) => {
    const run = new HandMadeRun();
    expect(
      tripped(() => {
        for (const state of states) run.client({ kind: "sessionState", session: 1, state });
      }),
    ).toBe("SESSION");
  });
});
