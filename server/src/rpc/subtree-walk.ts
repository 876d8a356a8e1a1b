import { bounds } from "../config.js";
import type { ErrorResult, Key, StateMachine, Usage } from "../state-machine/index.js";

/** What a subtree held, and when. */
export interface SubtreeStat extends Usage {
  /** The revision as of which was counted. */
  readonly revision: number;
}

/**
 * Counts a subtree as of the current revision: at once where its quota keeps count, otherwise by a walk that gives way
 * to other work after every few thousand keys and still sees that one revision. COMPACTED when that was compacted
 * meanwhile. `machine` is asked again after every pause, since a snapshot may put another in its place.
 */
export function statSubtree(
  machine: () => Pick<StateMachine, "measure" | "quota" | "revision">,
  key: Key,
  done: (outcome: SubtreeStat | ErrorResult) => void,
  pause: (next: () => void) => void = setImmediate,
): void {
  const { revision } = machine();
  const quota = machine().quota(key);
  if (quota !== undefined) {
    done({ revision, keys: quota.keys, bytes: quota.bytes });
    return;
  }
  let keys = 0;
  let bytes = 0;
  const walk = (from: Key | undefined): void => {
    const part = machine().measure(key, revision, from, bounds.statKeysMax);
    if ("kind" in part) {
      done(part);
      return;
    }
    keys += part.keys;
    bytes += part.bytes;
    const { next } = part;
    if (next === undefined) done({ revision, keys, bytes });
    else pause(() => walk(next));
  };
  walk(undefined);
}
