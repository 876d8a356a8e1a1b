import type { RegisterCommand } from "../command.js";
import { registerLeaseGet } from "./lease-get.js";
import { registerLeaseGrant } from "./lease-grant.js";
import { registerLeaseKeepAlive } from "./lease-keep-alive.js";
import { registerLeaseLs } from "./lease-ls.js";
import { registerLeaseRevoke } from "./lease-revoke.js";

const subcommands: readonly RegisterCommand[] = [
  registerLeaseLs,
  registerLeaseGet,
  registerLeaseGrant,
  registerLeaseKeepAlive,
  registerLeaseRevoke,
];

/** `quorate lease …`: leases, on which keys live and end together. */
export const registerLease: RegisterCommand = (cli, context) =>
  cli.command("lease", "Show, grant, keep alive and revoke leases", (command) =>
    subcommands
      .reduce((all, register) => register(all, context), command)
      .example("$0 lease ls", "A table of leases and sessions")
      .example("$0 lease grant 30s", "Print the id of a new lease")
      .example("$0 put /services/web/a 10.0.0.1:80 --lease 42", "A key that ends with its lease")
      .example("$0 lease keep-alive 42", "Keep it alive until Ctrl-C")
      .demandCommand(1, 1, "Name what to do with leases", "One command at a time"),
  );
