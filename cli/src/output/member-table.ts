import type { Member } from "@quorate/sdk";
import { type Column, tableLines } from "./table.js";

const columns: readonly Column[] = [
  { heading: "NAME", align: "left" },
  { heading: "ID", align: "left" },
  { heading: "ROLE", align: "left" },
  { heading: "PEER ADDRESS", align: "left" },
  { heading: "CLIENT ENDPOINT", align: "left" },
  { heading: "FORMAT", align: "right" },
];

/** The members of a cluster as a table. A member that never joined has no endpoint and no format yet. */
export function memberTable(members: readonly Member[]): string[] {
  return tableLines(
    columns,
    members.map((member) => [
      member.name,
      member.memberId,
      roleOf(member),
      member.peerAddress,
      member.clientEndpoint === "" ? "-" : member.clientEndpoint,
      member.format === 0 ? "-" : String(member.format),
    ]),
  );
}

/** A member for scripts. */
export function memberJson(member: Member): object {
  const { name, memberId, peerAddress, clientEndpoint, format } = member;
  return { name, memberId, role: roleOf(member), peerAddress, clientEndpoint, format };
}

function roleOf({ learner, leader }: Member): "leader" | "voter" | "learner" {
  if (leader) return "leader";
  return learner ? "learner" : "voter";
}
