import { bounds } from "../config.js";
import type { ErrorResult, Key, StateMachine, Usage } from "../state-machine/index.js";

/** What a subtree held, and when. */
export interface SubtreeStat extends Usage {
  /** The revision as of which was counted. */
  readonly revision: number;
}

/** What counting takes of a state machine. */
type Counted = Pick<StateMachine, "measure" | "quota" | "revision">;

/**
 * Counts a subtree as of one revision, not before the call: at once where its quota keeps count, otherwise by a walk that
 * gives way to other work after every few thousand keys. A revision that is compacted on the way is given up for the
 * current one, some times over; then the answer is COMPACTED. `machine` is asked again after every pause, since a
 * snapshot may put another in its place.
 */
export function statSubtree(
  machine: () => Counted,
  key: Key,
  done: (outcome: SubtreeStat | ErrorResult) => void,
  pause: (next: () => void) => void = setImmediate,
): void {
  const begin = (attempt: number): void =>
    countOnce(
      machine,
      key,
      (outcome) => {
        const again = "kind" in outcome && outcome.code === "COMPACTED" && attempt < bounds.statAttemptsMax;
        if (again) begin(attempt + 1);
        else done(outcome);
      },
      pause,
    );
  begin(1);
}

function countOnce(
  machine: () => Counted,
  key: Key,
  done: (outcome: SubtreeStat | ErrorResult) => void,
  pause: (next: () => void) => void,
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
