import { withClient } from "../client.js";
import type { RegisterCommand } from "../command.js";
import { readGlobalOptions } from "../global-options.js";
import { leaseId, noSuchLease } from "../lease-id.js";
import { writeJson } from "../output/json.js";

/** `quorate lease get ID`: what is left of a lease, and its keys. */
export const registerLeaseGet: RegisterCommand = (cli, { terminal }) =>
  cli.command(
    "get <id>",
    "Show what is left of a lease; exits 1 when it does not exist",
    (command) =>
      command
        .positional("id", { type: "string", demandOption: true, describe: "The lease's id" })
        .option("keys", { type: "boolean", default: false, describe: "The paths of its keys too" })
        .example("$0 lease get 42", "Time left, granted time and number of keys")
        .example("$0 lease get 42 --keys", "And the keys, one a line"),
    async (argv) => {
      const options = readGlobalOptions(argv, terminal.env);
      const id = leaseId(argv.id);
      await withClient(options, { session: "none" }, async (client) => {
        const status = await client.leaseStatus(id);
        if (status === undefined) throw noSuchLease(id);
        if (options.output === "json") {
          const keys: string[] = [];
          if (argv.keys) for await (const path of client.leaseKeys(id)) keys.push(path);
          writeJson(terminal, { ...status, ...(argv.keys ? { keys } : {}) });
          return;
        }
        const { remainingMs, ttlMs, keyCount, session } = status;
        const kind = session ? "session" : "lease";
        terminal.out(`${kind} ${id}: ${remainingMs}ms left of ${ttlMs}ms, ${keyCount} keys\n`);
        if (argv.keys) for await (const path of client.leaseKeys(id)) terminal.out(`${path}\n`);
      });
    },
  );
