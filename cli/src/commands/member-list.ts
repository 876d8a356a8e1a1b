import { withClient } from "../client.js";
import type { RegisterCommand } from "../command.js";
import { readGlobalOptions } from "../global-options.js";
import { writeJson } from "../output/json.js";
import { memberJson, memberTable } from "../output/member-table.js";

/** `quorate member list`: the members as one node knows them. */
export const registerMemberList: RegisterCommand = (cli, { terminal }) =>
  cli.command(
    "list",
    "Show the members: id, role and addresses",
    (command) =>
      command
        .example("$0 member list", "A table of the members")
        .example(
          "$0 member list --output json",
          'A document {"members": [{name, memberId, role, peerAddress, clientEndpoint, format}]}',
        ),
    async (argv) => {
      const options = readGlobalOptions(argv, terminal.env);
      const members = await withClient(options, { session: "none" }, (client) => client.members());
      if (options.output === "json") writeJson(terminal, { members: members.map(memberJson) });
      else terminal.out(`${memberTable(members).join("\n")}\n`);
    },
  );
