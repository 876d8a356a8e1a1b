import { withClient } from "../client.js";
import type { RegisterCommand } from "../command.js";
import { CommandFailure } from "../command-failure.js";
import { exitCode } from "../exit-code.js";
import { readGlobalOptions } from "../global-options.js";
import { writeJson } from "../output/json.js";
import { quotaTable } from "../output/quota-table.js";
import { wholeNumber } from "../whole-number.js";
import { fenceOptions, readFence } from "./fence-options.js";

/** `quorate quota set PATH`: how much a subtree may hold. */
export const registerQuotaSet: RegisterCommand = (cli, { terminal }) =>
  cli.command(
    "set <path>",
    "Set the quota of a subtree, in place of the one before",
    (command) =>
      command
        .positional("path", { type: "string", demandOption: true, describe: "The subtree's root; / for all" })
        .option("keys", { type: "string", requiresArg: true, describe: "At most so many keys" })
        .option("bytes", {
          type: "string",
          requiresArg: true,
          describe: "At most so many bytes of keys and values",
        })
        .options(fenceOptions)
        .example("$0 quota set /tenants/a --keys 10000 --bytes 16777216", "Beyond either, puts are refused"),
    async (argv) => {
      const options = readGlobalOptions(argv, terminal.env);
      const fence = readFence(argv.fenceKey, argv.fenceToken);
      const keysMax = wholeNumber("keys", argv.keys, 1);
      const bytesMax = wholeNumber("bytes", argv.bytes, 1);
      if (keysMax === undefined && bytesMax === undefined) {
        throw new CommandFailure(exitCode.usage, "quota set: give --keys, --bytes or both");
      }
      const quota = await withClient(options, { session: "none" }, (client) =>
        client.quota.set(argv.path, { keysMax, bytesMax }, { fence }),
      );
      if (options.output === "json") writeJson(terminal, { quota: quota ?? null });
      else terminal.out(`${quotaTable(quota === undefined ? [] : [quota]).join("\n")}\n`);
    },
  );
