import type { RegisterCommand } from "../command.js";
import { registerQuotaGet } from "./quota-get.js";
import { registerQuotaList } from "./quota-list.js";
import { registerQuotaRemove } from "./quota-remove.js";
import { registerQuotaSet } from "./quota-set.js";

const subcommands: readonly RegisterCommand[] = [
  registerQuotaSet,
  registerQuotaGet,
  registerQuotaList,
  registerQuotaRemove,
];

/** `quorate quota …`: how much subtrees may hold. */
export const registerQuota: RegisterCommand = (cli, context) =>
  cli.command("quota", "Show and change how much subtrees may hold", (command) =>
    subcommands
      .reduce((all, register) => register(all, context), command)
      .example("$0 quota set /tenants/a --keys 10000", "At most so many keys at and below it")
      .example("$0 quota ls", "All quotas, and what their subtrees hold")
      .example("$0 quota rm /tenants/a", "Bounded no more")
      .demandCommand(1, 1, "Name what to do with quotas", "One command at a time"),
  );
