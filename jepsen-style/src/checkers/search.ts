import { ILLEGAL, type Machine } from "../models/model.js";
import { type Configuration, ConfigurationCache, operationHash } from "./configuration-cache.js";
import { EventList, type Span } from "./event-list.js";

/** Where a search stands: `open` means that it needs more steps. */
export type SearchStatus = "open" | "linearizable" | "illegal";

/** The longest order a search found before it got stuck. */
export interface LongestPrefix {
  /** The operations in the order of their effect. */
  readonly order: readonly number[];
  /** How many of them have a known outcome. */
  readonly definite: number;
  /**
   * The operation with a known outcome that has no place after them: it cannot have returned what it did in the state
   * that they led to, nor after anything that may come before it.
   */
  readonly blocked: number;
}

const NONE = -1;

/**
 * Wing and Gong's search with Lowe's cache, over one partition.
 *
 * A configuration is the set of operations linearized so far with the state they led to. The candidates for the next
 * place are the operations invoked before the first completion still in the list (the window). Besides the cache on
 * configurations, five rules keep the search small. Each keeps this true: if a configuration can be completed, then
 * some completion that uses the fewest indeterminate operations begins with a candidate that the rules allow.
 *
 * 1. A definite read-only operation that is legal now is taken now. It is in the window, so nothing has to come
 *    before it, and it changes no state, so moving it to the front of a completion leaves the rest legal.
 * 2. An indeterminate operation that leaves the state as it is is not taken: a completion without it uses fewer.
 * 3. An indeterminate operation i, from state s to s', is taken only if the window has another operation o that is
 *    legal in s' and does not lead from s to the same state as from s'. In a completion that begins with i, let o be
 *    what follows; i completes nothing, so o is in the window. If o led to the same state without i, or nothing
 *    followed, i could be left out, and a completion with fewer would exist.
 * 4. Of indeterminate operations that act alike, only the one invoked first is taken: it is available wherever a
 *    later one is, so in a completion the two can change places.
 * 5. The unobserved state is left only by operations that have another effect in it ("resets"); until then an
 *    operation illegal in it ("demanding") stays illegal. So when a demanding operation completes before any reset
 *    was invoked, the configuration has no completion.
 */
export class Search {
  readonly #machine: Machine;
  readonly #events: EventList;
  readonly #cache = new ConfigurationCache();
  /** Linearized operations, in the order of their effect: below `definite` a definite one, from there indeterminate. */
  readonly #stackOps: Int32Array;
  /** The state before each of them. */
  readonly #stackStates: Int32Array;
  #depth = 0;
  #state: number;
  #definiteDone = 0;
  #hash = 0;
  readonly #definiteBits: Uint32Array;
  readonly #indeterminateBits: Uint32Array;
  /** For indeterminate operation n: the one of the same class invoked just before it, or NONE. */
  readonly #classPredecessor: Int32Array;
  /** The candidate to look at next: an event of the list, or indeterminate operation n as `end + 1 + n`. */
  #cursor: number;
  #status: SearchStatus = "open";
  #longest: LongestPrefix | undefined;

  constructor(machine: Machine, spans: readonly Span[]) {
    this.#machine = machine;
    this.#events = new EventList(spans);
    const { definite, indeterminate } = this.#events;
    this.#stackOps = new Int32Array(definite + indeterminate);
    this.#stackStates = new Int32Array(definite + indeterminate);
    this.#definiteBits = new Uint32Array(Math.ceil(definite / 32));
    this.#indeterminateBits = new Uint32Array(Math.ceil(indeterminate / 32));
    this.#state = machine.initial;
    this.#classPredecessor = new Int32Array(indeterminate).fill(NONE);
    const lastOfClass = new Map<number, number>();
    for (let n = 0; n < indeterminate; n++) {
      const name = machine.classOf(this.#events.indeterminateOps[n] ?? 0);
      this.#classPredecessor[n] = lastOfClass.get(name) ?? NONE;
      lastOfClass.set(name, n);
    }
    this.#absorbReads();
    this.#cursor = this.#events.first;
    if (this.#definiteDone === definite) this.#status = "linearizable";
  }

  /** Where the search stands. */
  get status(): SearchStatus {
    return this.#status;
  }

  /** How much memory the cache takes, in 32-bit words. */
  get cacheWords(): number {
    return this.#cache.words;
  }

  /** The longest order found so far; undefined before the first dead end. */
  get longest(): LongestPrefix | undefined {
    return this.#longest;
  }

  /** Looks at up to `steps` more candidates. */
  advance(steps: number): SearchStatus {
    for (let left = steps; left > 0 && this.#status === "open"; left--) this.#lookAtCandidate();
    return this.#status;
  }

  #lookAtCandidate(): void {
    const { definite, end, next } = this.#events;
    const cursor = this.#cursor;
    if (cursor < definite) {
      const after = this.#machine.step(this.#state, this.#opOf(cursor));
      // A read-only operation still here is illegal in this state: legal ones were absorbed.
      if (after === ILLEGAL || this.#machine.readOnly(this.#opOf(cursor))) this.#cursor = next[cursor] ?? end;
      else this.#take(cursor, after);
    } else if (cursor <= end) {
      this.#cursor = end + 1;
    } else {
      this.#lookAtIndeterminate(cursor - end - 1);
    }
  }

  #lookAtIndeterminate(n: number): void {
    const { definite, end, indeterminate } = this.#events;
    const completion = this.#firstCompletion();
    if (n >= indeterminate || !this.#events.invokedBeforeEvent(n, completion)) {
      this.#backtrack(completion - definite);
      return;
    }
    this.#cursor = end + 2 + n;
    const before = this.#classPredecessor[n] ?? NONE;
    if (this.#isTaken(n) || (before !== NONE && !this.#isTaken(before))) return;
    const after = this.#machine.step(this.#state, this.#opOf(definite + n));
    if (after === ILLEGAL || after === this.#state || !this.#enables(n, after, completion)) return;
    this.#take(definite + n, after);
  }

  /** Rule 3: whether some other operation of the window tells `after` from the present state. */
  #enables(n: number, after: number, completion: number): boolean {
    const { definite, indeterminate, next, end } = this.#events;
    const tells = (op: number): boolean => {
      const then = this.#machine.step(after, op);
      return then !== ILLEGAL && then !== this.#machine.step(this.#state, op);
    };
    for (let event = this.#events.first; event !== completion; event = next[event] ?? end) {
      if (tells(this.#opOf(event))) return true;
    }
    for (let other = 0; other < indeterminate; other++) {
      if (!this.#events.invokedBeforeEvent(other, completion)) break;
      if (other !== n && !this.#isTaken(other) && tells(this.#opOf(definite + other))) return true;
    }
    return false;
  }

  /** Linearizes a candidate and whatever follows by rule 1, and goes on from there unless that leads nowhere new. */
  #take(candidate: number, after: number): void {
    this.#push(candidate, after);
    this.#absorbReads();
    if (this.#definiteDone === this.#events.definite) {
      this.#status = "linearizable";
      return;
    }
    const doomed = this.#state === this.#machine.unobserved ? this.#findDoomed() : NONE;
    if (doomed !== NONE || !this.#cache.add(this.#configuration())) {
      this.#backtrack(doomed === NONE ? this.#firstCompletion() - this.#events.definite : doomed);
    } else {
      this.#cursor = this.#events.first;
    }
  }

  #absorbReads(): void {
    const { definite, next, end } = this.#events;
    let event = this.#events.first;
    while (event < definite) {
      const following = next[event] ?? end;
      const op = this.#opOf(event);
      if (this.#machine.readOnly(op) && this.#machine.step(this.#state, op) !== ILLEGAL) {
        this.#push(event, this.#state);
        // Its own completion may have been what came next.
        event = following === definite + event ? (next[following] ?? end) : following;
      } else {
        event = following;
      }
    }
  }

  /** Undoes the last choice and moves on to the candidate after it. `blocked`: the definite operation in the way. */
  #backtrack(blocked: number): void {
    if (this.#longest === undefined || this.#definiteDone > this.#longest.definite) this.#record(blocked);
    const { definite, end, next } = this.#events;
    while (this.#depth > 0) {
      const candidate = this.#pop();
      if (candidate >= definite) {
        this.#cursor = end + 2 + (candidate - definite);
        return;
      }
      // Rule 1 leaves no alternative to a read-only operation.
      if (!this.#machine.readOnly(this.#opOf(candidate))) {
        this.#cursor = next[candidate] ?? end;
        return;
      }
    }
    this.#status = "illegal";
  }

  #push(candidate: number, after: number): void {
    const { definite } = this.#events;
    this.#stackOps[this.#depth] = candidate;
    this.#stackStates[this.#depth] = this.#state;
    this.#depth += 1;
    this.#state = after;
    if (candidate < definite) {
      this.#events.lift(candidate);
      this.#definiteDone += 1;
    }
    this.#flip(candidate);
  }

  #pop(): number {
    this.#depth -= 1;
    const candidate = this.#stackOps[this.#depth] ?? 0;
    this.#state = this.#stackStates[this.#depth] ?? 0;
    if (candidate < this.#events.definite) {
      this.#events.unlift(candidate);
      this.#definiteDone -= 1;
    }
    this.#flip(candidate);
    return candidate;
  }

  #flip(candidate: number): void {
    this.#hash ^= operationHash(candidate);
    const { definite } = this.#events;
    const bits = candidate < definite ? this.#definiteBits : this.#indeterminateBits;
    const bit = candidate < definite ? candidate : candidate - definite;
    bits[bit >>> 5] = (bits[bit >>> 5] ?? 0) ^ (1 << (bit & 31));
  }

  /** Rule 5: in the unobserved state, the demanding operation that completes before any reset was invoked, or NONE. */
  #findDoomed(): number {
    const { definite, indeterminate, next, end } = this.#events;
    const unobserved = this.#machine.unobserved;
    let event = this.#events.first;
    for (; event !== end; event = next[event] ?? end) {
      const n = event < definite ? event : event - definite;
      const after = this.#machine.step(unobserved, this.#opOf(n));
      if (event < definite && after !== ILLEGAL && after !== unobserved) return NONE;
      if (event >= definite && after === ILLEGAL) break;
    }
    if (event === end) return NONE;
    for (let n = 0; n < indeterminate; n++) {
      if (!this.#events.invokedBeforeEvent(n, event)) break;
      if (this.#isTaken(n)) continue;
      const after = this.#machine.step(unobserved, this.#opOf(definite + n));
      if (after !== ILLEGAL && after !== unobserved) return NONE;
    }
    return event - definite;
  }

  #configuration(): Configuration {
    const { definite, first, invokedBefore } = this.#events;
    // Everything before the first invocation still in the list is linearized, and nothing invoked after the first
    // completion still in the list is.
    const invoked = invokedBefore[this.#firstCompletion() - definite] ?? definite;
    return {
      state: this.#state,
      hash: this.#hash,
      definite: this.#definiteBits,
      firstWord: first >>> 5,
      endWord: (invoked + 31) >>> 5,
      indeterminate: this.#indeterminateBits,
    };
  }

  #record(blocked: number): void {
    const order = Array.from(this.#stackOps.subarray(0, this.#depth), (candidate) => this.#opOf(candidate));
    this.#longest = { order, definite: this.#definiteDone, blocked: this.#opOf(blocked) };
  }

  #firstCompletion(): number {
    const { definite, end, next } = this.#events;
    let event = this.#events.first;
    while (event < definite) event = next[event] ?? end;
    return event;
  }

  #isTaken(n: number): boolean {
    return ((this.#indeterminateBits[n >>> 5] ?? 0) & (1 << (n & 31))) !== 0;
  }

  #opOf(candidate: number): number {
    const { definite, definiteOps, indeterminateOps } = this.#events;
    return (candidate < definite ? definiteOps[candidate] : indeterminateOps[candidate - definite]) ?? 0;
  }
}
