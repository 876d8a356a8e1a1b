import type { Quorate } from "@quorate/sdk";
import { withClient } from "../client.js";
import type { RegisterCommand } from "../command.js";
import { CommandFailure } from "../command-failure.js";
import { exitCode } from "../exit-code.js";
import { readGlobalOptions } from "../global-options.js";
import { writeJson } from "../output/json.js";
import { lostTolerance } from "../output/lost-tolerance.js";
import type { Terminal } from "../terminal.js";

/** `quorate member remove`: for good; the same machine may come back as a new member. */
export const registerMemberRemove: RegisterCommand = (cli, { terminal }) =>
  cli.command(
    "remove <member>",
    "Remove a member for good; its node stops",
    (command) =>
      command
        .positional("member", { type: "string", demandOption: true, describe: "Its name or id" })
        .option("yes", {
          alias: "y",
          type: "boolean",
          default: false,
          describe: "Do not ask, even if no other voter may fail then",
        })
        .example("$0 member remove n1", "Refused when the rest would have no quorum")
        .example("$0 member remove n3 --yes", "From three voters to two, in a script"),
    async (argv) => {
      const options = readGlobalOptions(argv, terminal.env);
      await withClient(options, { session: "none" }, async (client) => {
        if (!argv.yes) await confirmLoss(client, argv.member, terminal);
        await client.removeMember(argv.member);
      });
      if (options.output === "json") writeJson(terminal, { removed: argv.member });
      else terminal.out(`removed ${argv.member}; its data directory is of no use any more\n`);
    },
  );

/** What cannot be taken back is not done by a slip. */
async function confirmLoss(client: Quorate, member: string, terminal: Terminal): Promise<void> {
  const warning = lostTolerance(await client.members(), member);
  if (warning === undefined) return;
  const agreed = await terminal.confirm(`${warning}. Remove it?`);
  if (agreed === true) return;
  throw agreed === false
    ? new CommandFailure(exitCode.failed, `${member} was not removed`)
    : new CommandFailure(exitCode.usage, `${warning}. To remove it all the same, add --yes`);
}
