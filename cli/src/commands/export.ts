import { withClient } from "../client.js";
import type { RegisterCommand } from "../command.js";
import { readGlobalOptions } from "../global-options.js";
import { entryJson } from "../output/entry.js";
import { writeJsonLine } from "../output/json.js";
import { readOptions, withReadOptions } from "./read-options.js";

/** `quorate export [PATH]`: a subtree with its values as JSON Lines, however large it is, all as of one revision. */
export const registerExport: RegisterCommand = (cli, { terminal }) =>
  cli.command(
    "export [path]",
    "Print a key and everything below it as JSON Lines, values included, all as of one revision",
    (command) =>
      withReadOptions(
        command.positional("path", { type: "string", default: "/", describe: "The root of the subtree" }),
      )
        .example("$0 export /app > app.jsonl", "Every key, one a line, with value and revisions")
        .example("$0 export /app --revision 42", "As it was then"),
    async (argv) => {
      const options = readGlobalOptions(argv, terminal.env);
      await withClient(options, { session: "none" }, async (client) => {
        for await (const entry of client.walk(argv.path, readOptions(argv))) {
          writeJsonLine(terminal, entryJson(entry));
        }
      });
    },
  );
