import { LeaseNotFound } from "@quorate/sdk";
import { withClient } from "../client.js";
import type { RegisterCommand } from "../command.js";
import { readGlobalOptions } from "../global-options.js";
import { leaseId, noSuchLease } from "../lease-id.js";
import { writeJson } from "../output/json.js";
import { fenceOptions, readFence } from "./fence-options.js";

/** `quorate lease revoke ID`: ends a lease, and with it its keys. */
export const registerLeaseRevoke: RegisterCommand = (cli, { terminal }) =>
  cli.command(
    "revoke <id>",
    "End a lease and delete its keys; exits 1 when it does not exist",
    (command) =>
      command
        .positional("id", { type: "string", demandOption: true, describe: "The lease's id" })
        .options(fenceOptions)
        .example("$0 lease revoke 42", "Its keys are gone at once, all together"),
    async (argv) => {
      const options = readGlobalOptions(argv, terminal.env);
      const fence = readFence(argv.fenceKey, argv.fenceToken);
      const id = leaseId(argv.id);
      try {
        await withClient(options, { session: "brief" }, (client) => client.revokeLease(id, { fence }));
      } catch (error) {
        if (error instanceof LeaseNotFound) throw noSuchLease(id);
        throw error;
      }
      if (options.output === "json") writeJson(terminal, { id });
      else terminal.out(`revoked lease ${id}\n`);
    },
  );
