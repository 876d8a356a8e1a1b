import type { Argv } from "yargs";
import type { ExitCode } from "./exit-code.js";
import type { GlobalArguments } from "./global-options.js";
import type { Terminal } from "./terminal.js";

/** What a command runs in. */
export interface CommandContext {
  /** Its input and output. */
  readonly terminal: Terminal;
  /** The arguments after the first `--`, as they were; undefined without a `--`. */
  readonly afterDashes: readonly string[] | undefined;
  /** Tells the process how to exit, when the command ends without throwing. 0 unless set. */
  exitWith(code: ExitCode): void;
}

/** Adds one command to the command line. */
export type RegisterCommand = (cli: Argv<GlobalArguments>, context: CommandContext) => Argv<GlobalArguments>;

/** Stands for the argument `-`, which means stdin. No real argument can contain a zero character. */
export const standardInput = "\u0000-";
