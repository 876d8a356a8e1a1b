import type { WatchEvent } from "@quorate/sdk";
import { withClient } from "../client.js";
import type { RegisterCommand } from "../command.js";
import { CommandFailure } from "../command-failure.js";
import { exitCode } from "../exit-code.js";
import { type OutputFormat, readGlobalOptions } from "../global-options.js";
import { listenForInterruption } from "../interruption.js";
import { entryMetadataJson, valueJson, valueLine } from "../output/entry.js";
import { writeJsonLine } from "../output/json.js";
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
        .option("count", {
          alias: "n",
          type: "string",
          requiresArg: true,
          describe: "End after so many events",
        })
        .example("$0 watch /app --recursive", "Follow a subtree")
        .example("$0 watch /app -r --initial -o json", "What is there, then every change, for a script")
        .example("$0 watch /app/db --from-revision 42", "Every change since, the past ones first"),
    async (argv) => {
      const options = readGlobalOptions(argv, terminal.env);
      const fromRevision = wholeNumber("from-revision", argv.fromRevision, 1);
      const countMax = wholeNumber("count", argv.count, 1) ?? Number.POSITIVE_INFINITY;
      if (argv.initial && fromRevision !== undefined) {
        throw new CommandFailure(exitCode.usage, "--initial and --from-revision exclude each other");
      }
      const interruption = listenForInterruption();
      try {
        await withClient(options, { session: "none", signal: interruption.signal }, async (client) => {
          const events = client.watch(argv.path, {
            recursive: argv.recursive,
            initial: argv.initial,
            previous: argv.previous,
            signal: interruption.signal,
            ...(fromRevision === undefined ? {} : { fromRevision }),
          });
          let count = 0;
          for await (const event of events) {
            printEvent(terminal, options.output, event);
            count += 1;
            if (count >= countMax) break;
          }
        });
      } catch (error) {
        // Ctrl-C is how a watch ends: whatever the abort made throw is no failure.
        if (!interruption.signal.aborted) throw error;
      } finally {
        interruption.stop();
      }
    },
  );

/** Prints one event: tab-separated `REVISION PUT|DELETE KEY VALUE`, or one line of JSON. */
export function printEvent(terminal: Terminal, output: OutputFormat, event: WatchEvent): void {
  const { kind, revision, path, entry, previous } = event;
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
  writeJsonLine(terminal, { kind, key: path, revision, ...after, ...before });
}
