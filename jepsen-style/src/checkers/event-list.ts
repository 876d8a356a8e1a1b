/** When an operation was invoked and completed; undefined for an outcome nobody knows. */
export interface Span {
  readonly invokedAt: number;
  readonly completedAt: number | undefined;
}

/**
 * The events of the operations that are not linearized yet, as two linked lists over integers.
 *
 * Definite operations are renumbered 0 to `definite - 1` in the order of their invocations. Event `n` below `definite`
 * is the invocation of operation `n`, event `definite + n` its completion, and `end` closes the list. Indeterminate
 * operations are renumbered in the same way and have invocations only: they have no completion that anything waits for.
 */
export class EventList {
  /** How many operations have a known outcome. */
  readonly definite: number;
  /** How many do not. */
  readonly indeterminate: number;
  /** The event that closes the list of definite operations. */
  readonly end: number;
  /** Positions in the caller's list: of definite operation `n`, and of indeterminate operation `n`. */
  readonly definiteOps: Int32Array;
  readonly indeterminateOps: Int32Array;
  /** Next event by event; the entry of `end` is the first event. */
  readonly next: Int32Array;
  /** For completion `definite + n`, at `n`: how many definite operations were invoked before it. */
  readonly invokedBefore: Int32Array;
  readonly #previous: Int32Array;
  readonly #times: Float64Array;
  readonly #indeterminateTimes: Float64Array;

  constructor(spans: readonly Span[]) {
    const byInvocation = spans.map((_, op) => op);
    byInvocation.sort((a, b) => (spans[a]?.invokedAt ?? 0) - (spans[b]?.invokedAt ?? 0));
    this.definiteOps = Int32Array.from(byInvocation.filter((op) => spans[op]?.completedAt !== undefined));
    this.indeterminateOps = Int32Array.from(
      byInvocation.filter((op) => spans[op]?.completedAt === undefined),
    );
    this.definite = this.definiteOps.length;
    this.indeterminate = this.indeterminateOps.length;
    this.end = 2 * this.definite;
    this.#times = new Float64Array(this.end);
    this.#indeterminateTimes = new Float64Array(this.indeterminate);
    for (let n = 0; n < this.definite; n++) {
      const span = spans[this.definiteOps[n] ?? 0];
      this.#times[n] = span?.invokedAt ?? 0;
      this.#times[this.definite + n] = span?.completedAt ?? 0;
    }
    for (let n = 0; n < this.indeterminate; n++) {
      this.#indeterminateTimes[n] = spans[this.indeterminateOps[n] ?? 0]?.invokedAt ?? 0;
    }

    const events = Array.from({ length: this.end }, (_, event) => event);
    events.sort((a, b) => (this.#times[a] ?? 0) - (this.#times[b] ?? 0));
    this.next = new Int32Array(this.end + 1);
    this.#previous = new Int32Array(this.end + 1);
    this.invokedBefore = new Int32Array(this.definite);
    let last = this.end;
    let invoked = 0;
    for (const event of events) {
      if (event < this.definite) invoked += 1;
      else this.invokedBefore[event - this.definite] = invoked;
      this.next[last] = event;
      this.#previous[event] = last;
      last = event;
    }
    this.next[last] = this.end;
    this.#previous[this.end] = last;
  }

  /** The first event still in the list. */
  get first(): number {
    return this.next[this.end] ?? this.end;
  }

  /** Whether indeterminate operation `n` was invoked before the event. */
  invokedBeforeEvent(n: number, event: number): boolean {
    return event === this.end || (this.#indeterminateTimes[n] ?? 0) < (this.#times[event] ?? 0);
  }

  /** Takes definite operation `n` out of the list. */
  lift(n: number): void {
    this.#remove(n);
    this.#remove(this.definite + n);
  }

  /** Puts it back. Calls mirror those of `lift`: last out, first in. */
  unlift(n: number): void {
    this.#restore(this.definite + n);
    this.#restore(n);
  }

  #remove(event: number): void {
    const before = this.#previous[event] ?? this.end;
    const after = this.next[event] ?? this.end;
    this.next[before] = after;
    this.#previous[after] = before;
  }

  #restore(event: number): void {
    this.next[this.#previous[event] ?? this.end] = event;
    this.#previous[this.next[event] ?? this.end] = event;
  }
}
