import type { Member } from "@quorate/sdk";

/**
 * Why the removal of a member needs a second thought: no voter may fail afterwards. Undefined when one may, when it has
 * no vote, and when the cluster refuses it by itself.
 */
export function lostTolerance(members: readonly Member[], named: string): string | undefined {
  const voters = members.filter(({ learner }) => !learner);
  const removed =
    voters.find(({ memberId }) => memberId === named.toLowerCase()) ??
    voters.find(({ name }) => name === named);
  const rest = voters.length - 1;
  if (removed === undefined || rest === 0 || rest > 2) return undefined;
  const left = rest === 1 ? "one voter, which must not fail" : "two voters, of which none may fail";
  return `without ${removed.name} there are ${left}: the cluster stands still when one does, so promote another member first unless this is the way to it`;
}
