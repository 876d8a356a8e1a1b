/** A node's state is not the one that the log makes: it must not serve anybody. */
export class StateDivergence extends Error {
  override readonly name = "StateDivergence";
  /** Whether a majority of the voters has the other state, so that this node's data are known to be wrong. */
  readonly certain: boolean;

  constructor(index: number, own: string, other: string, certain: boolean) {
    super(
      `the state of this node at index ${index} has hash ${own}, ${
        certain ? "a majority of the voters" : "the leader"
      } has ${other}: ${
        certain
          ? "its memory or disk is damaged, or it met a defect. Remove its member, add it again, and start it with an empty --data-dir"
          : "nobody knows yet which is right. Start enough nodes for a majority to agree, and see which one stops then"
      }; see docs/operations.md`,
    );
    this.certain = certain;
  }
}
