import { LogEntryKind } from "@quorate/proto";
import type { LogEntry } from "../raft/index.js";

/** The kind of a log entry, for the wire. */
export function entryKindToWire(kind: LogEntry["kind"]): LogEntryKind {
  switch (kind) {
    case "noop":
      return LogEntryKind.NOOP;
    case "commands":
      return LogEntryKind.COMMANDS;
    case "configuration":
      return LogEntryKind.CONFIGURATION;
  }
}

/**
 * The kind of a log entry that came over the wire.
 * @throws Error when it is unknown: a newer version sent it, and the node must not take it for something else.
 */
export function entryKindFromWire(kind: LogEntryKind): LogEntry["kind"] {
  switch (kind) {
    case LogEntryKind.NOOP:
      return "noop";
    case LogEntryKind.COMMANDS:
      return "commands";
    case LogEntryKind.CONFIGURATION:
      return "configuration";
    default:
      throw new Error(`a log entry of unknown kind ${String(kind)}`);
  }
}
