import type { Argv } from "yargs";
import { parseDurationMs } from "./duration.js";
import { defaultEndpoints, parseEndpoints } from "./endpoints.js";
import type { Terminal } from "./terminal.js";

/** How results are printed: for people, or as JSON for scripts. */
export type OutputFormat = "text" | "json";

/** Options that every command talking to a cluster has. */
export interface GlobalOptions {
  /** Where to connect, `host:port` each. */
  readonly endpoints: string[];
  /** How long one request may take, in milliseconds. */
  readonly timeoutMs: number;
  /** How results are printed. */
  readonly output: OutputFormat;
  /** The history to go on from; undefined for any. */
  readonly history: string | undefined;
}

/** The global options as yargs hands them over, before they are checked. */
export interface GlobalArguments {
  readonly endpoints?: string[] | undefined;
  readonly timeout: string;
  readonly output: OutputFormat;
  readonly history?: string | undefined;
}

/** Adds the global options to a command line. */
export function withGlobalOptions(argv: Argv): Argv<GlobalArguments> {
  return argv
    .option("endpoints", {
      type: "string",
      array: true,
      requiresArg: true,
      group: "Global options:",
      describe: `Nodes to connect to, host:port,… [env QUORATE_ENDPOINTS; default ${defaultEndpoints.join(",")}]`,
    })
    .option("timeout", {
      type: "string",
      requiresArg: true,
      default: "5s",
      group: "Global options:",
      describe: "How long a request may take, for example 500ms or 10s",
    })
    .option("output", {
      alias: "o",
      choices: ["text", "json"] as const,
      requiresArg: true,
      default: "text" as const,
      group: "Global options:",
      describe: "text for people, json for scripts",
    })
    .option("history", {
      type: "string",
      requiresArg: true,
      group: "Global options:",
      describe:
        "Only in this history, as `status` and JSON output tell it: else exit 7, and nothing happened",
    });
}

/** Checks the global options; an option wins over the environment, and that over the default. */
export function readGlobalOptions(argv: GlobalArguments, env: Terminal["env"]): GlobalOptions {
  const fromEnvironment = env.QUORATE_ENDPOINTS;
  const lists = argv.endpoints ?? (fromEnvironment ? [fromEnvironment] : defaultEndpoints);
  return {
    endpoints: parseEndpoints(lists),
    timeoutMs: parseDurationMs("timeout", argv.timeout),
    output: argv.output,
    history: argv.history,
  };
}
