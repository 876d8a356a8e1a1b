/** The hashes of the newest states of this node, by applied index: a ring, so that each costs a store and no more. */
export class StateHashes {
  private readonly kept: number;
  private readonly indexes: number[] = [];
  private readonly hashes: string[] = [];
  private newest = 0;

  /** `kept`: how many. */
  constructor(kept: number) {
    this.kept = kept;
  }

  /** The index noted last, 0 for none. */
  get newestIndex(): number {
    return this.newest;
  }

  note(index: number, hash: string): void {
    const slot = index % this.kept;
    this.indexes[slot] = index;
    this.hashes[slot] = hash;
    this.newest = index;
  }

  /** The hash at an index; undefined when the node was not there, or it is too long ago. */
  at(index: number): string | undefined {
    const slot = index % this.kept;
    return this.indexes[slot] === index ? this.hashes[slot] : undefined;
  }
}
