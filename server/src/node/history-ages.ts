/** Samples of which revision was current when: one leaves every 64th of the time that history is kept. */
const SAMPLES = 64;

/**
 * Which revision was current when, by the leader's monotonic clock, as far as this node saw it since it leads.
 *
 * Invariant: a revision that this tells to be old enough was current, or past, at least so long ago. A leader that is new
 * knows nothing yet, so a change of leader makes history live longer, never shorter.
 */
export class HistoryAges {
  private readonly keptMs: number;
  private samples: { readonly atMs: number; readonly revision: number }[] = [];

  /** `keptMs`: how long history is kept. */
  constructor(keptMs: number) {
    this.keptMs = keptMs;
  }

  /** The revision that is current now. */
  note(nowMs: number, revision: number): void {
    const last = this.samples[this.samples.length - 1];
    if (last !== undefined && nowMs - last.atMs < this.keptMs / SAMPLES) return;
    this.samples.push({ atMs: nowMs, revision });
  }

  /** The newest revision known to have been current so long ago; 0 when none is. */
  oldRevision(nowMs: number): number {
    const isOld = ({ atMs }: { readonly atMs: number }): boolean => nowMs - atMs >= this.keptMs;
    let revision = 0;
    let count = 0;
    for (const sample of this.samples) {
      if (!isOld(sample)) break;
      revision = sample.revision;
      count++;
    }
    // The newest of the old ones stays: it answers until the next one is old enough.
    if (count > 1) this.samples = this.samples.slice(count - 1);
    return revision;
  }

  /** This node leads no more, or again: what it saw before may be another's. */
  clear(): void {
    this.samples = [];
  }
}
