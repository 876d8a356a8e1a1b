import { withClient } from "../client.js";
import type { RegisterCommand } from "../command.js";
import { readGlobalOptions } from "../global-options.js";
import { writeJson } from "../output/json.js";
import { quotaTable } from "../output/quota-table.js";

/** `quorate quota ls`: all quotas. */
export const registerQuotaList: RegisterCommand = (cli, { terminal }) =>
  cli.command(
    "ls",
    "Show all quotas, and what their subtrees hold",
    (command) =>
      command
        .example("$0 quota ls", "A table")
        .example(
          "$0 quota ls --output json",
          'A document {"quotas": [{path, keysMax, bytesMax, keys, bytes}]}',
        ),
    async (argv) => {
      const options = readGlobalOptions(argv, terminal.env);
      const quotas = await withClient(options, { session: "none" }, (client) => client.quota.list());
      if (options.output === "json") writeJson(terminal, { quotas });
      else terminal.out(`${quotaTable(quotas).join("\n")}\n`);
    },
  );
