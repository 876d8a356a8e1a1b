import { bounds } from "../config.js";

/** The part of a stream that replies are written to. */
export interface ReplyStream<Reply> {
  write(reply: Reply, sent: () => void): boolean;
  /** Stops and goes on reading requests. */
  pause(): void;
  resume(): void;
}

/**
 * The replies on their way to the client of one stream, counted in bytes. While it has taken too few of them, nothing
 * more is read from it, and `blocked` says that nothing more should be done for it.
 */
export class Outflow<Reply> {
  private readonly stream: ReplyStream<Reply>;
  private readonly drained: () => void;
  private unsentBytes = 0;
  private isBlocked = false;

  /** `drained` is called when it is no longer blocked. */
  constructor(stream: ReplyStream<Reply>, drained: () => void) {
    this.stream = stream;
    this.drained = drained;
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
  }

  /** Writes a reply whose bytes were reserved. */
  write(reply: Reply, bytes: number): void {
    this.stream.write(reply, () => this.sent(bytes));
  }

  private sent(bytes: number): void {
    this.unsentBytes -= bytes;
    // At half, so that a client as fast as the server is not stopped at every reply.
    if (!this.isBlocked || this.unsentBytes > bounds.streamUnsentBytesMax / 2) return;
    this.isBlocked = false;
    this.stream.resume();
    this.drained();
  }
}
