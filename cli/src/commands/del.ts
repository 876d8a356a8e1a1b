import { withClient } from "../client.js";
import type { RegisterCommand } from "../command.js";
import { CommandFailure } from "../command-failure.js";
import { exitCode } from "../exit-code.js";
import { readGlobalOptions } from "../global-options.js";
import { historyJson, writeJson } from "../output/json.js";
import { wholeNumber } from "../whole-number.js";
import { fenceOptions, readFence } from "./fence-options.js";

/** `quorate del KEY`: deletes a key, or with --recursive it and everything below. */
export const registerDel: RegisterCommand = (cli, { terminal }) =>
  cli.command(
    ["del <key>", "delete <key>"],
    "Delete a key; exits 1 when there was nothing to delete",
    (command) =>
      command
        .positional("key", { type: "string", demandOption: true, describe: "An absolute path" })
        .option("recursive", {
          alias: "r",
          type: "boolean",
          default: false,
          describe: "Also everything below it",
        })
        .option("if-mod-revision", {
          type: "string",
          requiresArg: true,
          describe: "Only if the key was last changed at this revision",
        })
        .options(fenceOptions)
        .example("$0 del /app/db", "Delete one key")
        .example("$0 del /app --recursive", "Delete a subtree"),
    async (argv) => {
      const options = readGlobalOptions(argv, terminal.env);
      const fence = readFence(argv.fenceKey, argv.fenceToken);
      const ifModRevision = wholeNumber("if-mod-revision", argv.ifModRevision, 1);
      const { outcome, history } = await withClient(options, { session: "brief" }, async (client) => ({
        outcome: await client.delete(argv.key, {
          recursive: argv.recursive,
          ...(ifModRevision === undefined ? {} : { ifModRevision }),
          ...(fence === undefined ? {} : { fence }),
        }),
        history: client.historyId,
      }));
      const { deleted, revision } = outcome;
      if (options.output === "json") {
        writeJson(terminal, { key: argv.key, deleted, revision, ...historyJson(history) });
      }
      if (deleted === 0) throw new CommandFailure(exitCode.failed, `${argv.key}: no such key`);
      if (options.output === "text") terminal.out(`${deleted} deleted at revision ${revision}\n`);
    },
  );
