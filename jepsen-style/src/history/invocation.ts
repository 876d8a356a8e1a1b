import type { HistoryEvent, LocatedEvent } from "./event.js";
import { HistoryError } from "./history-error.js";

/** An operation as a file tells it: its invocation and how it ended. */
export interface Invocation {
  /** The line of the invocation. */
  readonly line: number;
  /** The invocation. */
  readonly invoke: HistoryEvent;
  /** The completion with its line; undefined when there is none, which means the same as info. */
  readonly completion: LocatedEvent | undefined;
}

/**
 * Pairs invocations with their completions, in the order of the invocations. After an info a process has crashed and
 * its operation may take effect at any later time; should its name be used again, that is taken for a new process.
 * Throws {@link HistoryError} for a second invocation while one is open, or a completion that fits none.
 */
export function pairEvents(events: readonly LocatedEvent[]): Invocation[] {
  const invocations: Invocation[] = [];
  const open = new Map<number | string, number>();
  for (const located of events) {
    const { line, event } = located;
    const index = open.get(event.process);
    const pending = index === undefined ? undefined : invocations[index];
    if (event.type === "invoke") {
      if (pending !== undefined) {
        throw new HistoryError(
          line,
          `process ${event.process} invokes ${event.f}, but its ${pending.invoke.f} of line ${pending.line} has not ` +
            "completed; expected its ok, fail or info first",
        );
      }
      open.set(event.process, invocations.length);
      invocations.push({ line, invoke: event, completion: undefined });
      continue;
    }
    if (index === undefined || pending === undefined) {
      throw new HistoryError(
        line,
        `${event.type} of process ${event.process}, which has no operation open; expected an invoke first`,
      );
    }
    if (event.f !== pending.invoke.f) {
      throw new HistoryError(
        line,
        `expected ${event.type} of ${pending.invoke.f}, invoked at line ${pending.line}, found ${event.f}`,
      );
    }
    if (event.key !== undefined && event.key !== pending.invoke.key) {
      throw new HistoryError(
        line,
        `expected the key of line ${pending.line}, ${JSON.stringify(pending.invoke.key ?? null)}, found ` +
          JSON.stringify(event.key),
      );
    }
    open.delete(event.process);
    invocations[index] = { ...pending, completion: located };
  }
  return invocations;
}
