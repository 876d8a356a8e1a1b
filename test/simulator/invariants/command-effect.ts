import type { Applied, Change, Command, Result } from "../../../server/src/state-machine/index.js";
import { revisionOf } from "./same.js";
import { violated } from "./violation.js";

/** What one command of an entry did. */
export interface CommandEffect {
  readonly command: Command;
  readonly result: Result;
  /** Its changes: all of one revision. */
  readonly changes: readonly Change[];
}

/**
 * Takes the outcome of an entry apart by commands. A command that changes keys raises the revision by exactly one and
 * says so in its result; what no result accounts for was changed by a command that claims it did not happen (LIN).
 */
export function effectsOf(
  commands: readonly Command[],
  { results, changes }: Applied,
  revisionBefore: number,
): CommandEffect[] {
  const effects: CommandEffect[] = [];
  let revision = revisionBefore;
  let next = 0;
  for (const [position, command] of commands.entries()) {
    const result = results[position];
    if (result === undefined) violated("LIN", `command ${position} of ${commands.length} has no result`);
    const first = next;
    if (revisionOf(result) === revision + 1 && changes[next]?.revision === revision + 1) {
      revision += 1;
      while (changes[next]?.revision === revision) next += 1;
    }
    effects.push({ command, result, changes: changes.slice(first, next) });
  }
  const unclaimed = changes[next];
  if (unclaimed !== undefined) {
    violated(
      "LIN",
      `no result accounts for the change of ${unclaimed.key} at revision ${unclaimed.revision}`,
      {
        key: unclaimed.key,
        revision: unclaimed.revision,
        results,
      },
    );
  }
  return effects;
}
