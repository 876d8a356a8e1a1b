import type { LeaseInfo } from "@quorate/sdk";
import { withClient } from "../client.js";
import type { RegisterCommand } from "../command.js";
import { readGlobalOptions } from "../global-options.js";
import { writeJsonLine } from "../output/json.js";
import { type Column, tableLines } from "../output/table.js";

const columns: readonly Column[] = [
  { heading: "ID", align: "right" },
  { heading: "TTL", align: "right" },
  { heading: "KEYS", align: "right" },
  { heading: "KIND", align: "left" },
];

/** `quorate lease ls`: every lease and session; with --output json as JSON Lines, however many there are. */
export const registerLeaseLs: RegisterCommand = (cli, { terminal }) =>
  cli.command(
    "ls",
    "List leases and sessions; --output json prints JSON Lines",
    (command) => command.example("$0 lease ls -o json", "One lease a line, for a script"),
    async (argv) => {
      const options = readGlobalOptions(argv, terminal.env);
      const leases: LeaseInfo[] = [];
      await withClient(options, { session: "none" }, async (client) => {
        for await (const lease of client.leases()) {
          if (options.output === "json") writeJsonLine(terminal, lease);
          else leases.push(lease);
        }
      });
      if (options.output !== "json") terminal.out(`${tableLines(columns, leases.map(row)).join("\n")}\n`);
    },
  );

function row({ id, ttlMs, keyCount, session }: LeaseInfo): string[] {
  return [String(id), `${ttlMs}ms`, String(keyCount), session ? "session" : "lease"];
}
