import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { type CommandBody, StateMachine } from "../../../server/src/state-machine/index.js";
import { StateStore as SqliteStateStore } from "../../../server/src/storage/state-store.js";
import { Random } from "../world/random.js";
import { del, isNewerThan, put, readFrom } from "./commands.test-support.js";
import { SimulatedDisk, setCurrentDisk } from "./simulated-disk.js";
import { StateStore } from "./state-store.js";

const ROOT = "/simulated";
const SEEDS = [1, 2, 3];

let directory: string;

beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), "quorate-parity-"));
  const disk = new SimulatedDisk({ root: ROOT, random: new Random(0).next });
  disk.volume.makeDirectory(ROOT);
  disk.boot();
  setCurrentDisk(disk);
});

afterEach(() => {
  setCurrentDisk(undefined);
  rmSync(directory, { recursive: true, force: true });
});

/** What comes out of a call: its value, or the error's type and message. */
function outcome<Value>(call: () => Value): Value | string {
  try {
    return call();
  } catch (error) {
    return String(error);
  }
}

describe.each(SEEDS)("the simulated state and the one on SQLite, seed %i", (seed) => {
  const random = new Random(seed).next;
  const below = (count: number): number => Math.floor(random() * count);
  const randomKey = (): string => `/k\xff${below(12)}`;

  interface States {
    real: SqliteStateStore;
    simulated: StateStore;
  }

  function openBoth(name: string): States {
    return {
      real: SqliteStateStore.open(join(directory, name)),
      simulated: StateStore.open(join(ROOT, name)),
    };
  }

  function closeBoth({ real, simulated }: States): void {
    real.close();
    simulated.close();
  }

  function randomBody(machine: StateMachine): CommandBody {
    const leases = [...machine.allLeases()].map(({ id }) => id);
    const lease = leases[below(leases.length)] ?? 0;
    const drawn = random();
    if (drawn < 0.4) {
      return put(randomKey(), "v".repeat(below(30)), {
        lease: random() < 0.4 ? lease : 0,
        returnPrevious: random() < 0.5,
        sequential: random() < 0.1,
      });
    }
    if (drawn < 0.55) return del(randomKey(), random() < 0.5);
    if (drawn < 0.7) {
      return {
        kind: "txn",
        compares: [isNewerThan(randomKey(), 1)],
        then: [put(randomKey(), "then"), put(randomKey(), "\0")],
        otherwise: random() < 0.5 ? [readFrom("/k")] : [],
      };
    }
    if (drawn < 0.82) {
      const wished = random() < 0.3;
      return {
        kind: "grant",
        ttlMs: 1 + below(9_000),
        lease: wished ? 1 + below(40) : 0,
        session: !wished && random() < 0.6,
      };
    }
    if (drawn < 0.9) return { kind: "revoke", lease };
    if (drawn < 0.96) return { kind: "compact", revision: Math.max(0, machine.revision - below(8)) };
    if (drawn < 0.975) {
      return { kind: "quota", key: randomKey(), keysMax: below(2) * below(9), bytesMax: below(300) };
    }
    if (drawn < 0.98) {
      return { kind: "limits", spaceBytesMax: below(2) * 100_000, sessionResultBytesMax: below(9_000) };
    }
    if (drawn < 0.983) return { kind: "historyId", id: `id${below(9)}` };
    const memberId = 2 ** 45 + below(3);
    return {
      kind: "member",
      memberId,
      name: `n${memberId}`,
      peerAddress: `host:${below(9)}`,
      clientEndpoint: "host:1",
      format: 1,
      incarnation: "abc",
    };
  }

  function applyRandomEntry(machine: StateMachine): void {
    const index = machine.appliedIndex + 1;
    const sessions = [...machine.allLeases()].filter(({ isSession }) => isSession);
    const commands = Array.from({ length: below(4) }, () => {
      const session = random() < 0.5 ? sessions[below(sessions.length)] : undefined;
      return {
        sessionId: session?.id ?? 0,
        sequence: session === undefined ? 0 : 1 + below(10) + Math.floor(index / 20),
        lowestPending: session === undefined ? 0 : Math.floor(index / 20),
        fence: undefined,
        body: randomBody(machine),
      };
    });
    const configuration = random() < 0.05 ? Uint8Array.of(below(256), 0, index % 256) : undefined;
    machine.apply(index, 1 + Math.floor(index / 100), commands, configuration);
  }

  function readable(store: StateStore | SqliteStateStore): unknown {
    const image = store.load();
    const content = image && {
      meta: image.meta,
      changes: [...image.changes],
      leases: [...image.leases].map((lease) => ({
        ...lease,
        session: lease.session && { ...lease.session, results: [...lease.session.results] },
      })),
      members: [...image.members],
      quotas: [...image.quotas],
      limits: image.limits,
      historyId: image.historyId,
    };
    return { meta: store.meta(), content };
  }

  function compareReads({ real, simulated }: States): void {
    const { lastSeq = 0, revision = 0 } = real.meta() ?? {};
    for (let at = 0; at < 5; at += 1) {
      const seq = below(lastSeq + 3);
      expect(simulated.change(seq)).toEqual(real.change(seq));
      const question = [below(revision + 3), below(12)] as const;
      expect(simulated.changesFrom(...question)).toEqual(real.changesFrom(...question));
    }
  }

  it("read alike after the same deltas, restarts and copies", async () => {
    let states = openBoth("state.db");
    let machine = new StateMachine(states.simulated);
    compareReads(states);
    for (let step = 0; step < 80; step += 1) {
      for (let count = below(12); count >= 0; count -= 1) applyRandomEntry(machine);
      const delta = machine.takeDelta();
      states.real.write(delta);
      states.simulated.write(delta);
      machine.changeLog.trim(machine.lastSeq);
      compareReads(states);
      if (step % 10 === 0) expect(readable(states.simulated)).toEqual(readable(states.real));
      if (random() < 0.1) {
        closeBoth(states);
        states = openBoth("state.db");
        const image = states.simulated.load();
        if (image === undefined) throw new Error("nothing was stored");
        machine = StateMachine.restore(image, states.simulated);
      }
      if (step % 25 === 24) {
        const name = `copy-${step}.db`;
        await states.real.backup(join(directory, name));
        await states.simulated.backup(join(ROOT, name));
        const copies = openBoth(name);
        expect(readable(copies.simulated)).toEqual(readable(copies.real));
        expect(copies.simulated.meta()?.hash).toBe(machine.hash);
        closeBoth(copies);
      }
    }
    expect(machine.revision).toBeGreaterThan(200);
    expect(machine.compactedRevision).toBeGreaterThan(100);
    closeBoth(states);
  });
});

it("both say the same of a directory that is not there", () => {
  expect(outcome(() => StateStore.open(join(ROOT, "none/state.db")))).toBe(
    outcome(() => SqliteStateStore.open(join(directory, "none/state.db"))),
  );
});
