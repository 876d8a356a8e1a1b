import type { Change, Entry } from "../../../server/src/state-machine/index.js";
import { isByHand } from "./queue-entries.js";
import { violated } from "./violation.js";

/** A time of ownership in the log: from the change that began it to the one that ended it. */
export interface Owner {
  readonly token: number;
  readonly sinceMs: number;
  /** Undefined while it lasts. */
  untilMs: number | undefined;
}

/**
 * The queue for one lock or election, in log order: its subtree, whose first entry is the owner. An entry that somebody
 * put there by hand has a token that no contender knows: where it is the first, nobody begins to own, and who did goes on
 * to for as long as its own entry is there, though fences do not accept its token meanwhile.
 */
class OwnershipQueue {
  readonly #key: string;
  // Sorted by key.
  readonly #entries: Entry[];
  readonly #owners: Owner[] = [];

  constructor(key: string, live: ReadonlyMap<string, Entry>, trueMs: number) {
    this.#key = key;
    const below = [...live.values()].filter((entry) => entry.key.startsWith(`${key}/`));
    this.#entries = below.sort((left, right) => (left.key < right.key ? -1 : 1));
    this.settle(trueMs);
  }

  /** The token that fences accept now. */
  get token(): number | undefined {
    return this.#entries[0]?.createRevision;
  }

  owner(token: number): Owner | undefined {
    return this.#owners.find((owner) => owner.token === token);
  }

  change({ key, entry }: Change): void {
    let at = 0;
    while (at < this.#entries.length && (this.#entries[at]?.key ?? "") < key) at += 1;
    const present = this.#entries[at]?.key === key;
    if (entry === undefined) this.#entries.splice(at, present ? 1 : 0);
    else this.#entries.splice(at, present ? 1 : 0, entry);
  }

  /** All changes of a revision are in: MUTEX wants a new owner's token above that of every earlier one. */
  settle(trueMs: number): void {
    const [first] = this.#entries;
    const last = this.#owners.at(-1);
    const byHand = first !== undefined && isByHand(first);
    if (last !== undefined && last.untilMs === undefined) {
      if (byHand ? this.#isPresent(last.token) : last.token === first?.createRevision) return;
      last.untilMs = trueMs;
    }
    if (first === undefined || byHand) return;
    const token = first.createRevision;
    if (last !== undefined && token <= last.token) {
      violated("MUTEX", `${this.#key} goes to token ${token} after token ${last.token}`, {
        key: this.#key,
        tokens: [last.token, token],
      });
    }
    this.#owners.push({ token, sinceMs: trueMs, untilMs: undefined });
  }

  #isPresent(token: number): boolean {
    return this.#entries.some((entry) => entry.createRevision === token && !isByHand(entry));
  }
}

/** Who owned which lock when, in log order, for the keys somebody asked about. */
export class OwnershipQueues {
  readonly #live: ReadonlyMap<string, Entry>;
  readonly #queues = new Map<string, OwnershipQueue>();

  /** `live` holds the keys that exist: a queue first asked about later begins with what is there. */
  constructor(live: ReadonlyMap<string, Entry>) {
    this.#live = live;
  }

  /** Follows a key from now on. */
  follow(key: string, trueMs: number): void {
    if (!this.#queues.has(key)) this.#queues.set(key, new OwnershipQueue(key, this.#live, trueMs));
  }

  /** The token that fences of a followed key accept now. */
  tokenOf(key: string): number | undefined {
    return this.#queues.get(key)?.token;
  }

  /** The time of ownership under a token. */
  owner(key: string, token: number): Owner | undefined {
    return this.#queues.get(key)?.owner(token);
  }

  /** The changes of one revision were made. */
  changed(changes: readonly Change[], trueMs: number): void {
    if (this.#queues.size === 0) return;
    const touched = new Set<OwnershipQueue>();
    for (const change of changes) {
      const { key } = change;
      for (let slash = key.indexOf("/", 1); slash !== -1; slash = key.indexOf("/", slash + 1)) {
        const queue = this.#queues.get(key.slice(0, slash));
        if (queue === undefined) continue;
        queue.change(change);
        touched.add(queue);
      }
    }
    for (const queue of touched) queue.settle(trueMs);
  }
}
