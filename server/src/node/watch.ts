import { bounds } from "../config.js";
import type { Change, Key } from "../state-machine/index.js";
import { inRange, type KeyRange } from "./range-watches.js";

/** What of the changes is delivered, and how. */
interface WatchDelivery {
  readonly previous: boolean;
  readonly puts: boolean;
  readonly deletes: boolean;
  readonly progress: boolean;
}

/** A watch of one key, or of a subtree of paths. */
export interface PathWatchSpec extends WatchDelivery {
  readonly kind: "path";
  /** The key, or with `recursive` the root of the subtree; "" is the root of all paths. */
  readonly key: Key;
  readonly recursive: boolean;
}

/**
 * A watch of a range of keys, whatever their shape: from `key` on, up to but without `end`, or without one to the last.
 * From "" without an end, it is all keys.
 */
export interface RangeWatchSpec extends WatchDelivery, KeyRange {
  readonly kind: "range";
}

/** What is watched and how. */
export type WatchSpec = PathWatchSpec | RangeWatchSpec;

export type WatchEndCode = "COMPACTED" | "UNAVAILABLE" | "NO_QUORUM" | "CANCELLED";

/** Where a watch's deliveries go. */
export interface WatchSink {
  /** Whether its client reads too slowly to be sent more. */
  readonly blocked: boolean;
  /**
   * Changes, about `bounds.watchReplyBytesMax` of them; everything up to `revision` is now delivered. With `more` they
   * are all of the revision after that one, and more of the same will follow.
   */
  events(changes: readonly Change[], revision: number, more: boolean): void;
  progress(revision: number): void;
  end(code: WatchEndCode, message: string, revision: number): void;
}

/** Finds the entry before a change that does not say, if history still holds it. */
export type PreviousOf = (key: Key, revision: number) => Change["previous"];

/** What an event has on the wire beside keys, which may be there twice, and values, in bytes. */
const EVENT_OVERHEAD_BYTES = 128;
const SLASH = 0x2f;

/**
 * One watch. Invariant: every matching change below nextRevision was delivered exactly once, in order, and none at or
 * above it was; but while `pending`, the end of the last revision below it is still to be delivered.
 */
export class Watch {
  readonly spec: WatchSpec;
  private readonly sink: WatchSink;
  private readonly previousOf: PreviousOf;
  private next: number;
  private batch: readonly Change[] = [];
  private taken: Change[] = [];
  private seenRevision = 0;
  private lastSentMs = 0;
  removed = false;

  constructor(spec: WatchSpec, nextRevision: number, sink: WatchSink, previousOf: PreviousOf) {
    this.spec = spec;
    this.next = nextRevision;
    this.sink = sink;
    this.previousOf = previousOf;
  }

  get nextRevision(): number {
    return this.next;
  }

  get blocked(): boolean {
    return this.sink.blocked;
  }

  /** Whether a revision was delivered in part: the rest waits here until the client can take it. */
  get pending(): boolean {
    return this.batch.length > 0;
  }

  /** Adds a change to the next delivery, if it is new and wanted. */
  take(change: Change): boolean {
    if (change.revision < this.next || !this.matches(change.key)) return false;
    this.seenRevision = change.revision;
    if (change.entry === undefined ? !this.spec.deletes : !this.spec.puts) return false;
    this.taken.push(change);
    return true;
  }

  private matches(key: Key): boolean {
    const { spec } = this;
    if (spec.kind === "range") return inRange(spec, key);
    if (key === spec.key) return true;
    return spec.recursive && key.startsWith(spec.key) && key.charCodeAt(spec.key.length) === SLASH;
  }

  /** Everything up to `revision` was offered, whether it matched or not. */
  seenTo(revision: number): void {
    this.seenRevision = Math.max(this.seenRevision, revision);
  }

  /**
   * Delivers what was taken, in parts, for as long as the client can take them. Returns false when it can take no more
   * for now. What it was not sent is then left to history, from nextRevision on, but for the rest of a revision of
   * which it got a part.
   */
  flush(): boolean {
    if (!this.pending) {
      this.batch = this.taken;
      this.taken = [];
    }
    const { batch } = this;
    let start = 0;
    let part: Part | undefined;
    while (start < batch.length && !this.sink.blocked) {
      part = this.partFrom(start);
      start = part.end;
      this.lastSentMs = 0;
      this.sink.events(part.changes, part.revision, part.more);
    }
    const first = batch[start];
    if (first === undefined) {
      this.batch = [];
      this.next = Math.max(this.next, this.seenRevision + 1);
    } else if (part?.more === true || (part === undefined && first.revision < this.next)) {
      this.batch = restOfRevision(batch, start);
      this.next = first.revision + 1;
    } else {
      this.batch = [];
      this.next = first.revision;
    }
    this.seenRevision = this.next - 1;
    return !this.sink.blocked;
  }

  /** The next delivery: whole revisions up to the bound, or of a larger revision a part. */
  private partFrom(start: number): Part {
    const { batch } = this;
    const changes: Change[] = [];
    let boundary = start;
    let bytes = 0;
    for (let end = start; ; end++) {
      const change = batch[end];
      if (change === undefined) {
        return { changes, end, revision: Math.max(this.next - 1, this.seenRevision), more: false };
      }
      if (end > start && change.revision !== batch[end - 1]?.revision) boundary = end;
      const full = this.withPrevious(change);
      bytes += weight(full, this.spec.previous);
      if (bytes > bounds.watchReplyBytesMax && end > start) return this.cut(changes, start, boundary, end);
      changes.push(full);
    }
  }

  private cut(changes: readonly Change[], start: number, boundary: number, end: number): Part {
    const cutAt = boundary > start ? boundary : end;
    const { revision } = this.batch[cutAt] ?? { revision: this.next };
    return {
      changes: changes.slice(0, cutAt - start),
      end: cutAt,
      revision: revision - 1,
      more: cutAt !== boundary,
    };
  }

  /** History read from disk does not say what was before; what is live does. */
  private withPrevious(change: Change): Change {
    if (!this.spec.previous || change.previous !== undefined || change.entry?.version === 1) return change;
    return { ...change, previous: this.previousOf(change.key, change.revision) };
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

/** One delivery: the changes of a batch up to `end`. */
interface Part {
  readonly changes: readonly Change[];
  readonly end: number;
  /** Everything up to it is delivered with this part. */
  readonly revision: number;
  /** The revision of the last change goes on in the next part. */
  readonly more: boolean;
}

function restOfRevision(batch: readonly Change[], start: number): readonly Change[] {
  const revision = batch[start]?.revision;
  let end = start;
  while (batch[end]?.revision === revision && end < batch.length) end++;
  return batch.slice(start, end);
}

/** Bytes of a change as an event. */
function weight({ key, entry, previous }: Change, withPrevious: boolean): number {
  const previousBytes = withPrevious ? (previous?.value.length ?? 0) : 0;
  return EVENT_OVERHEAD_BYTES + 2 * key.length + (entry?.value.length ?? 0) + previousBytes;
}
