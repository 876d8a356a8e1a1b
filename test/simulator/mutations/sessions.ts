import type { Mutation } from "./mutation.js";

const keepAlives = "sdk/src/lease/keep-alives.ts";

/** Sessions and leases that end though their client lives and could reach a majority. */
export const sessionMutations: readonly Mutation[] = [
  {
    name: "keepalive-refused-for-load",
    wrong: "a keepalive needs a place among the reads that wait at the leader",
    trips: ["LEASE"],
    court: "unit tests",
    tests: ["server/src/node/reads.test.ts"],
    edits: [
      {
        file: "server/src/node/reads.ts",
        find: "if (!ofLeases && this.count >=",
        replace: "if (this.count >=",
      },
    ],
  },
  {
    name: "keepalive-gives-up-when-refused",
    wrong: "a keepalive that one node refuses is not sent to another, and not again",
    trips: ["LEASE"],
    court: "unit tests",
    tests: ["sdk/src/lease/keep-alives.test.ts"],
    edits: [
      {
        file: keepAlives,
        find: 'if (answer.code === "INVALID_ARGUMENT" || answer.code === "TOO_LARGE") {',
        replace: "if (this.#limits.timeoutMs > 0) {",
      },
    ],
  },
  {
    name: "keepalive-waits-for-a-silent-node",
    wrong: "a keepalive goes by a second node only when the first has refused it, and so does the next one",
    trips: ["LEASE"],
    court: "simulator",
    edits: [
      {
        file: keepAlives,
        find: "this.#nextAfter(Math.min(patienceMs, leftMs));",
        replace: "this.#nextAfter(leftMs);",
      },
      {
        file: keepAlives,
        find: "this.#connections.silentMs(endpoint, nowMs) >= patienceMs / 2;",
        replace: "this.#connections.silentMs(endpoint, nowMs) === -1;",
      },
    ],
  },
  {
    name: "patience-whatever-the-ttl",
    wrong: "a keepalive is as patient with a silent node as a long session bears",
    trips: ["LEASE"],
    court: "simulator",
    edits: [
      {
        file: "sdk/src/lease/lease-keeper.ts",
        find: "return Math.min(ttlMs / nodesPerTtl, bounds.keepAlivePatienceMaxMs);",
        replace: "return Math.max(ttlMs / nodesPerTtl, bounds.keepAlivePatienceMaxMs);",
      },
    ],
  },
];
