import type { Identity } from "../storage/identity-file.js";
import type { Admission } from "../transport/handshake.js";
import type { Roster } from "./roster.js";

/** What the peer port asks about callers; `absence` says why the node takes no part yet, if it does not. */
export function admissionOf(
  { clusterId, memberId }: Identity,
  roster: Roster,
  absence: () => string | undefined,
): Admission {
  return {
    clusterId,
    self: memberId,
    otherIncarnationOf: (id, incarnation) => roster.otherIncarnationOf(id, incarnation),
    meet: (id, life) => roster.meet(id, life),
    isRemoved: (id) => roster.isRemoved(id),
    get absence() {
      return absence();
    },
  };
}
