import { type DestinationStream, destination, type Logger, pino } from "pino";
import { prettyFactory } from "pino-pretty";
import type { LogFormat, LogLevel } from "../config.js";
import { idText } from "../raft/index.js";
import type { MemberNames } from "./member-names.js";

/** How the log is written. */
export interface LoggerOptions {
  readonly level: LogLevel;
  readonly format: LogFormat;
  /** This node's name, in every line. */
  readonly node: string;
}

/**
 * A log on stderr, written at once: the last lines before a crash are the ones that matter. As JSON lines, or as text for
 * people; both have the time in ISO 8601, the level by name, and members by name and id.
 */
export function createLogger(
  { level, format, node }: LoggerOptions,
  names: MemberNames,
  sink: DestinationStream = destination({ dest: 2, sync: true }),
): Logger {
  const member = (id: unknown): unknown => (typeof id === "number" ? names.label(id) : id);
  const hex = (id: unknown): unknown => (typeof id === "number" ? idText(id) : id);
  return pino(
    {
      level,
      base: { node },
      timestamp: pino.stdTimeFunctions.isoTime,
      formatters: { level: (label) => ({ level: label }) },
      serializers: { peer: member, from: member, memberId: hex, clusterId: hex },
    },
    format === "json" ? sink : asText(sink),
  );
}

function asText(sink: DestinationStream): DestinationStream {
  const format = prettyFactory({
    colorize: process.stderr.isTTY === true && process.env.NO_COLOR === undefined,
    singleLine: true,
    translateTime: false,
    ignore: "node",
    messageFormat: "{node}: {msg}",
  });
  return { write: (line) => sink.write(format(line)) };
}
