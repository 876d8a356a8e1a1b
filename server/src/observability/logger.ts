import { destination, type Logger, pino } from "pino";
import type { LogLevel } from "../config.js";

/** JSON lines on stderr, written at once: the last lines before a crash are the ones that matter. */
export function createLogger(level: LogLevel, node: string): Logger {
  return pino({ level, base: { node } }, destination({ dest: 2, sync: true }));
}
