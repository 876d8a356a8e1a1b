import { describe, expect, it } from "vitest";
import type { CommandBody, TxnOperation } from "./command.js";
import { compare, del, put, range, seeded, TestMachine, textOf, txn } from "./machine.test-support.js";
import { checkTxn } from "./txn-check.js";

interface ModelEntry {
  value: string;
  create: number;
  mod: number;
  version: number;
}

/** The store as plainly as it can be said: a whole map for each revision. */
class Model {
  revisions: Map<string, ModelEntry>[] = [new Map()];
  compacted = 0;

  get current(): Map<string, ModelEntry> {
    return this.revisions[this.revisions.length - 1] ?? new Map();
  }

  get revision(): number {
    return this.revisions.length - 1;
  }

  apply(body: CommandBody): void {
    const next = new Map(this.current);
    if (this.#change(next, body)) this.revisions.push(next);
  }

  at(revision: number): string {
    return JSON.stringify([...(this.revisions[revision] ?? new Map())].sort(([a], [b]) => (a < b ? -1 : 1)));
  }

  #change(next: Map<string, ModelEntry>, body: CommandBody | TxnOperation): boolean {
    const revision = this.revision + 1;
    switch (body.kind) {
      case "put": {
        const key = body.sequential ? `${body.key}/${String(revision).padStart(16, "0")}` : body.key;
        const before = next.get(key);
        const value = textOf(body.value);
        const [create, version] = before === undefined ? [revision, 1] : [before.create, before.version + 1];
        next.set(key, { value, create, mod: revision, version });
        return true;
      }
      case "delete": {
        let deleted = false;
        for (const key of [...next.keys()]) {
          const inSubtree = body.subtree && (key === body.key || key.startsWith(`${body.key}/`));
          const inRange = key >= body.key && (body.end === "" || (body.end !== undefined && key < body.end));
          const only = body.end === undefined && key === body.key;
          if (inSubtree || inRange || only) deleted = next.delete(key) || deleted;
        }
        return deleted;
      }
      case "txn": {
        const holds = body.compares.every((each) => {
          const version = this.current.get(each.key)?.version ?? 0;
          return each.target.kind === "version" && version === each.target.number;
        });
        let changed = false;
        for (const each of holds ? body.then : body.otherwise) changed = this.#change(next, each) || changed;
        return changed;
      }
      case "compact":
        this.compacted = body.revision;
        return false;
      default:
        return false;
    }
  }
}

function stateAt(t: TestMachine, revision: number): string {
  const { entries } = t.range("/", { end: "", revision });
  return JSON.stringify(
    entries.map(({ key, entry }) => [
      key,
      {
        value: textOf(entry?.value ?? new Uint8Array()),
        create: entry?.createRevision,
        mod: entry?.modRevision,
        version: entry?.version,
      },
    ]),
  );
}

/** Random commands over few keys, so that they collide all the time. */
class Commands {
  readonly #random: () => number;
  readonly #model: Model;

  constructor(random: () => number, model: Model) {
    this.#random = random;
    this.#model = model;
  }

  next(): CommandBody {
    const dice = this.#random();
    const { revision, compacted } = this.#model;
    if (dice < 0.5) return this.#put();
    if (dice < 0.75) return this.#delete();
    if (dice < 0.97 || revision <= compacted) return this.#txn();
    return { kind: "compact", revision: compacted + 1 + this.#below(Math.min(40, revision - compacted)) };
  }

  #txn(): CommandBody {
    for (;;) {
      const guard = compare(this.#key(), "version", "equal", this.#below(3));
      const list = () => Array.from({ length: this.#below(4) }, () => this.#operation());
      const nested = txn([compare(this.#key(), "version", "equal", 0)], list(), list());
      const candidate = txn([guard], this.#random() < 0.3 ? [...list(), nested] : list(), list());
      if (checkTxn(candidate) === undefined) return candidate;
    }
  }

  #operation(): TxnOperation {
    const dice = this.#random();
    if (dice < 0.6) return this.#put();
    return dice < 0.8 ? this.#delete() : range(this.#key());
  }

  #put() {
    return put(this.#key(), String(this.#below(1_000)), { sequential: this.#random() < 0.1 });
  }

  #delete() {
    const dice = this.#random();
    if (dice < 0.6) return del(this.#key());
    return dice < 0.8 ? del(this.#key(), { subtree: true }) : del(this.#key(), { end: this.#key() });
  }

  #key(): string {
    return `/${"abc"[this.#below(3)]}${this.#random() < 0.5 ? "" : `/${this.#below(4)}`}`;
  }

  #below(count: number): number {
    return Math.floor(this.#random() * count);
  }
}

describe("the store against a naive model", () => {
  it.each([1, 2, 3, 4, 5, 6])("agrees at every readable revision, across restarts (seed %i)", (seed) => {
    const random = seeded(seed);
    const model = new Model();
    const commands = new Commands(random, model);
    const t = new TestMachine();
    // A twin that never restarts: equal entries must make equal hashes.
    const twin = new TestMachine();
    let restarts = 0;
    let compactions = 0;
    for (let step = 0; step < 1_500; step += 1) {
      const body = commands.next();
      if (body.kind === "compact") compactions += 1;
      const result = t.run(body);
      expect(result.kind, JSON.stringify(result)).not.toBe("error");
      expect(twin.run(body)).toEqual(result);
      model.apply(body);
      expect(t.machine.revision).toBe(model.revision);
      expect(t.machine.compactedRevision).toBe(model.compacted);
      expect(t.machine.keyCount).toBe(model.current.size);
      expect(t.machine.hash).toBe(twin.machine.hash);
      if (step % 25 === 0) expect(stateAt(t, 0)).toBe(model.at(model.revision));
      if (random() < 0.1) t.flush();
      if (random() < 0.02) {
        t.flush();
        t.restart();
        restarts += 1;
      }
    }
    t.flush();
    twin.flush();
    expect(t.disk.changeCount).toBe(twin.disk.changeCount);
    for (let revision = Math.max(1, model.compacted); revision <= model.revision; revision += 1) {
      expect(stateAt(t, revision)).toBe(model.at(revision));
    }
    expect(Math.min(restarts, compactions)).toBeGreaterThan(5);
  });

  it("keeps on disk no more than the retained history", () => {
    const random = seeded(42);
    const model = new Model();
    const commands = new Commands(random, model);
    const t = new TestMachine();
    for (let step = 0; step < 3_000; step += 1) {
      const body = commands.next();
      t.run(body);
      model.apply(body);
    }
    t.run({ kind: "compact", revision: model.revision });
    t.flush();
    // What is live, and what ended or was deleted at the compacted revision itself.
    const changedLast = t.machine.changeLog.from(model.revision, 1).length;
    expect(t.disk.changeCount).toBeLessThanOrEqual(model.current.size + 2 * changedLast);
  });
});
