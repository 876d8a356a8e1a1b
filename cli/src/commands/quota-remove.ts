import { withClient } from "../client.js";
import type { RegisterCommand } from "../command.js";
import { readGlobalOptions } from "../global-options.js";
import { writeJson } from "../output/json.js";
import { fenceOptions, readFence } from "./fence-options.js";

/** `quorate quota rm PATH`: a subtree may hold anything again. */
export const registerQuotaRemove: RegisterCommand = (cli, { terminal }) =>
  cli.command(
    "rm <path>",
    "Remove the quota of a subtree; one that has none is no error",
    (command) =>
      command
        .positional("path", { type: "string", demandOption: true, describe: "The subtree's root; / for all" })
        .options(fenceOptions)
        .example("$0 quota rm /tenants/a", "Its subtree is bounded no more"),
    async (argv) => {
      const options = readGlobalOptions(argv, terminal.env);
      const fence = readFence(argv.fenceKey, argv.fenceToken);
      await withClient(options, { session: "none" }, (client) => client.quota.delete(argv.path, { fence }));
      if (options.output === "json") writeJson(terminal, { path: argv.path, quota: null });
    },
  );
