import { bounds } from "../config.js";
import type { LogEntry, Outgoing, Persist, Raft, ReadState } from "../raft/index.js";

/** What a Ready asks for, one effect each. */
export interface ReadyEffects {
  send(messages: readonly Outgoing[]): void;
  /** Durable when it returns. */
  persist(persist: Persist): void;
  apply(entry: LogEntry): void;
  answerReads(states: readonly ReadState[]): void;
  /** Sends a snapshot as the leader of `term`. */
  sendSnapshot(peer: number, term: number): void;
  /** Runs a piece of work in a turn of its own, and lets the node go on after it. */
  nextTurn(work: () => void): void;
}

/**
 * The work on one Ready after the other. The order is what makes Raft safe: a vote or an acknowledgement leaves only after
 * the disk holds what it promises, and nothing is applied, hence answered, that this node could forget.
 */
export class ReadyWork {
  private readonly raft: Raft;
  private readonly effects: ReadyEffects;
  /** A Ready's messages were sent, and the rest of it is to be done in the next turn. */
  private unfinished = false;

  constructor(raft: Raft, effects: ReadyEffects) {
    this.raft = raft;
    this.effects = effects;
  }

  /** Whether the next Ready may be taken: there is one, and the one before is done. */
  get isDue(): boolean {
    return !this.unfinished && this.raft.hasReady;
  }

  /** Takes one Ready. */
  work(): void {
    const { effects } = this;
    const ready = this.raft.ready(bounds.applyBytesMax);
    effects.send(ready.messages);
    this.then(ready.messages.length > 0 && ready.persist !== undefined, () => {
      if (ready.persist !== undefined) effects.persist(ready.persist);
      effects.send(ready.afterPersist);
      this.then(ready.afterPersist.length > 0 && ready.committed.length > 0, () => {
        for (const entry of ready.committed) effects.apply(entry);
        if (ready.reads.length > 0) effects.answerReads(ready.reads);
        for (const peer of ready.snapshotsTo) effects.sendSnapshot(peer, ready.term);
      });
    });
  }

  /**
   * Goes on with the Ready, in the next turn if `messagesWait`: the sockets are written to at the end of a turn, and
   * neither a leader's entries should wait for its own disk nor a follower's acknowledgement for its state machine.
   */
  private then(messagesWait: boolean, next: () => void): void {
    if (!messagesWait) {
      next();
      return;
    }
    this.unfinished = true;
    this.effects.nextTurn(() => {
      this.unfinished = false;
      next();
    });
  }
}
