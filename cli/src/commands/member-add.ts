import { withClient } from "../client.js";
import type { RegisterCommand } from "../command.js";
import { readGlobalOptions } from "../global-options.js";
import { writeJson } from "../output/json.js";
import { memberJson } from "../output/member-table.js";

/** `quorate member add`: a learner, and the command that starts its node. */
export const registerMemberAdd: RegisterCommand = (cli, { terminal }) =>
  cli.command(
    "add <name> <peer-address>",
    "Add a member without a vote, and print how to start its node",
    (command) =>
      command
        .positional("name", { type: "string", demandOption: true, describe: "A name that no member has" })
        .positional("peer-address", {
          type: "string",
          demandOption: true,
          describe: "host:port at which the other members are to dial it",
        })
        .example("$0 member add n4 10.0.0.4:7401", "Then start n4 as it says, and promote it"),
    async (argv) => {
      const options = readGlobalOptions(argv, terminal.env);
      const { member, start } = await withClient(options, { session: "none" }, async (client) => {
        const added = await client.addMember(argv.name, argv.peerAddress);
        return { member: added, start: startCommand(added.name, argv.peerAddress, await endpoints(client)) };
      });
      if (options.output === "json") {
        writeJson(terminal, { member: memberJson(member), start });
        return;
      }
      terminal.out(
        `added ${member.name} (${member.memberId}) as a learner. On its machine, with an empty data directory:\n\n` +
          `  ${start}\n\n` +
          `Then, when it has caught up: quorate member promote ${member.name}\n`,
      );
    },
  );

/** Where the new node may ask which member it is. */
async function endpoints(client: {
  members(): Promise<readonly { readonly clientEndpoint: string }[]>;
}): Promise<string[]> {
  const members = await client.members();
  return members.map(({ clientEndpoint }) => clientEndpoint).filter((endpoint) => endpoint !== "");
}

function startCommand(name: string, peerAddress: string, join: readonly string[]): string {
  const peerPort = Number(/:(\d+)$/.exec(peerAddress)?.[1]);
  const host = peerAddress.replace(/:\d+$/, "");
  // By the custom of the default ports: clients one below the peers, HTTP one above.
  const [client, http] = [peerPort - 1, peerPort + 1];
  return [
    `quorate server --name ${name} --join ${join.join(",")}`,
    `--peer-listen ${peerAddress} --client-listen ${host}:${client} --http-listen ${host}:${http}`,
  ].join(" \\\n    ");
}
