import { type Change, type Entry, sequentialKey } from "../../../server/src/state-machine/index.js";

/**
 * Whether an entry of a queue was put there by hand, not by a contender: a sequential put names its entry by the revision
 * that created it.
 */
export function isByHand({ key, createRevision }: Pick<Entry, "key" | "createRevision">): boolean {
  return key !== sequentialKey(key.slice(0, key.lastIndexOf("/")), createRevision);
}

/** A contender's entry, from its creation to its end. */
export interface ContenderEntry {
  readonly key: string;
  readonly lease: number;
  /** When it was deleted, in true time; undefined while it is there. */
  goneMs: number | undefined;
  /** Whether somebody else wrote to it: then it may live on without its contender's session. */
  rewritten: boolean;
}

const decoder = new TextDecoder();
const named = /^attempt (\d+)\b/;

/** What a contender writes into its entry, so that it can be told whose it is. */
export function contenderValue(attempt: number): string {
  return `attempt ${attempt}`;
}

/** The entries of contenders in all queues, by their attempts, as the log has them. */
export class QueueEntries {
  readonly #byAttempt = new Map<number, ContenderEntry>();
  readonly #byKey = new Map<string, ContenderEntry>();

  of(attempt: number): ContenderEntry | undefined {
    return this.#byAttempt.get(attempt);
  }

  /** The changes of one revision were made. */
  changed(changes: readonly Change[], trueMs: number): void {
    for (const { key, entry, previous } of changes) {
      const known = this.#byKey.get(key);
      if (entry === undefined) {
        if (known !== undefined) known.goneMs = trueMs;
        this.#byKey.delete(key);
      } else if (known !== undefined) {
        if (entry.lease !== known.lease) known.rewritten = true;
      } else if (previous === undefined && !isByHand(entry)) {
        this.#created(entry);
      }
    }
  }

  #created({ key, value, lease }: Entry): void {
    const [, attempt] = named.exec(decoder.decode(value)) ?? [];
    if (attempt === undefined) return;
    const entry = { key, lease, goneMs: undefined, rewritten: false };
    this.#byAttempt.set(Number(attempt), entry);
    this.#byKey.set(key, entry);
  }
}
