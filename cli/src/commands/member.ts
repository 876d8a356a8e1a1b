import type { RegisterCommand } from "../command.js";
import { registerMemberAdd } from "./member-add.js";
import { registerMemberLead } from "./member-lead.js";
import { registerMemberList } from "./member-list.js";
import { registerMemberPromote } from "./member-promote.js";
import { registerMemberRemove } from "./member-remove.js";
import { registerMemberUpdate } from "./member-update.js";

const subcommands: readonly RegisterCommand[] = [
  registerMemberList,
  registerMemberAdd,
  registerMemberPromote,
  registerMemberUpdate,
  registerMemberRemove,
  registerMemberLead,
];

/** `quorate member …`: who belongs to the cluster, and who leads it. */
export const registerMember: RegisterCommand = (cli, context) =>
  cli.command("member", "Show and change who belongs to the cluster, and who leads it", (command) =>
    subcommands
      .reduce((all, register) => register(all, context), command)
      .example("$0 member list", "A table of the members")
      .example("$0 member add n4 10.0.0.4:7401", "Add a learner, and print how to start its node")
      .example("$0 member promote n4", "Give it a vote, once it has caught up")
      .example("$0 member update n2 --peer-address 10.0.0.9:7401", "Change where its peers dial n2")
      .example("$0 member remove n1", "Remove a member for good")
      .example("$0 member lead n2", "Hand leadership to n2")
      .demandCommand(1, 1, "Name what to do with members", "One command at a time"),
  );
