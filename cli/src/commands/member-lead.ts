import { withClient } from "../client.js";
import type { RegisterCommand } from "../command.js";
import { readGlobalOptions } from "../global-options.js";
import { writeJson } from "../output/json.js";
import { memberJson } from "../output/member-table.js";

/** `quorate member lead`: leadership goes to another voter, without an election timeout. */
export const registerMemberLead: RegisterCommand = (cli, { terminal }) =>
  cli.command(
    "lead [member]",
    "Hand leadership to a voter, or to whichever the leader chooses",
    (command) =>
      command
        .positional("member", { type: "string", describe: "Its name or id" })
        .example("$0 member lead n2", "Make n2 the leader")
        .example("$0 member lead", "Make another node the leader, for example before a restart"),
    async (argv) => {
      const options = readGlobalOptions(argv, terminal.env);
      const leader = await withClient(options, { session: "none" }, (client) =>
        client.transferLeadership(argv.member),
      );
      if (options.output === "json") writeJson(terminal, { leader: memberJson(leader) });
      else terminal.out(`${leader.name} (${leader.memberId}) leads\n`);
    },
  );
