import type { WatchEvent } from "@quorate/sdk";
import { withClient } from "../client.js";
import type { RegisterCommand } from "../command.js";
import { CommandFailure } from "../command-failure.js";
import { parseDurationMs } from "../duration.js";
import { exitCode } from "../exit-code.js";
import { type OutputFormat, readGlobalOptions } from "../global-options.js";
import { entryMetadataJson, valueJson, valueLine } from "../output/entry.js";
import { historyJson, writeJsonLine } from "../output/json.js";
import { interruptedBefore } from "../signals/interruption.js";
import { untilInterrupted } from "../signals/until-interrupted.js";
import type { Terminal } from "../terminal.js";
import { wholeNumber } from "../whole-number.js";

/** `quorate watch PATH`: prints changes as they happen, until Ctrl-C; with --output json as JSON Lines. */
export const registerWatch: RegisterCommand = (cli, { terminal }) =>
  cli.command(
    "watch <path>",
    "Print changes as they happen; --output json prints JSON Lines, one event a line",
    (command) =>
      command
        .positional("path", {
          type: "string",
          demandOption: true,
          describe: "The key, or the root of a subtree",
        })
        .option("recursive", {
          alias: "r",
          type: "boolean",
          default: false,
          describe: "Everything below it too",
        })
        .option("initial", { type: "boolean", default: false, describe: "First what is there now" })
        .option("from-revision", {
          type: "string",
          requiresArg: true,
          describe: "Start with the changes of this revision; excludes --initial",
        })
        .option("previous", {
          type: "boolean",
          default: false,
          describe: "With --output json: what was there before",
        })
        .option("events", {
          choices: ["put", "delete"] as const,
          requiresArg: true,
          describe: "Only events of this kind",
        })
        .option("relist", {
          type: "boolean",
          default: false,
          describe: "When changes were compacted meanwhile, print the difference instead of failing",
        })
        .option("progress", {
          type: "boolean",
          default: false,
          describe: "Print how far it is when nothing happened for some seconds",
        })
        .option("wait", {
          type: "string",
          requiresArg: true,
          describe: "Give up when no node serves it for this long, exit 3; default 30s",
        })
        .option("count", {
          alias: "n",
          type: "string",
          requiresArg: true,
          describe: "End after so many events",
        })
        .example("$0 watch /app --recursive", "Follow a subtree")
        .example("$0 watch /app -r --initial -o json", "What is there, then every change, for a script")
        .example("$0 watch /app -r --events delete", "Only what goes")
        .example("$0 watch /app/db --from-revision 42", "Every change since, the past ones first")
        .example(
          "$0 watch /app -r --from-revision 42 --history 0123456789abcdef",
          "The same, unless the cluster lost its data since",
        ),
    async (argv) => {
      const options = readGlobalOptions(argv, terminal.env);
      const fromRevision = wholeNumber("from-revision", argv.fromRevision, 1);
      const countMax = wholeNumber("count", argv.count, 1);
      if (argv.initial && fromRevision !== undefined) {
        throw new CommandFailure(exitCode.usage, "--initial and --from-revision exclude each other");
      }
      const unservedTimeoutMs = argv.wait === undefined ? undefined : parseDurationMs("wait", argv.wait);
      let count = 0;
      const interruptedBy = await untilInterrupted(terminal, (signal) =>
        withClient(options, { session: "none", signal }, async (client) => {
          const events = client.watch(argv.path, {
            recursive: argv.recursive,
            initial: argv.initial,
            previous: argv.previous,
            signal,
            progress: true,
            onCompacted: argv.relist ? "relist" : "fail",
            ...(argv.events === undefined ? {} : { events: [argv.events] }),
            ...(unservedTimeoutMs === undefined ? {} : { unservedTimeoutMs }),
            ...(fromRevision === undefined ? {} : { fromRevision }),
          });
          for await (const event of events) {
            if (event.kind === "progress") {
              if (argv.progress) printProgress(terminal, options.output, event.revision, events.history);
              continue;
            }
            printEvent(terminal, options.output, event, events.history);
            count += 1;
            if (countMax !== undefined && count >= countMax) break;
          }
        }),
      );
      // Ctrl-C is how a watch without an end of its own ends.
      if (interruptedBy !== undefined && countMax !== undefined && count < countMax) {
        throw interruptedBefore(`event ${count + 1} of ${countMax}`, interruptedBy);
      }
    },
  );

/** Prints how far the watch is: `REVISION PROGRESS`, or one line of JSON. */
function printProgress(
  terminal: Terminal,
  output: OutputFormat,
  revision: number,
  history: string | undefined,
): void {
  if (output === "text") terminal.out(`${revision}\tPROGRESS\n`);
  else writeJsonLine(terminal, { kind: "progress", revision, ...historyJson(history) });
}

/** Prints one event: tab-separated `REVISION PUT|DELETE KEY VALUE`, or one line of JSON. */
export function printEvent(
  terminal: Terminal,
  output: OutputFormat,
  event: WatchEvent,
  history: string | undefined,
): void {
  const { kind, revision, path, entry, previous, synthesized } = event;
  if (output === "text") {
    const value = entry === undefined ? [] : [valueLine(entry.value)];
    terminal.out(`${[revision, kind.toUpperCase(), path, ...value].join("\t")}\n`);
    return;
  }
  const after = entry === undefined ? {} : { ...valueJson(entry.value), ...entryMetadataJson(entry) };
  const before =
    previous === undefined
      ? {}
      : { previous: { ...valueJson(previous.value), ...entryMetadataJson(previous) } };
  const mark = synthesized ? { synthesized } : {};
  writeJsonLine(terminal, {
    ...{ kind, key: path, revision, ...historyJson(history) },
    ...{ ...mark, ...after, ...before },
  });
}
