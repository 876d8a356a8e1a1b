import type { Metadata } from "@grpc/grpc-js";
import type { PeerMessage, WatchReply } from "@quorate/proto";
import { violated } from "../invariants/violation.js";
import type { NodePromise } from "../observation.js";

/** What the messages on their way to a peer promise of the sender's disk. */
export function promisesIn(messages: readonly PeerMessage[], metadata: Metadata): NodePromise[] {
  const promises: NodePromise[] = [];
  for (const { message } of messages) {
    if (message.case === "requestVoteResult") {
      const { term, preVote, granted } = message.value;
      if (!granted || preVote) continue;
      promises.push({ kind: "vote", term: Number(term), candidate: Number(metadata.get("quorate-to")[0]) });
    } else if (message.case === "appendEntriesResult") {
      const { term, rejected, index } = message.value;
      if (!rejected) promises.push({ kind: "append", term: Number(term), index: Number(index) });
    }
  }
  return promises;
}

/**
 * WATCH, as servers deliver it: within one use of a watch id on a stream, revisions rise. Clients that are not ours have
 * nothing else to go by; ours drops what comes twice, which would hide it.
 */
export class WatchDeliveries {
  readonly #positions = new WeakMap<object, Map<bigint, bigint>>();

  delivered(stream: object, { watchId, reply }: WatchReply): void {
    let positions = this.#positions.get(stream);
    if (positions === undefined) {
      positions = new Map();
      this.#positions.set(stream, positions);
    }
    if (reply.case === "created" || reply.case === "ended") positions.delete(watchId);
    if (reply.case !== "events" && reply.case !== "progress") return;
    const position = positions.get(watchId) ?? 0n;
    if (reply.case === "events") {
      for (const { entry } of reply.value.events) {
        if (entry === undefined || entry.modRevision > position) continue;
        violated("WATCH", `watch ${watchId} is sent revision ${entry.modRevision} after ${position}`, {
          watchId: Number(watchId),
          path: entry.path,
        });
      }
    }
    if (reply.value.revision > position) positions.set(watchId, reply.value.revision);
  }
}
