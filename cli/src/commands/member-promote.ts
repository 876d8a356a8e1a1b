import { withClient } from "../client.js";
import type { RegisterCommand } from "../command.js";
import { readGlobalOptions } from "../global-options.js";
import { writeJson } from "../output/json.js";
import { memberJson } from "../output/member-table.js";

/** `quorate member promote`: a learner gets a vote. */
export const registerMemberPromote: RegisterCommand = (cli, { terminal }) =>
  cli.command(
    "promote <member>",
    "Give a learner that has caught up a vote",
    (command) =>
      command
        .positional("member", { type: "string", demandOption: true, describe: "Its name or id" })
        .example("$0 member promote n4", "Refused, with the reason, while n4 lags behind"),
    async (argv) => {
      const options = readGlobalOptions(argv, terminal.env);
      const member = await withClient(options, { session: "none" }, (client) =>
        client.promoteMember(argv.member),
      );
      if (options.output === "json") writeJson(terminal, { member: memberJson(member) });
      else terminal.out(`${member.name} (${member.memberId}) is a voter\n`);
    },
  );
