import type { StateMachine } from "../state-machine/index.js";
import { CorruptData } from "../storage/errors.js";
import type { LogStore } from "../storage/log/log-store.js";

/** What of the log is looked at and done. */
export type AlignedLog = Pick<LogStore, "start" | "lastIndex" | "term" | "announcedInstall" | "reset">;

/**
 * Makes the log reach the state: a crash between installing a snapshot and dropping the log it replaces leaves a log that
 * ends before the state. The snapshot was announced in the log before; otherwise the log has lost what it held, and with
 * it what this node voted and acknowledged.
 * @throws CorruptData when a part of the log is missing.
 */
export function alignLog(
  log: AlignedLog,
  { appliedIndex, appliedTerm }: Pick<StateMachine, "appliedIndex" | "appliedTerm">,
): void {
  const start = log.start();
  if (start.index > appliedIndex) {
    throw new CorruptData(
      `the state stands at index ${appliedIndex} but the log begins after ${start.index}: a part of the data is missing`,
    );
  }
  const reaches = log.lastIndex() >= appliedIndex;
  const term = start.index === appliedIndex ? start.term : reaches ? log.term(appliedIndex) : undefined;
  if (term === appliedTerm) return;
  const announced = log.announcedInstall();
  if (announced?.index !== appliedIndex || announced.term !== appliedTerm) {
    throw new CorruptData(
      `the state stands at index ${appliedIndex} but the log ends at ${log.lastIndex()} or holds another entry there: a part of the log is missing`,
    );
  }
  log.reset(announced);
}
