import type { LogEntry } from "../../../server/src/raft/index.js";
import type { Applied, Change, Entry } from "../../../server/src/state-machine/index.js";
import { sameEntry } from "./same.js";
import { violated } from "./violation.js";

/** One log entry as the first node applied it. */
export interface AppliedEntry {
  readonly entry: LogEntry;
  readonly outcome: Applied;
  /** The store's revision after it. */
  readonly revision: number;
  /** When the first node applied it, in true time. */
  readonly trueMs: number;
}

/**
 * What happened, as the first node to apply each entry told it: every other node, watch and answer is held to this. It
 * keeps all of a run: entries, changes and every version of every key.
 */
export class ReferenceHistory {
  readonly changes: Change[] = [];
  /** The keys that exist. */
  readonly live = new Map<string, Entry>();
  readonly #entries: AppliedEntry[] = [];
  readonly #versions = new Map<string, Change[]>();
  // By revision: position of its first change in `changes`, and when it was first applied. Revision 0 has no change.
  readonly #firstChange: number[] = [0];
  readonly #appliedMs: number[] = [0];
  #compactedRevision = 0;

  /** Index of the last entry applied anywhere. */
  get index(): number {
    return this.#entries.length;
  }

  /** The revision of the newest state of any node. */
  get revision(): number {
    return this.#firstChange.length - 1;
  }

  /** The lowest readable revision of that state. */
  get compactedRevision(): number {
    return this.#compactedRevision;
  }

  /** An entry that was applied. */
  entry(index: number): AppliedEntry | undefined {
    return this.#entries[index - 1];
  }

  /** Takes in the changes of the next command. */
  addChanges(changes: readonly Change[], trueMs: number): void {
    for (const change of changes) this.#addChange(change, trueMs);
  }

  /** Takes in the next entry, whose changes are in already. */
  addEntry(entry: LogEntry, outcome: Applied, compactedRevision: number, trueMs: number): void {
    this.#compactedRevision = compactedRevision;
    this.#entries.push({ entry, outcome, revision: this.revision, trueMs });
  }

  /** When a revision was first applied; undefined for one that has not happened. */
  appliedMs(revision: number): number | undefined {
    return this.#appliedMs[revision];
  }

  /** Position in `changes` of the first change of this revision or a later one. */
  positionOf(revision: number): number {
    return this.#firstChange[Math.max(0, revision)] ?? this.changes.length;
  }

  /** Every key that ever existed. */
  keys(): Iterable<string> {
    return this.#versions.keys();
  }

  /** All versions of a key, deletes included, in order. */
  versions(key: string): readonly Change[] {
    return this.#versions.get(key) ?? [];
  }

  /** The change of a key at exactly this revision. */
  changeAt(key: string, revision: number): Change | undefined {
    const version = this.#latest(key, revision);
    return version?.revision === revision ? version : undefined;
  }

  /** The entry of a key as of a revision; undefined when it did not exist. */
  entryAt(key: string, revision: number): Entry | undefined {
    return this.#latest(key, revision)?.entry;
  }

  /** The revision at which the version of a key that is current at `revision` was superseded; undefined if it was not. */
  supersededAt(key: string, revision: number): number | undefined {
    const versions = this.versions(key);
    return versions[countUpTo(versions, revision)]?.revision;
  }

  #latest(key: string, revision: number): Change | undefined {
    const versions = this.versions(key);
    return versions[countUpTo(versions, revision) - 1];
  }

  /** The revision counter rises by one for each transaction, and a change continues the version before it. */
  #addChange(change: Change, trueMs: number): void {
    const { key, revision, entry } = change;
    if (revision === this.revision + 1) {
      this.#firstChange.push(this.changes.length);
      this.#appliedMs.push(trueMs);
    } else if (revision !== this.revision || revision === 0) {
      violated("LIN", `a change of ${key} has revision ${revision} after ${this.revision}`, {
        key,
        revision,
      });
    }
    const before = this.live.get(key);
    if (!sameEntry(before, change.previous)) {
      violated("LIN", `the change of ${key} at revision ${revision} follows a version that was not current`, {
        key,
        revision,
        current: before?.modRevision,
        previous: change.previous?.modRevision,
      });
    }
    if (entry !== undefined) checkContinues(before, entry, revision);
    else if (before === undefined) violated("LIN", `${key} is deleted and did not exist`, { key, revision });
    this.changes.push(change);
    const versions = this.#versions.get(key);
    if (versions === undefined) this.#versions.set(key, [change]);
    else versions.push(change);
    if (entry === undefined) this.live.delete(key);
    else this.live.set(key, entry);
  }
}

function checkContinues(before: Entry | undefined, entry: Entry, revision: number): void {
  const createRevision = before === undefined ? revision : before.createRevision;
  const version = before === undefined ? 1 : before.version + 1;
  if (entry.modRevision === revision && entry.createRevision === createRevision && entry.version === version)
    return;
  violated("LIN", `${entry.key} at revision ${revision} does not continue the version before`, {
    key: entry.key,
    revision,
    found: [entry.createRevision, entry.modRevision, entry.version],
    expected: [createRevision, revision, version],
  });
}

/** How many versions are of this revision or an earlier one. */
function countUpTo(versions: readonly Change[], revision: number): number {
  const last = versions.at(-1);
  if (last === undefined || last.revision <= revision) return versions.length;
  let low = 0;
  let high = versions.length - 1;
  while (low < high) {
    const middle = (low + high) >>> 1;
    if ((versions[middle]?.revision ?? 0) <= revision) low = middle + 1;
    else high = middle;
  }
  return low;
}
