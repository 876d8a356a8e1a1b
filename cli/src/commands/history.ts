import type { HistoryOptions, Version } from "@quorate/sdk";
import { withClient } from "../client.js";
import type { RegisterCommand } from "../command.js";
import { CommandFailure } from "../command-failure.js";
import { exitCode } from "../exit-code.js";
import { readGlobalOptions } from "../global-options.js";
import { entryJson, valueLine } from "../output/entry.js";
import { historyJson, writeJsonLine } from "../output/json.js";
import { wholeNumber } from "../whole-number.js";

/** `quorate history PATH`: the versions of a key, oldest first, each on a line. */
export const registerHistory: RegisterCommand = (cli, { terminal }) =>
  cli.command(
    "history <path>",
    "Print the versions of a key that history holds, oldest first; exits 1 when there is none",
    (command) =>
      command
        .positional("path", { type: "string", demandOption: true, describe: "An absolute path" })
        .option("from", { type: "string", requiresArg: true, describe: "From this revision on" })
        .option("to", { type: "string", requiresArg: true, describe: "Up to this revision" })
        .option("limit", { type: "string", requiresArg: true, describe: "At most so many, the oldest" })
        .example("$0 history /app/db", "Every version: its revision, what happened, and the value")
        .example("$0 history /app/db --from 120 --output json", "JSON Lines, one for each version"),
    async (argv) => {
      const options = readGlobalOptions(argv, terminal.env);
      const limit = wholeNumber("limit", argv.limit, 1) ?? Number.POSITIVE_INFINITY;
      const range: HistoryOptions = {
        fromRevision: wholeNumber("from", argv.from, 1),
        toRevision: wholeNumber("to", argv.to, 1),
      };
      const count = await withClient(options, { session: "none" }, async (client) => {
        let printed = 0;
        for await (const version of client.history(argv.path, range)) {
          if (options.output === "json")
            writeJsonLine(terminal, versionJson(argv.path, version, client.historyId));
          else terminal.out(`${versionLine(version)}\n`);
          printed += 1;
          if (printed >= limit) break;
        }
        return printed;
      });
      if (count === 0) throw new CommandFailure(exitCode.failed, `${argv.path}: no version in that range`);
    },
  );

function versionLine(version: Version): string {
  if (version.kind === "delete") return `${version.revision}\tdelete`;
  return `${version.revision}\tput\t${valueLine(version.entry.value)}`;
}

function versionJson(path: string, version: Version, historyId: string | undefined): object {
  const { kind, revision } = version;
  const what = kind === "delete" ? { key: path } : entryJson(version.entry);
  return { kind, revision, ...what, ...historyJson(historyId) };
}
