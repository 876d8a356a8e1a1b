import { withClient } from "../client.js";
import type { RegisterCommand } from "../command.js";
import { CommandFailure } from "../command-failure.js";
import { exitCode } from "../exit-code.js";
import { readGlobalOptions } from "../global-options.js";
import { writeJson } from "../output/json.js";
import { quotaTable } from "../output/quota-table.js";

/** `quorate quota get PATH`: the quota of one subtree. */
export const registerQuotaGet: RegisterCommand = (cli, { terminal }) =>
  cli.command(
    "get <path>",
    "Show the quota of a subtree; exits 1 when it has none of its own",
    (command) =>
      command
        .positional("path", { type: "string", demandOption: true, describe: "The subtree's root; / for all" })
        .example("$0 quota get /tenants/a", "What it may hold, and what it holds"),
    async (argv) => {
      const options = readGlobalOptions(argv, terminal.env);
      const quota = await withClient(options, { session: "none" }, (client) => client.quota.get(argv.path));
      if (quota === undefined) throw new CommandFailure(exitCode.failed, `${argv.path}: no quota of its own`);
      if (options.output === "json") writeJson(terminal, { quota });
      else terminal.out(`${quotaTable([quota]).join("\n")}\n`);
    },
  );
