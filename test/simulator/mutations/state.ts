import type { Mutation } from "./mutation.js";

const stateMachine = "server/src/state-machine/state-machine.ts";
const leaseClock = "server/src/node/lease-clock.ts";
const leaseKeeper = "server/src/node/lease-keeper.ts";

/** Wrong sessions, leases and locks. */
export const stateMutations: readonly Mutation[] = [
  {
    name: "retried-mutation-applied-twice",
    wrong: "a mutation that was applied is applied again when it is retried",
    trips: ["EO"],
    court: "simulator",
    edits: [{ file: stateMachine, find: "    if (kept !== undefined) return kept;\n", replace: "" }],
  },
  {
    name: "definite-failure-of-pending-entry",
    wrong: "a client is told that an entry was not committed when nobody knows",
    trips: ["LIN", "EO"],
    court: "simulator",
    edits: [
      {
        file: "server/src/node/failure.ts",
        find: `  code: "OUTCOME_UNKNOWN",
  message: "the leader changed`,
        replace: `  code: "NO_QUORUM",
  message: "the leader changed`,
      },
    ],
  },
  {
    name: "clock-in-apply",
    wrong: "what an entry does depends on the clock of the node that applies it",
    trips: ["HASH"],
    court: "simulator",
    edits: [
      {
        file: "server/src/state-machine/lease.ts",
        find: "const lease = new Lease(id, ttlMs, index,",
        replace: "const lease = new Lease(id, ttlMs + (Math.floor(performance.now()) % 3), index,",
      },
    ],
  },
  {
    name: "chance-in-apply",
    wrong: "what an entry does depends on chance",
    trips: ["HASH"],
    court: "simulator",
    edits: [
      {
        file: "server/src/state-machine/lease.ts",
        find: "const lease = new Lease(id, ttlMs, index,",
        replace: "const lease = new Lease(id, ttlMs + Math.floor(Math.random() * 3), index,",
      },
    ],
  },
  {
    name: "map-order-in-apply",
    wrong: "the keys of a lease end in the order in which a node happens to hold them",
    trips: ["HASH", "SMS"],
    court: "simulator",
    edits: [
      {
        file: "server/src/state-machine/writer.ts",
        find: "[...lease.keys()].sort(byBytes)",
        replace: "[...lease.keys()]",
      },
    ],
  },
  {
    name: "stalled-leader-expires",
    wrong: "a leader that stood still ends leases before it has read the keepalives that piled up meanwhile",
    trips: ["LEASE"],
    // To their holders they were over: none of the keepalives had been answered, and nothing that was promised breaks.
    court: "unit tests",
    tests: ["server/src/node/lease-clock.test.ts"],
    edits: [{ file: leaseClock, find: "    if (stalled) return NOTHING_DUE;\n", replace: "" }],
  },
  {
    name: "read-before-apply",
    wrong: "a read is served as soon as its index is confirmed, before it is applied",
    trips: ["READ", "LIN"],
    court: "simulator",
    edits: [
      {
        file: "server/src/node/reads.ts",
        find: "else if (index <= appliedIndex) this.finish(batch.callers);",
        replace: "else if (index <= appliedIndex || appliedIndex >= 0) this.finish(batch.callers);",
      },
    ],
  },
  {
    name: "expiry-of-older-term-applied",
    wrong: "what a leader saw run out still counts after it was replaced",
    trips: ["LEASE"],
    court: "simulator",
    edits: [
      { file: stateMachine, find: "    if (expire.term !== term) return this.#done();\n", replace: "" },
      {
        file: leaseKeeper,
        find: "    if (node.leader !== node.self || node.term !== term) return;\n",
        replace: "",
      },
      {
        file: leaseKeeper,
        find: "  leaderChanged(): void {\n    this.clock.stop();\n",
        replace: "  leaderChanged(): void {\n",
      },
    ],
  },
  {
    name: "expiry-by-wall-clock",
    wrong: "leases run out by the wall clock, which can be set",
    trips: ["LEASE"],
    court: "simulator",
    edits: [
      {
        file: leaseClock,
        find: "  tick(nowMs: number, checkpoints: boolean, heldMsMax: number): DueLeases {\n    if (!this.running) return NOTHING_DUE;",
        replace:
          "  tick(givenMs: number, checkpoints: boolean, heldMsMax: number): DueLeases {\n    if (!this.running) return NOTHING_DUE;\n    this.wallOffsetMs ??= Date.now() - givenMs;\n    const nowMs = Date.now() - this.wallOffsetMs;",
      },
    ],
  },
  {
    name: "expiry-decided-locally",
    wrong: "an entry that ends a lease does so only on nodes whose own clocks agree",
    trips: ["HASH", "LEASE"],
    court: "simulator",
    edits: [
      {
        file: "server/src/state-machine/lease.ts",
        find: "    this.grantedIndex = grantedIndex;\n",
        replace: "    this.grantedIndex = grantedIndex;\n    this.seenMs = performance.now();\n",
      },
      {
        file: stateMachine,
        find: "if (lease === undefined || lease.grantedIndex > expire.asOfIndex) continue;",
        replace:
          "if (lease === undefined || lease.grantedIndex > expire.asOfIndex) continue;\n      if (performance.now() - lease.seenMs < lease.ttlMs) continue;",
      },
    ],
  },
  {
    name: "ttl-not-extended-at-failover",
    wrong: "a new leader takes the time of leases to have run since they were granted",
    trips: ["LEASE"],
    court: "simulator",
    edits: [
      {
        file: leaseClock,
        find: "for (const lease of leases) this.takeOver(lease, nowMs);",
        replace: "for (const lease of leases) this.takeOver(lease, nowMs - lease.ttlMs);",
      },
    ],
  },
  {
    name: "checkpoint-outlives-renewal",
    wrong: "a renewal is answered though the log still says that the lease has less than its TTL left",
    trips: ["LEASE"],
    court: "simulator",
    edits: [
      {
        file: leaseKeeper,
        find: "return this.clock.checkpointed(ids).length > 0 && !this.clock.undecided(ids);",
        replace: "return ids.length < 0;",
      },
    ],
  },
  {
    name: "keepalive-of-ended-lease",
    wrong: "a keepalive of a lease that was revoked or has run out is answered well",
    trips: ["LEASE"],
    court: "simulator",
    edits: [
      {
        file: leaseClock,
        find: "      if (timer === undefined) return 0;\n      const { ttlMs } = timer.lease;",
        replace: "      if (timer === undefined) return 1_000;\n      const { ttlMs } = timer.lease;",
      },
    ],
  },
  {
    name: "undecided-expiry-renewed",
    wrong: "a keepalive of a lease whose end may be in the log is answered well",
    trips: ["LEASE"],
    court: "simulator",
    edits: [
      {
        file: leaseClock,
        find: 'return ids.some((id) => (this.timers.get(id)?.expiry ?? "none") !== "none");',
        replace: "return ids.length < 0;",
      },
    ],
  },
  {
    name: "undecided-expiry-told-as-gone",
    wrong: "a keepalive of a lease whose end may be in the log is answered as if it were gone",
    trips: ["LEASE"],
    court: "simulator",
    edits: [
      {
        file: leaseKeeper,
        find: "else done(this.clock.renew(ids, performance.now()) ?? expiryUndecided);",
        replace: "else done(this.clock.renew(ids, performance.now()) ?? ids.map(() => 0));",
      },
    ],
  },
  {
    name: "lease-keys-outlive-it",
    wrong: "the keys of a lease that runs out stay",
    trips: ["LEASE"],
    court: "simulator",
    edits: [
      {
        file: "server/src/state-machine/writer.ts",
        find: "for (const key of [...lease.keys()].sort(byBytes)) this.#deleteInto(key, []);",
        replace: "lease.attached = undefined;",
      },
    ],
  },
  {
    name: "lock-granted-without-looking-again",
    wrong: "who waited for its predecessor to go takes the lock without looking whether it is first",
    trips: ["MUTEX"],
    court: "simulator",
    edits: [
      {
        file: "sdk/src/ownership/contender.ts",
        find: "    // The predecessor may just have given up, with others still before it: look again.\n",
        replace: "    return;\n",
      },
    ],
  },
  {
    name: "lapsed-lease-kept-alive",
    wrong: "a client keeps a lease alive of which it was told that it may have ended",
    trips: ["LEASE"],
    court: "simulator",
    edits: [
      {
        file: "sdk/src/lease/lease.ts",
        find: "        this.end(\n          trouble instanceof HistoryChanged",
        replace: "        this.#lost.abort(\n          trouble instanceof HistoryChanged",
      },
    ],
  },
  {
    name: "lost-lock-not-told",
    wrong: "the owner of a lock whose entry was deleted is not told",
    trips: ["MUTEX"],
    court: "simulator",
    edits: [
      {
        file: "sdk/src/ownership/contender.ts",
        find: "if (error === undefined) this.#lose(",
        replace: "if (error === undefined && token < 0) this.#lose(",
      },
    ],
  },
  {
    name: "token-from-a-counter",
    wrong: "the fencing token is counted by the client instead of taken from the log",
    trips: ["FENCE", "MUTEX"],
    court: "simulator",
    edits: [
      {
        file: "sdk/src/ownership/contender.ts",
        find: "    this.token = token;\n",
        replace: "    tokens += 1;\n    this.token = tokens;\n",
      },
      {
        file: "sdk/src/ownership/contender.ts",
        find: "async function enter(",
        replace: "let tokens = 0;\n\nasync function enter(",
      },
    ],
  },
  {
    name: "stale-token-accepted",
    wrong: "a fence accepts the token of an owner that is not the owner any more",
    trips: ["FENCE"],
    court: "simulator",
    edits: [
      {
        file: "server/src/state-machine/fence.ts",
        find: "owner.createRevision === fence.token",
        replace: "owner.createRevision >= fence.token",
      },
    ],
  },
  {
    name: "read-of-the-past-too-new",
    wrong: "a read as of a revision finds the change of the next one when it is the key's last",
    trips: ["LIN", "WATCH"],
    court: "simulator",
    edits: [
      {
        file: "server/src/state-machine/mvcc.ts",
        find: "if (record.revision <= revision) return record.current;",
        replace: "if (record.revision <= revision + 1) return record.current;",
      },
    ],
  },
];
