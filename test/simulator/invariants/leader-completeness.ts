import type { NodeView } from "../observation.js";
import type { CommittedLog } from "./committed-log.js";
import { violated } from "./violation.js";

/**
 * LC: what was committed in a term is in the log of every leader of a later term. With log matching it is enough to
 * look for the last such entry. What was committed in a later term than the leader's own does not count: such a leader
 * won its election late, by votes of the past, and can commit nothing.
 */
export function checkLeaderCompleteness(leader: NodeView, committed: CommittedLog): void {
  const last = committed.before(leader.term);
  if (last === undefined || last.index < leader.firstIndex) return;
  const term = leader.termAt(last.index);
  if (term === last.term) return;
  violated(
    "LC",
    `node ${leader.id} leads term ${leader.term} without entry ${last.index}, committed in term ${last.committerTerm}`,
    { node: leader.id, leaderTerm: leader.term, ...last, found: term, lastIndex: leader.lastIndex },
  );
}
