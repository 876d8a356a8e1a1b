/**
 * What entries did to the leases that they renewed: of a lease with a checkpoint, a keepalive is an entry. Who sent it
 * waits for its answer, and until then nothing may end the lease, however long the commit takes.
 */
export class LogRenewals {
  // By lease: when the entry was first applied, in true time.
  readonly #appliedMs = new Map<number, number>();
  #count = 0;
  #overdue = 0;

  /** How many leases were renewed by entries. */
  get count(): number {
    return this.#count;
  }

  /** How many of them would have been over by the time at which their entry was applied. */
  get overdue(): number {
    return this.#overdue;
  }

  /** An entry renewed a lease that could have ended from `dueMs` on, in true time. */
  applied(lease: number, dueMs: number, trueMs: number): void {
    this.#appliedMs.set(lease, trueMs);
    this.#count += 1;
    if (trueMs > dueMs) this.#overdue += 1;
  }

  /** When an entry last renewed a lease, in true time; 0 when none did. */
  lastMs(lease: number): number {
    return this.#appliedMs.get(lease) ?? 0;
  }
}
