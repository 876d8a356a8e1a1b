import type { Metadata } from "@grpc/grpc-js";
import type { PeerMessage, WatchReply, WatchRequest } from "@quorate/proto";
import { violated } from "../invariants/violation.js";
import type { NodePromise, NodeView } from "../observation.js";

/** What the messages on their way to a peer promise of the sender's disk; the sender is as `view` says by now. */
export function promisesIn(
  messages: readonly PeerMessage[],
  metadata: Metadata,
  view: Pick<NodeView, "term" | "termAt">,
): NodePromise[] {
  const promises: NodePromise[] = [];
  for (const { message } of messages) {
    if (message.case === "requestVoteResult") {
      const { term, preVote, granted } = message.value;
      if (!granted || preVote) continue;
      promises.push({ kind: "vote", term: Number(term), candidate: Number(metadata.get("quorate-to")[0]) });
    } else if (message.case === "appendEntriesResult") {
      const { rejected } = message.value;
      if (rejected) continue;
      const [term, index] = [Number(message.value.term), Number(message.value.index)];
      // In a later term its log may have been replaced since it took the entry.
      const entryTerm = view.term === term ? view.termAt(index) : undefined;
      promises.push({ kind: "append", term, index, entryTerm });
    } else if (message.case === "requestVote") {
      const { term, preVote } = message.value;
      if (!preVote) promises.push({ kind: "ownVote", term: Number(term) });
    } else if (message.case === "appendEntries" || message.case === "heartbeat") {
      promises.push({ kind: "ownVote", term: Number(message.value.term) });
    }
  }
  return promises;
}

/** A use of a watch id on a stream. */
interface Use {
  /** Asked for from now on, or with the state: where it starts the first replies say. */
  readonly fromNow: boolean;
  /** Everything up to this revision was delivered, or not asked for. */
  position: bigint;
}

/**
 * WATCH, as servers deliver it: within one use of a watch id on a stream, revisions rise from the one that was asked for.
 * Clients that are not ours have nothing else to go by; ours drops what it has or never asked for, which would hide it.
 */
export class WatchDeliveries {
  readonly #uses = new WeakMap<object, Map<bigint, Use>>();

  requested(stream: object, { request }: WatchRequest): void {
    if (request.case !== "create") return;
    const { watchId, startRevision } = request.value;
    let uses = this.#uses.get(stream);
    if (uses === undefined) {
      uses = new Map();
      this.#uses.set(stream, uses);
    }
    if (uses.has(watchId)) return;
    const fromNow = startRevision === 0n;
    uses.set(watchId, { fromNow, position: fromNow ? 0n : startRevision - 1n });
  }

  delivered(stream: object, { watchId, reply }: WatchReply): void {
    const uses = this.#uses.get(stream);
    if (reply.case === "ended") uses?.delete(watchId);
    if (reply.case === "ended" || reply.case === undefined) return;
    const use = uses?.get(watchId);
    if (use === undefined) {
      violated("WATCH", `watch ${watchId} is sent ${reply.case} without having been asked for`, {
        watchId: Number(watchId),
      });
    }
    if (reply.case === "events") {
      for (const { entry } of reply.value.events) {
        if (entry === undefined || entry.modRevision > use.position) continue;
        violated("WATCH", `watch ${watchId} is sent revision ${entry.modRevision} after ${use.position}`, {
          watchId: Number(watchId),
          path: entry.path,
        });
      }
    }
    // What is created for a start in the past stands at that start, whatever the store's revision.
    if (reply.case === "created" && !use.fromNow) return;
    if (reply.value.revision > use.position) use.position = reply.value.revision;
  }
}
