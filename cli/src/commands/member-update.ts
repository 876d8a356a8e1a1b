import { withClient } from "../client.js";
import type { RegisterCommand } from "../command.js";
import { readGlobalOptions } from "../global-options.js";
import { writeJson } from "../output/json.js";
import { memberJson } from "../output/member-table.js";

/** `quorate member update`: the other members dial it elsewhere from then on. */
export const registerMemberUpdate: RegisterCommand = (cli, { terminal }) =>
  cli.command(
    "update <member>",
    "Change where the other members dial a member, before its node moves there",
    (command) =>
      command
        .positional("member", { type: "string", demandOption: true, describe: "Its name or id" })
        .option("peer-address", {
          type: "string",
          demandOption: true,
          requiresArg: true,
          describe: "host:port at which the other members are to dial it",
        })
        .example(
          "$0 member update n2 --peer-address 10.0.0.9:7401",
          "Then restart n2 there, with its data directory",
        ),
    async (argv) => {
      const options = readGlobalOptions(argv, terminal.env);
      const member = await withClient(options, { session: "none" }, (client) =>
        client.updateMember(argv.member, argv.peerAddress),
      );
      if (options.output === "json") {
        writeJson(terminal, { member: memberJson(member) });
        return;
      }
      terminal.out(
        `${member.name} (${member.memberId}) has the peer address ${member.peerAddress}. Now restart its node there, ` +
          "with its data directory and the same flags, but for --peer-listen\n",
      );
    },
  );
