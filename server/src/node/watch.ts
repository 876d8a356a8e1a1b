import { bounds } from "../config.js";
import type { Change, Key } from "../state-machine/index.js";

/** What is watched and how. */
export interface WatchSpec {
  /** The key, or with `recursive` the root of the subtree; "" is the root of all. */
  readonly key: Key;
  readonly recursive: boolean;
  readonly previous: boolean;
  readonly puts: boolean;
  readonly deletes: boolean;
  readonly progress: boolean;
}

export type WatchEndCode = "COMPACTED" | "UNAVAILABLE" | "NO_QUORUM" | "CANCELLED";

/** Where a watch's deliveries go. */
export interface WatchSink {
  /** Whether its client reads too slowly to be sent more. */
  readonly blocked: boolean;
  /** Changes of whole revisions; everything up to `revision` is now delivered. */
  events(changes: readonly Change[], revision: number): void;
  progress(revision: number): void;
  end(code: WatchEndCode, message: string, revision: number): void;
}

/**
 * One watch. Invariant: every matching change below nextRevision was delivered exactly once, in order, and none at or
 * above it was.
 */
export class Watch {
  readonly spec: WatchSpec;
  private readonly sink: WatchSink;
  private next: number;
  private batch: Change[] = [];
  private batchRevision = 0;
  private lastSentMs = 0;
  removed = false;

  constructor(spec: WatchSpec, nextRevision: number, sink: WatchSink) {
    this.spec = spec;
    this.next = nextRevision;
    this.sink = sink;
  }

  get nextRevision(): number {
    return this.next;
  }

  get blocked(): boolean {
    return this.sink.blocked;
  }

  /** Adds a change to the next delivery, if it is new and wanted. */
  take(change: Change): boolean {
    if (change.revision < this.next || !this.matches(change.key)) return false;
    this.batchRevision = change.revision;
    if (change.entry === undefined ? !this.spec.deletes : !this.spec.puts) return false;
    this.batch.push(change);
    return true;
  }

  private matches(key: Key): boolean {
    const { spec } = this;
    if (key === spec.key) return true;
    return spec.recursive && key.startsWith(spec.key) && key.charCodeAt(spec.key.length) === SLASH;
  }

  /** Everything up to `revision` was offered, whether it matched or not. */
  seenTo(revision: number): void {
    this.batchRevision = Math.max(this.batchRevision, revision);
  }

  /** Delivers what was taken. Returns false when the client cannot take more for now. */
  flush(): boolean {
    if (this.batchRevision >= this.next) this.next = this.batchRevision + 1;
    if (this.batch.length > 0) {
      const changes = this.batch;
      this.batch = [];
      this.lastSentMs = 0;
      this.sink.events(changes, this.next - 1);
    }
    return !this.sink.blocked;
  }

  progress(revision: number, nowMs: number): void {
    if (!this.spec.progress || this.sink.blocked || revision < this.next - 1) return;
    if (this.lastSentMs === 0) {
      this.lastSentMs = nowMs;
    } else if (nowMs - this.lastSentMs >= bounds.watchProgressIntervalMs) {
      this.lastSentMs = nowMs;
      this.next = revision + 1;
      this.sink.progress(revision);
    }
  }

  end(code: WatchEndCode, message: string, revision: number): void {
    this.sink.end(code, message, revision);
  }
}

const SLASH = 0x2f;
