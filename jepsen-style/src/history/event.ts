import { HistoryError } from "./history-error.js";

/** What an event says: an operation was invoked, happened, did not happen, or ended with nobody knowing. */
export type EventType = "invoke" | "ok" | "fail" | "info";

/** One line of a history file. */
export interface HistoryEvent {
  /** Who called. One process does one operation at a time. */
  readonly process: number | string;
  /** What the event says. */
  readonly type: EventType;
  /** The function called. */
  readonly f: string;
  /** The object called; absent when there is only one. */
  readonly key?: number | string;
  /** The argument, and for an ok read the value read. */
  readonly value?: unknown;
  /** For an ok compare-and-swap: whether it swapped; absent means that it did. */
  readonly result?: boolean;
  /** For a failed operation or an unknown outcome: why. Checkers ignore it. */
  readonly error?: unknown;
  /** When, as any number that never falls from line to line; a run writes nanoseconds since its start. */
  readonly time?: number;
}

/** An event with its line in the file, from 1. */
export interface LocatedEvent {
  readonly line: number;
  readonly event: HistoryEvent;
}

const TYPES: readonly string[] = ["invoke", "ok", "fail", "info"] satisfies EventType[];

function isEventType(type: unknown): type is EventType {
  return typeof type === "string" && TYPES.includes(type);
}

function isName(name: unknown): name is number | string {
  return typeof name === "string" || (typeof name === "number" && Number.isFinite(name));
}

function show(value: unknown): string {
  return value === undefined ? "nothing" : JSON.stringify(value);
}

/** Reads one line; throws {@link HistoryError} when it is not an event. */
export function parseEvent(text: string, line: number): HistoryEvent {
  let parsed: unknown;
  try {
    parsed = JSON.parse(text);
  } catch (cause) {
    const reason = cause instanceof Error ? cause.message : String(cause);
    throw new HistoryError(line, `expected one JSON object (${reason})`);
  }
  if (typeof parsed !== "object" || parsed === null || Array.isArray(parsed)) {
    throw new HistoryError(line, "expected a JSON object with process, type, f, key, value and time");
  }
  const fields = new Map<string, unknown>(Object.entries(parsed));
  const field = (name: string): unknown => fields.get(name) ?? undefined;
  const process = field("process");
  if (!isName(process))
    throw new HistoryError(line, `expected "process" as a number or string, found ${show(process)}`);
  const type = field("type");
  if (!isEventType(type)) {
    throw new HistoryError(line, `expected "type" as one of ${TYPES.join(", ")}, found ${show(type)}`);
  }
  const f = field("f");
  if (typeof f !== "string") throw new HistoryError(line, `expected "f" as a string, found ${show(f)}`);
  const key = field("key");
  if (key !== undefined && !isName(key)) {
    throw new HistoryError(line, `expected "key" as a number or string, or absent, found ${show(key)}`);
  }
  const result = field("result");
  if (result !== undefined && typeof result !== "boolean") {
    throw new HistoryError(line, `expected "result" as true or false, or absent, found ${show(result)}`);
  }
  const time = field("time");
  if (time !== undefined && (typeof time !== "number" || !Number.isFinite(time))) {
    throw new HistoryError(line, `expected "time" as a number, found ${show(time)}`);
  }
  return {
    process,
    type,
    f,
    ...(key === undefined ? {} : { key }),
    ...(fields.has("value") ? { value: fields.get("value") } : {}),
    ...(result === undefined ? {} : { result }),
    ...(time === undefined ? {} : { time }),
  };
}

/**
 * Reads a history in JSON Lines. The order of the lines is the order of the events; blank lines are skipped.
 * Throws {@link HistoryError} at the first line that is not an event or whose time is below the one before.
 */
export function parseEvents(text: string): LocatedEvent[] {
  const events: LocatedEvent[] = [];
  let latest = Number.NEGATIVE_INFINITY;
  for (const [index, content] of text.split("\n").entries()) {
    if (content.trim() === "") continue;
    const line = index + 1;
    const event = parseEvent(content, line);
    if (event.time !== undefined) {
      if (event.time < latest) {
        throw new HistoryError(
          line,
          `expected "time" not below ${latest} of an earlier line, found ${event.time}`,
        );
      }
      latest = event.time;
    }
    events.push({ line, event });
  }
  return events;
}
