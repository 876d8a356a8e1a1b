import type { Mutation } from "./mutation.js";

const leaseClock = "server/src/node/lease-clock.ts";

/** Leases that end too late or too early, where leaders change or renewals are entries. */
export const leaseMutations: readonly Mutation[] = [
  {
    name: "full-time-at-every-change",
    wrong: "every new leader gives a lease its full time again, whatever the log says that it has left",
    trips: ["LEASE"],
    court: "simulator",
    edits: [
      {
        file: leaseClock,
        find: "const timeMs = remainingMs === 0 ? ttlMs : Math.min(ttlMs, remainingMs);",
        replace: "const timeMs = Math.max(ttlMs, remainingMs);",
      },
    ],
  },
  {
    name: "checkpoints-never-proposed",
    wrong: "the log is never told what a lease has left",
    trips: ["LEASE"],
    court: "simulator",
    edits: [
      {
        file: leaseClock,
        find: "if (checkpoints && !this.checkpointUnderWay) this.lookForUnrenewed(nowMs, due);",
        replace: "",
      },
    ],
  },
  {
    name: "shared-keepalive-renews-the-first",
    wrong: "a keepalive of several leases renews the first, and is answered for all",
    trips: ["LEASE"],
    court: "simulator",
    edits: [
      {
        file: leaseClock,
        find: '      if (timer.expiry !== "none") return ttlMs;\n',
        replace: '      if (timer.expiry !== "none" || id !== ids[0]) return ttlMs;\n',
      },
    ],
  },
  {
    name: "renewal-under-way-forgotten",
    wrong: "a lease is ended while the entry that renews it is on its way",
    trips: ["LEASE"],
    court: "simulator",
    edits: [
      {
        file: leaseClock,
        find: "if (isHeld || timer.resets > 0) {",
        replace: "if (isHeld) {",
      },
    ],
  },
  {
    name: "checkpoint-behind-renewal",
    wrong: "the log is told what a lease has left behind the entry that renews it, which is then answered",
    trips: ["LEASE"],
    // It shows only when the next leader follows at once and the next keepalive does not come.
    court: "unit tests",
    tests: ["server/src/node/lease-clock.test.ts"],
    edits: [
      {
        file: leaseClock,
        find: 'if (timer.resets === 0 && timer.expiry === "none" && remainingMs > 0) {',
        replace: 'if (timer.expiry === "none" && remainingMs > 0) {',
      },
    ],
  },
  {
    name: "shared-renewal-in-log-of-the-first",
    wrong: "the entry that renews several leases takes back the checkpoint of the first alone",
    trips: ["LEASE"],
    // It shows only when the next leader follows at once and the next keepalive does not come.
    court: "unit tests",
    tests: ["server/src/node/lease-keeper.test.ts"],
    edits: [
      {
        file: "server/src/node/lease-keeper.ts",
        find: "const leases = alive.map((id) => ({ id, remainingMs: 0 }));",
        replace: "const leases = alive.slice(0, 1).map((id) => ({ id, remainingMs: 0 }));",
      },
    ],
  },
];
