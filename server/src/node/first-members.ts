import { createHash, randomBytes } from "node:crypto";
import type { MemberAddress } from "../config.js";
import { replaceWords } from "./directory-words.js";

/** A number below 2^52 that stands for a text, the same on every node. */
function numberOf(text: string): number {
  return Number.parseInt(createHash("sha256").update(text).digest("hex").slice(0, 13), 16);
}

/** A cluster is its token and the names of its first members: addresses may differ from node to node. */
export function clusterIdOf(token: string, members: readonly MemberAddress[]): number {
  const names = members.map((member) => member.name).sort();
  return numberOf(`cluster\0${token}\0${names.join("\0")}`);
}

/** The id of one of a cluster's first members follows from its cluster and name. Never 0, which means nobody. */
export function memberIdOf(clusterId: number, name: string): number {
  return numberOf(`member\0${clusterId}\0${name}`) + 1;
}

/**
 * Whether a member is one of those that its cluster began with: their ids follow from their names, and those of later
 * members never do. So whoever knows a member knows this of it.
 */
export function isFirstMember(clusterId: number, id: number, name: string): boolean {
  return id === memberIdOf(clusterId, name);
}

/** Why a first member does not join, and what to do instead. */
export function firstMemberJoins(name: string): string {
  return `member "${name}" is one of the first members of the cluster, which may have voted already. If its data directory is lost, ${replaceWords(name)}; if it never took part, start it with --initial-cluster instead`;
}

/** The id of a member that is added later: of its name and chance, since its name may have been another's before. */
export function freshMemberId(name: string): number {
  return numberOf(`member\0${name}\0${randomBytes(16).toString("hex")}`) + 1;
}
