import type { Metadata } from "@grpc/grpc-js";
import type { PeerMessage, WatchReply, WatchRequest } from "@quorate/proto";
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

/** A use of a watch id on a stream. */
interface Use {
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
    if (!uses.has(watchId)) uses.set(watchId, { position: startRevision === 0n ? 0n : startRevision - 1n });
  }

  delivered(stream: object, { watchId, reply }: WatchReply): void {
    const uses = this.#uses.get(stream);
    if (reply.case === "ended") uses?.delete(watchId);
    if (reply.case !== "events" && reply.case !== "progress") return;
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
    if (reply.value.revision > use.position) use.position = reply.value.revision;
  }
}
