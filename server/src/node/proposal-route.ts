import type { PeerMessage } from "@quorate/proto";
import type { Proposal, Raft } from "../raft/index.js";
import { decodeBatch } from "./command-codec.js";
import { type Failure, handingOver, leaderOverloaded, noQuorum } from "./failure.js";
import type { Proposals } from "./proposals.js";

type RouteMessage =
  | { readonly case: "propose"; readonly value: { batches: Uint8Array[] } }
  | {
      readonly case: "proposeRejected";
      readonly value: { batchIds: bigint[]; overloaded: boolean; transferring: boolean };
    };

type Refused = Extract<Proposal, { accepted: false }>["reason"];

/** The way of a batch into the log: here when this node leads, else by a message to the leader, which may refuse it. */
export class ProposalRoute {
  private readonly self: number;
  private readonly raft: Raft;
  private readonly proposals: Proposals;
  private readonly send: (to: number, message: RouteMessage) => void;

  constructor(
    self: number,
    raft: Raft,
    proposals: Proposals,
    send: (to: number, message: RouteMessage) => void,
  ) {
    this.self = self;
    this.raft = raft;
    this.proposals = proposals;
    this.send = send;
  }

  /** Sends off what this node's callers asked for in this turn. */
  propose(nowMs: number): void {
    const { proposals, raft } = this;
    if (!proposals.hasCollected) return;
    const batches = proposals.takeBatches(nowMs);
    // What a leader that does not hear this node is sent is lost.
    const leader = raft.isLed ? raft.leader : 0;
    if (leader === this.self) {
      for (const { id, bytes, ofLeases } of batches) {
        const proposal = raft.propose(bytes, ofLeases);
        if (!proposal.accepted) proposals.fail(id, failureOf(proposal.reason));
      }
    } else if (leader === 0) {
      for (const { id } of batches) proposals.fail(id, noQuorum);
    } else {
      // A message for each batch: together they could be too large to be sent.
      for (const { bytes } of batches) this.send(leader, { case: "propose", value: { batches: [bytes] } });
    }
  }

  /** Another node's batches, for this one as the leader. */
  proposed(from: number, batches: readonly Uint8Array[]): void {
    for (const bytes of batches) {
      const proposal = this.raft.propose(bytes);
      if (proposal.accepted) continue;
      // The bytes go into the log as they are; they are read only to name the batch when it is refused.
      const batchIds = [BigInt(decodeBatch(bytes).batchId)];
      const overloaded = proposal.reason === "overloaded";
      const transferring = proposal.reason === "transferring";
      this.send(from, { case: "proposeRejected", value: { batchIds, overloaded, transferring } });
    }
  }

  /** The leader refused batches of this node: they certainly did not happen. */
  rejected({ value }: Extract<PeerMessage["message"], { case: "proposeRejected" }>): void {
    const reason = value.overloaded ? "overloaded" : value.transferring ? "transferring" : "notLeader";
    for (const id of value.batchIds) this.proposals.fail(Number(id), failureOf(reason));
  }
}

function failureOf(reason: Refused): Failure {
  switch (reason) {
    case "notLeader":
      return noQuorum;
    case "overloaded":
      return leaderOverloaded;
    case "transferring":
      return handingOver;
  }
}
