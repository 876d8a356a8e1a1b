import { withClient } from "../client.js";
import type { RegisterCommand } from "../command.js";
import { CommandFailure } from "../command-failure.js";
import { exitCode } from "../exit-code.js";
import { readGlobalOptions } from "../global-options.js";
import { entryJson } from "../output/entry.js";
import { historyJson, writeJson } from "../output/json.js";
import { readOptions, withReadOptions } from "./read-options.js";

/** `quorate get KEY`: prints the value's bytes and a newline, or with --output json the whole entry. */
export const registerGet: RegisterCommand = (cli, { terminal }) =>
  cli.command(
    "get <key>",
    "Print the value of a key; exits 1 when there is none",
    (command) =>
      withReadOptions(
        command.positional("key", { type: "string", demandOption: true, describe: "An absolute path" }),
      )
        .example("$0 get /app/db", "Print the value alone")
        .example("$0 get /app/db --output json", "Print value, revisions, version and lease")
        .example("$0 get /app/db --consistency serializable", "Read without a quorum"),
    async (argv) => {
      const options = readGlobalOptions(argv, terminal.env);
      const { entry, history } = await withClient(options, { session: "none" }, async (client) => ({
        entry: await client.get(argv.key, readOptions(argv)),
        history: client.historyId,
      }));
      if (entry === undefined) throw new CommandFailure(exitCode.failed, `${argv.key}: no such key`);
      if (options.output === "json") {
        writeJson(terminal, { ...entryJson(entry), ...historyJson(history) });
        return;
      }
      terminal.out(Buffer.concat([entry.value, Buffer.from("\n")]));
    },
  );
