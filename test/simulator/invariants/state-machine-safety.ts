import type { LogEntry } from "../../../server/src/raft/index.js";
import { sameContents } from "./log-matching.js";
import { violated } from "./violation.js";

/** SMS: all nodes apply the same entry at each index (Raft paper, figure 3). `first` is what the first one applied. */
export function checkStateMachineSafety(nodeId: number, first: LogEntry, entry: LogEntry): void {
  if (first.term === entry.term && sameContents(first, entry)) return;
  violated("SMS", `node ${nodeId} applies another entry ${entry.index} than the first node did`, {
    node: nodeId,
    index: entry.index,
    terms: [first.term, entry.term],
    kinds: [first.kind, entry.kind],
  });
}
