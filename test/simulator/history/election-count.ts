import type { NodeView, Observer } from "../observation.js";

const nothing = (): void => undefined;

/** Counts elections, and observes nothing else: two clusters of the same members are more than the other checks know. */
export class ElectionCount implements Observer {
  readonly #leaders = new Set<string>();
  readonly booted = nothing;
  readonly died = nothing;
  readonly persisted = nothing;
  readonly promised = nothing;
  readonly statePersisted = nothing;
  readonly logCut = nothing;
  readonly snapshotInstalled = nothing;
  readonly lost = nothing;
  readonly applied = nothing;
  readonly removalTold = nothing;
  readonly clientEvent = nothing;
  readonly readBegan = nothing;
  readonly readConfirmed = nothing;
  readonly readServed = nothing;
  readonly committedIndex = 0;

  get count(): number {
    return this.#leaders.size;
  }

  stepped({ id, role, term }: NodeView): void {
    if (role === "leader") this.#leaders.add(`${id}/${term}`);
  }
}
