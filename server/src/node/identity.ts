import { createHash } from "node:crypto";
import type { MemberAddress } from "../config.js";

/** A number below 2^52 that stands for a text, the same on every node. */
function numberOf(text: string): number {
  return Number.parseInt(createHash("sha256").update(text).digest("hex").slice(0, 13), 16);
}

/** A cluster is its token and the names of its first members: addresses may differ from node to node. */
export function clusterIdOf(token: string, members: readonly MemberAddress[]): number {
  const names = members.map((member) => member.name).sort();
  return numberOf(`cluster\0${token}\0${names.join("\0")}`);
}

/** A member's id follows from its cluster and name. Never 0, which means nobody. */
export function memberIdOf(clusterId: number, name: string): number {
  return numberOf(`member\0${clusterId}\0${name}`) + 1;
}
