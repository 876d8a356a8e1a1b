import { withClient } from "../client.js";
import { type CommandContext, type RegisterCommand, standardInput } from "../command.js";
import { CommandFailure } from "../command-failure.js";
import { exitCode } from "../exit-code.js";
import { readGlobalOptions } from "../global-options.js";
import { entryJson } from "../output/entry.js";
import { historyJson, writeJson } from "../output/json.js";
import { wholeNumber } from "../whole-number.js";
import { fenceOptions, readFence } from "./fence-options.js";

/** `quorate put KEY VALUE`: writes a key, with `-` from stdin. */
export const registerPut: RegisterCommand = (cli, context) =>
  cli.command(
    "put <key> [value]",
    "Write a key; VALUE - reads it from stdin",
    (command) =>
      command
        .positional("key", { type: "string", demandOption: true, describe: "An absolute path" })
        .positional("value", { type: "string", describe: "The value; - for stdin, as it is, to its end" })
        .option("lease", { type: "string", requiresArg: true, describe: "Lease the key lives on" })
        .option("if-mod-revision", {
          type: "string",
          requiresArg: true,
          describe: "Write only if the key was last changed at this revision; 0: only if it does not exist",
        })
        .option("sequential", { type: "boolean", default: false, describe: "Create KEY/<revision> instead" })
        .option("previous", {
          type: "boolean",
          default: false,
          describe: "With --output json: what was there before",
        })
        .options(fenceOptions)
        .example("$0 put /app/db postgres://db1", "Write a key")
        .example("$0 put /app/config - < config.json", "Write a file's content")
        .example("$0 put /app/owner me --if-mod-revision 0", "Only if nobody has written it")
        .example("$0 put /app/n -- -5", "A value that starts with a dash"),
    async (argv) => {
      const { terminal } = context;
      const options = readGlobalOptions(argv, terminal.env);
      const value = await readValue(argv.value, context);
      const fence = readFence(argv.fenceKey, argv.fenceToken);
      const lease = wholeNumber("lease", argv.lease, 1);
      const ifModRevision = wholeNumber("if-mod-revision", argv.ifModRevision, 0);
      const { outcome, history } = await withClient(options, { session: "brief" }, async (client) => ({
        outcome: await client.put(argv.key, value, {
          sequential: argv.sequential,
          returnPrevious: argv.previous,
          ...(lease === undefined ? {} : { lease }),
          ...(ifModRevision === undefined ? {} : { ifModRevision }),
          ...(fence === undefined ? {} : { fence }),
        }),
        history: client.historyId,
      }));
      if (options.output === "text") {
        terminal.out(`${outcome.path} at revision ${outcome.revision}\n`);
        return;
      }
      const previous = outcome.previous === undefined ? null : entryJson(outcome.previous);
      const { path: key, revision } = outcome;
      const written = { key, revision, ...historyJson(history) };
      writeJson(terminal, argv.previous ? { ...written, previous } : written);
    },
  );

async function readValue(given: string | undefined, context: CommandContext): Promise<string | Uint8Array> {
  const [afterDashes, ...surplus] = context.afterDashes ?? [];
  if (surplus.length > 0 || (given !== undefined && afterDashes !== undefined)) {
    throw new CommandFailure(exitCode.usage, "put takes one value; quote it if it contains spaces");
  }
  if (afterDashes !== undefined) return afterDashes;
  if (given === undefined)
    throw new CommandFailure(exitCode.usage, "give a value, or - to read it from stdin");
  return given === standardInput ? context.terminal.readInput() : given;
}
