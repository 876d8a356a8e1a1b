import type { ReadOptions } from "@quorate/sdk";
import type { Argv } from "yargs";
import { wholeNumber } from "../whole-number.js";

/** Options of commands that read, as yargs hands them over. */
export interface ReadArguments {
  readonly consistency: "linearizable" | "serializable";
  readonly revision?: string | undefined;
  readonly minRevision?: string | undefined;
}

/** Adds the options of a read to a command. */
export function withReadOptions<T>(command: Argv<T>): Argv<T & ReadArguments> {
  return command
    .option("consistency", {
      choices: ["linearizable", "serializable"] as const,
      default: "linearizable" as const,
      requiresArg: true,
      describe: "serializable reads one node's own state: it may lag, but needs no quorum",
    })
    .option("revision", { type: "string", requiresArg: true, describe: "Read as of this revision" })
    .option("min-revision", {
      type: "string",
      requiresArg: true,
      describe: "With serializable: wait until the node has this revision",
    }) as unknown as Argv<T & ReadArguments>;
}

/** What the SDK is asked for. */
export function readOptions(argv: ReadArguments): ReadOptions {
  const revision = wholeNumber("revision", argv.revision, 1);
  const minRevision = wholeNumber("min-revision", argv.minRevision, 1);
  return {
    consistency: argv.consistency,
    ...(revision === undefined ? {} : { revision }),
    ...(minRevision === undefined ? {} : { minRevision }),
  };
}
