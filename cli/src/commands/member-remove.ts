import { withClient } from "../client.js";
import type { RegisterCommand } from "../command.js";
import { readGlobalOptions } from "../global-options.js";
import { writeJson } from "../output/json.js";

/** `quorate member remove`: for good; the same machine may come back as a new member. */
export const registerMemberRemove: RegisterCommand = (cli, { terminal }) =>
  cli.command(
    "remove <member>",
    "Remove a member for good; its node stops",
    (command) =>
      command
        .positional("member", { type: "string", demandOption: true, describe: "Its name or id" })
        .example("$0 member remove n1", "Refused when the rest would have no quorum"),
    async (argv) => {
      const options = readGlobalOptions(argv, terminal.env);
      await withClient(options, { session: "none" }, (client) => client.removeMember(argv.member));
      if (options.output === "json") writeJson(terminal, { removed: argv.member });
      else terminal.out(`removed ${argv.member}; its data directory is of no use any more\n`);
    },
  );
