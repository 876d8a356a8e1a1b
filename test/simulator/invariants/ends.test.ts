import { describe, expect, it } from "vitest";
import { command, HandMadeRun, tripped } from "./hand-made-run.test-support.js";

/** Ends a run so long after it was healed, which was now. */
function endAfter(run: HandMadeRun, ms: number): () => unknown {
  const healedMs = run.trueMs;
  return () =>
    run.observer.finish({ healed: run.nodes, healedMs, settledMs: healedMs, trueMs: healedMs + ms });
}

describe("LEASE, of leases that nobody keeps alive", () => {
  function orphan(how: "killed" | "closed" | "let go" | "never told"): HandMadeRun {
    const run = new HandMadeRun();
    const lease = run.grant(true);
    if (how === "never told") return run;
    run.client({ kind: "leaseGranted", lease, ttlMs: 2_000, sentMs: 1 });
    run.client({ kind: "sessionState", session: lease, state: "connected" });
    if (how === "killed") run.client({ kind: "killed" });
    else if (how === "closed") run.client({ kind: "sessionState", session: lease, state: "closed" });
    else run.client({ kind: "leaseLetGo", lease });
    return run;
  }

  it.each(["killed", "closed", "let go", "never told"] as const)("trips when one lives on (%s)", (how) => {
    const run = orphan(how);
    // Twice its 2,000 ms, by a clock that is a tenth slow, and 5,000 ms.
    expect(run.observer.ownerlessLeases(run.trueMs, run.trueMs + 9_000)).toHaveLength(1);
    expect(tripped(() => run.observer.ownerlessLeases(run.trueMs, run.trueMs + 9_500))).toBe("LEASE");
    expect(tripped(endAfter(orphan(how), 9_500))).toBe("LEASE");
  });

  it("leaves alone what its owner keeps alive, and what is over", () => {
    const run = new HandMadeRun();
    const kept = run.grant();
    run.client({ kind: "leaseGranted", lease: kept, ttlMs: 2_000, sentMs: 1 });
    const over = run.grant();
    run.run(command({ kind: "revoke", lease: over }));
    expect(run.observer.ownerlessLeases(run.trueMs, run.trueMs + 100_000)).toEqual([]);
  });
});

describe("LEASE, of what clients are told", () => {
  function expired(): { run: HandMadeRun; lease: number } {
    const run = new HandMadeRun();
    const lease = run.grant();
    run.client({ kind: "leaseGranted", lease, ttlMs: 2_000, sentMs: 1 });
    run.trueMs += 2_000;
    run.run(command({ kind: "expire", term: 1, leases: [lease], asOfIndex: 9 }));
    return { run, lease };
  }

  it("trips when a lease expired and its living client never learned of it", () => {
    expect(tripped(endAfter(expired().run, 3_000))).toBeUndefined();
    expect(tripped(endAfter(expired().run, 3_500))).toBe("LEASE");
    const told = expired();
    told.run.client({ kind: "leaseLost", lease: told.lease });
    expect(tripped(endAfter(told.run, 3_500))).toBeUndefined();
    const { run } = expired();
    run.client({ kind: "killed" });
    expect(tripped(endAfter(run, 3_500))).toBeUndefined();
  });

  it("trips when a client that was not paused is told late", () => {
    const late = (afterMs: number, resumes: boolean) => () => {
      const { run, lease } = expired();
      run.trueMs += afterMs;
      if (resumes) run.client({ kind: "resumed" });
      run.client({ kind: "leaseLost", lease });
    };
    // Two clocks a tenth off measure 2,000 ms some 404 ms apart.
    expect(tripped(late(400, false))).toBeUndefined();
    expect(tripped(late(420, false))).toBe("LEASE");
    expect(tripped(late(420, true))).toBeUndefined();
  });

  it("trips when a keepalive is answered as if the lease were over, or with more than its TTL", () => {
    const keepalive = (afterMs: number, ttlMs: number) => () => {
      const run = new HandMadeRun();
      const lease = run.grant();
      const sentMs = run.trueMs;
      run.trueMs += afterMs;
      run.client({ kind: "keepaliveAnswered", lease, sentMs, ttlMs, leases: 1 });
    };
    expect(tripped(keepalive(1_700, 0))).toBe("LEASE");
    // Though it is due: it may live on while its end is only proposed.
    expect(tripped(keepalive(2_000, 0))).toBe("LEASE");
    const { run, lease } = expired();
    const told = { kind: "keepaliveAnswered", lease, sentMs: run.trueMs, ttlMs: 0, leases: 1 } as const;
    expect(tripped(() => run.client(told))).toBeUndefined();
    expect(tripped(keepalive(100, 2_000))).toBeUndefined();
    expect(tripped(keepalive(100, 2_001))).toBe("LEASE");
  });
});

describe("MUTEX, of what clients are told", () => {
  function lost(): HandMadeRun {
    const run = new HandMadeRun();
    run.client({ kind: "lockWaiting", attempt: 1, path: "/lock" });
    const token = run.put("/lock", "", { sequential: true });
    run.client({ kind: "lockGranted", attempt: 1, path: "/lock", token });
    run.delete(`/lock/${String(token).padStart(16, "0")}`);
    return run;
  }

  it("trips when an ownership ended and its living client never learned of it", () => {
    expect(tripped(endAfter(lost(), 5_000))).toBeUndefined();
    expect(tripped(endAfter(lost(), 6_500))).toBe("MUTEX");
    for (const kind of ["lockLost", "lockReleased"] as const) {
      const run = lost();
      run.client({ kind, attempt: 1, path: "/lock" });
      expect(tripped(endAfter(run, 6_500))).toBeUndefined();
    }
    const run = lost();
    run.client({ kind: "killed" });
    expect(tripped(endAfter(run, 6_500))).toBeUndefined();
  });
});
