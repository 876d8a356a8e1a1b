import type { SendSnapshotRequest } from "@quorate/proto";
import type { Logger } from "pino";
import { type ConfigurationAt, decodeConfiguration, type Raft } from "../raft/index.js";
import type { StateMachine } from "../state-machine/index.js";
import type { DataDirectory } from "../storage/data-directory.js";
import type { PeerLink } from "../transport/peer-link.js";
import type { SnapshotProgress } from "../transport/snapshot-service.js";
import { type ReceivedSnapshot, SnapshotReceiver } from "./snapshot-receiver.js";
import { SnapshotSender } from "./snapshot-sender.js";
import type { StateKeeper } from "./state-keeper.js";

/** What a transfer takes of its node. */
export interface StateTransferParts {
  readonly directory: DataDirectory;
  readonly state: StateKeeper;
  readonly raft: Raft;
  readonly logger: Logger;
  /** Does something with Raft, and lets the node work on what comes of it. */
  readonly turn: (work: () => void) => void;
}

/** Whole states on their way: to followers that are too far behind for the log, and from a leader to this node. */
export class StateTransfer {
  readonly sender: SnapshotSender;
  private readonly receiver: SnapshotReceiver;
  private readonly parts: StateTransferParts;
  /** The state in the received file, until it is installed. */
  private verified: StateMachine | undefined;
  /** Called when the snapshot that waits for it was installed. */
  private onInstalled: () => void = () => undefined;

  constructor(parts: StateTransferParts) {
    const { directory, state, logger } = parts;
    this.parts = parts;
    this.sender = new SnapshotSender(state, directory.outgoingFile, logger);
    this.receiver = new SnapshotReceiver(directory.incomingFile);
  }

  /** Sends the state to a follower, as the leader of `term`, and tells Raft how that ended. */
  send(peer: number, term: number, link: PeerLink | undefined): void {
    const { logger } = this.parts;
    if (link === undefined) {
      this.sent(peer, 0);
      return;
    }
    this.sender.send(link, term).then(
      (index) => this.sent(peer, index),
      (error: unknown) => {
        logger.warn({ err: error, peer }, "a snapshot could not be sent");
        this.sent(peer, 0);
      },
    );
  }

  private sent(peer: number, index: number): void {
    this.parts.turn(() => this.parts.raft.reportSnapshot(peer, index));
  }

  /** Takes a piece of a snapshot; with the last one, resolves when the snapshot is installed or not wanted any more. */
  receive(from: number, piece: SendSnapshotRequest): Promise<SnapshotProgress> {
    return this.receiver.receive(piece, {
      committedIndex: () => this.parts.raft.status().commitIndex,
      install: (snapshot) => this.offer(from, snapshot),
    });
  }

  private async offer(from: number, snapshot: ReceivedSnapshot): Promise<void> {
    const { raft, turn } = this.parts;
    const { term, lastIndex, lastTerm } = snapshot;
    // Read whole before anything is replaced by it: what is damaged must not take the place of what is not.
    const verified = await this.parts.state.verify(this.receiver.file);
    checkHistory(this.parts.state.machine.historyId, verified.historyId);
    const configuration = configurationOf(verified, snapshot);
    this.verified = verified;
    await new Promise<void>((resolve) => {
      turn(() => {
        raft.step(from, { kind: "installSnapshot", term, lastIndex, lastTerm, configuration });
        if (raft.hasSnapshotToInstall) {
          this.onInstalled = resolve;
          return;
        }
        this.verified = undefined;
        resolve();
      });
    });
  }

  /** Puts the received file in place of the state: Raft wants it now. */
  install(): void {
    const { verified } = this;
    if (verified === undefined) throw new Error("no snapshot was received");
    this.verified = undefined;
    this.parts.state.install(this.receiver.file, verified);
  }

  /** Log and state are replaced: the file is free again. */
  installed(): void {
    this.onInstalled();
    this.onInstalled = () => undefined;
  }
}

/**
 * The configuration that a received state holds.
 * @throws Error when it is not the state that was announced, or holds none: a leader's first entries bring one.
 */
function configurationOf(
  { appliedIndex, appliedTerm, configurationIndex, configuration }: StateMachine,
  { lastIndex, lastTerm }: ReceivedSnapshot,
): ConfigurationAt {
  if (appliedIndex !== lastIndex || appliedTerm !== lastTerm) {
    throw new Error(`the snapshot stands at ${appliedIndex}, not at ${lastIndex} as announced`);
  }
  return { index: configurationIndex, configuration: decodeConfiguration(configuration) };
}

/**
 * A history keeps its id, so a snapshot with another one, or none, is of another cluster.
 * @throws Error then: what this node holds must not be replaced by it.
 */
function checkHistory(own: string, received: string): void {
  if (own === "" || own === received) return;
  throw new Error(
    `the snapshot is of history ${received || "(none)"}, the data of this node of history ${own}`,
  );
}
