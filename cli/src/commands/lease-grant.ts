import { withClient } from "../client.js";
import type { RegisterCommand } from "../command.js";
import { parseDurationMs } from "../duration.js";
import { readGlobalOptions } from "../global-options.js";
import { writeJson } from "../output/json.js";
import { fenceOptions, readFence } from "./fence-options.js";

/** `quorate lease grant TTL`: a lease that lives for its time, or for as long as somebody keeps it alive. */
export const registerLeaseGrant: RegisterCommand = (cli, { terminal }) =>
  cli.command(
    "grant <ttl>",
    "Grant a lease and print its id",
    (command) =>
      command
        .positional("ttl", { type: "string", demandOption: true, describe: "How long it lives, at least 1s" })
        .options(fenceOptions)
        .example("$0 lease grant 30s", "A lease that ends in 30 seconds unless it is kept alive"),
    async (argv) => {
      const options = readGlobalOptions(argv, terminal.env);
      const fence = readFence(argv.fenceKey, argv.fenceToken);
      const ttlMs = parseDurationMs("ttl", argv.ttl);
      // On a session it is granted once, however often the network makes it be asked for.
      const lease = await withClient(options, { session: "brief" }, (client) =>
        client.grantLease(ttlMs, { fence }),
      );
      if (options.output === "json") writeJson(terminal, lease);
      else terminal.out(`${lease.id}\n`);
    },
  );
