import type { StateMachine } from "../state-machine/index.js";
import { CorruptData } from "../storage/errors.js";
import type { LogStore } from "../storage/log-store.js";

/**
 * Makes the log reach the state: a crash between installing a snapshot and dropping the log it replaces leaves a log that
 * ends before the state.
 * @throws CorruptData when the log begins after the state: what lies between is missing.
 */
export function alignLog(log: LogStore, { appliedIndex, appliedTerm }: StateMachine): void {
  const start = log.start();
  if (start.index > appliedIndex) {
    throw new CorruptData(
      `the state stands at index ${appliedIndex} but the log begins after ${start.index}: a part of the data is missing`,
    );
  }
  // A log that is too short, or that holds another entry there, is one that the snapshot was about to replace.
  const reaches = log.lastIndex() >= appliedIndex;
  const term = start.index === appliedIndex ? start.term : reaches ? log.term(appliedIndex) : undefined;
  if (term !== appliedTerm) log.reset({ index: appliedIndex, term: appliedTerm });
}
