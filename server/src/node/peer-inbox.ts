import type { PeerMessage } from "@quorate/proto";
import type { Logger } from "pino";
import type { Raft } from "../raft/index.js";
import { toRaftMessage } from "../transport/peer-codec.js";
import type { LeaseKeeper } from "./lease-keeper.js";
import type { ProposalRoute } from "./proposal-route.js";
import type { StateAgreement } from "./state-agreement.js";
import { fromAgreementMessage } from "./state-agreement-wiring.js";

/** Hands on what comes in from peers: most of it to Raft, the rest to whom it is for. */
export class PeerInbox {
  private readonly raft: Raft;
  private readonly route: ProposalRoute;
  private readonly leases: LeaseKeeper;
  private readonly agreement: StateAgreement;
  private readonly logger: Logger;

  constructor(
    raft: Raft,
    route: ProposalRoute,
    leases: LeaseKeeper,
    agreement: StateAgreement,
    logger: Logger,
  ) {
    this.raft = raft;
    this.route = route;
    this.leases = leases;
    this.agreement = agreement;
    this.logger = logger;
  }

  receive(from: number, messages: readonly PeerMessage[]): void {
    for (const { message } of messages) {
      const raftMessage = toRaftMessage(message);
      if (raftMessage !== undefined) this.raft.step(from, raftMessage);
      else this.receiveOther(from, message);
    }
  }

  private receiveOther(from: number, message: PeerMessage["message"]): void {
    switch (message.case) {
      case "propose":
        this.route.proposed(from, message.value.batches);
        return;
      case "proposeRejected":
        this.route.rejected(message);
        return;
      case "renewLeases":
      case "renewLeasesResult":
        this.leases.receive(from, message);
        return;
      case "stateSample":
      case "stateAnswer":
      case "stateVerdict":
        this.agreement.receive(from, fromAgreementMessage(message), performance.now());
        return;
      default:
        this.logger.warn({ from, message: message.case }, "ignored a message of an unknown kind");
    }
  }
}
