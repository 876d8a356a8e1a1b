import { bounds } from "../config.js";

/** The part of a stream that replies are written to. */
export interface ReplyStream<Reply> {
  write(reply: Reply, sent: () => void): boolean;
  /** Stops and goes on reading requests. */
  pause(): void;
  resume(): void;
}

/** What becomes of a client that takes nothing at all. */
export interface Patience {
  /** Milliseconds for which it may take nothing while it is blocked. */
  readonly stalledMs: number;
  /** Called once when it took nothing for so long. */
  readonly stalled: () => void;
}

/**
 * The replies on their way to the client of one stream, counted in bytes. While it has taken too few of them, nothing
 * more is read from it, and `blocked` says that nothing more should be done for it.
 */
export class Outflow<Reply> {
  private readonly stream: ReplyStream<Reply>;
  private readonly drained: () => void;
  private readonly patience: Patience | undefined;
  private unsentBytes = 0;
  private isBlocked = false;
  /** When the client took something, or became blocked. */
  private progressMs = 0;
  private stallTimer: NodeJS.Timeout | undefined;

  /** `drained` is called when it is no longer blocked. Without `patience`, a client may stay blocked for ever. */
  constructor(stream: ReplyStream<Reply>, drained: () => void, patience?: Patience) {
    this.stream = stream;
    this.drained = drained;
    this.patience = patience;
  }

  /** Whether the client has so much to take that it should get no more for now. */
  get blocked(): boolean {
    return this.isBlocked;
  }

  /** Counts bytes that will be written: memory is taken from the moment an answer exists. */
  reserve(bytes: number): void {
    this.unsentBytes += bytes;
    if (this.isBlocked || this.unsentBytes < bounds.streamUnsentBytesMax) return;
    this.isBlocked = true;
    this.stream.pause();
    this.progressMs = performance.now();
    this.awaitProgress();
  }

  /** Writes a reply whose bytes were reserved. */
  write(reply: Reply, bytes: number): void {
    this.stream.write(reply, () => this.sent(bytes));
  }

  /** The stream is over: nothing is waited for any more. */
  close(): void {
    clearTimeout(this.stallTimer);
    this.stallTimer = undefined;
  }

  private sent(bytes: number): void {
    this.unsentBytes -= bytes;
    if (!this.isBlocked) return;
    this.progressMs = performance.now();
    // At half, so that a client as fast as the server is not stopped at every reply.
    if (this.unsentBytes > bounds.streamUnsentBytesMax / 2) return;
    this.isBlocked = false;
    this.close();
    this.stream.resume();
    this.drained();
  }

  /** One timer for a time of blockage, set again when it rings too early: the client may have taken something since. */
  private awaitProgress(): void {
    const { patience } = this;
    if (patience === undefined) return;
    const leftMs = this.progressMs + patience.stalledMs - performance.now();
    if (leftMs <= 0) {
      patience.stalled();
      return;
    }
    this.stallTimer = setTimeout(() => this.awaitProgress(), leftMs);
    this.stallTimer.unref();
  }
}
