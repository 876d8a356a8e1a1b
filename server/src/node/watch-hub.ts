import { bounds } from "../config.js";
import type { Change, Key } from "../state-machine/index.js";
import { type PreviousOf, Watch, type WatchSink, type WatchSpec } from "./watch.js";
import { WatchIndex } from "./watch-index.js";

/** Changes fetched first while a watch catches up; more at a time as long as they are small. */
const CATCH_UP_FETCH_FIRST = 16;

/** Where the hub reads changes that watches have yet to see. */
export interface WatchHistory {
  readonly revision: number;
  readonly compactedRevision: number;
  /** Changes from a revision on, whole revisions, about `limit` of them; empty when there are none. */
  changesFrom(revision: number, limit: number): readonly Change[];
  /** The change before one of `key` at `revision`, if history still holds it. */
  previousOf(key: Key, revision: number): Change["previous"];
}

/**
 * Every watch of this node. A watch that keeps up gets changes as they are applied, found by its key, by an ancestor
 * of the changed key, or by a range that holds it. One that falls behind, because its client reads slowly, is taken off
 * and later catches up from history at its own pace: no more is kept for it than the rest of one revision, and no other
 * watch waits for it.
 */
export class WatchHub {
  private readonly history: WatchHistory;
  private readonly live = new WatchIndex();
  private readonly lagging = new Set<Watch>();
  private readonly touched = new Set<Watch>();
  /** Live watches were offered every change up to this revision. */
  private offeredRevision: number;
  private watchCount = 0;
  private catchUpScheduled = false;
  private closed = false;

  private readonly previousOf: PreviousOf = (key, revision) => this.history.previousOf(key, revision);

  constructor(history: WatchHistory) {
    this.history = history;
    this.offeredRevision = history.revision;
  }

  get count(): number {
    return this.watchCount;
  }

  /** Adds a watch that has seen everything before `nextRevision`. */
  add(spec: WatchSpec, nextRevision: number, sink: WatchSink): Watch {
    const watch = new Watch(spec, nextRevision, sink, this.previousOf);
    this.watchCount++;
    if (nextRevision > this.history.revision) this.goLive(watch);
    else this.lag(watch);
    return watch;
  }

  /**
   * The revision up to which a watch was delivered everything it is to have; undefined while it lags. Several watches
   * of one client are past a revision together when each of them is synced to it.
   */
  syncedTo(watch: Watch): number | undefined {
    // One that is touched has changes of the offered revision that are still to be delivered.
    if (watch.removed || this.lagging.has(watch) || this.touched.has(watch)) return undefined;
    return this.offeredRevision;
  }

  remove(watch: Watch): void {
    if (watch.removed) return;
    watch.removed = true;
    this.watchCount--;
    this.lagging.delete(watch);
    this.touched.delete(watch);
    this.live.delete(watch);
  }

  /** Changes of one log entry, whole revisions. */
  applied(changes: readonly Change[]): void {
    const last = changes[changes.length - 1];
    if (last === undefined) return;
    this.offeredRevision = last.revision;
    if (this.live.isEmpty) return;
    for (const change of changes) this.live.offer(change, this.touched);
    for (const watch of this.touched) {
      // What it did not match it need not look for again.
      watch.seenTo(this.offeredRevision);
      if (!watch.flush()) this.lag(watch);
    }
    this.touched.clear();
  }

  private goLive(watch: Watch): void {
    this.lagging.delete(watch);
    this.live.add(watch);
  }

  private lag(watch: Watch): void {
    if (watch.removed) return;
    this.live.delete(watch);
    this.lagging.add(watch);
    this.scheduleCatchUp();
  }

  /** The client of this sink reads again. */
  drained(): void {
    if (this.lagging.size > 0) this.scheduleCatchUp();
  }

  /** The state was replaced by a snapshot: every watch goes on from history. */
  restored(): void {
    for (const watch of [...this.live.all()]) {
      watch.seenTo(this.offeredRevision);
      watch.flush();
      this.lag(watch);
    }
    this.offeredRevision = this.history.revision;
  }

  private scheduleCatchUp(): void {
    if (this.catchUpScheduled || this.closed) return;
    this.catchUpScheduled = true;
    setImmediate(() => {
      this.catchUpScheduled = false;
      this.catchUp();
    });
  }

  /** One slice for one lagging watch whose client can take it; the others get their turn in later slices. */
  private catchUp(): void {
    for (const watch of this.lagging) {
      if (watch.blocked) continue;
      // To the end of the queue, so that every watch gets its share.
      this.lagging.delete(watch);
      this.lagging.add(watch);
      this.advance(watch);
      break;
    }
    for (const watch of this.lagging) {
      if (!watch.blocked) {
        this.scheduleCatchUp();
        return;
      }
    }
  }

  private advance(watch: Watch): void {
    const { history } = this;
    if (watch.pending && (!watch.flush() || watch.pending)) return;
    // The changes of the compacted revision itself are all there: only what lies below it may be gone.
    if (watch.nextRevision < history.compactedRevision) {
      watch.end(
        "COMPACTED",
        `revision ${watch.nextRevision} was compacted; the oldest that can be watched is ${history.compactedRevision}`,
        history.compactedRevision,
      );
      this.remove(watch);
      return;
    }
    const caughtUp = this.offerHistory(watch);
    if (watch.flush() && caughtUp) this.goLive(watch);
  }

  /** Offers whole revisions up to the bounds of a turn. Returns whether there are no more. */
  private offerHistory(watch: Watch): boolean {
    const { history } = this;
    let from = watch.nextRevision;
    let count = 0;
    let bytes = 0;
    for (let limit = CATCH_UP_FETCH_FIRST; ; limit = Math.min(limit * 4, bounds.watchCatchUpFetchMax)) {
      const changes = history.changesFrom(from, limit);
      for (const change of changes) {
        bytes += change.key.length + (change.entry?.value.length ?? 0);
        watch.take(change);
      }
      const last = changes[changes.length - 1];
      if (last === undefined || last.revision >= history.revision) {
        watch.seenTo(history.revision);
        return true;
      }
      watch.seenTo(last.revision);
      from = last.revision + 1;
      count += changes.length;
      if (count >= bounds.watchCatchUpChangesMax || bytes >= bounds.watchCatchUpBytesMax) return false;
    }
  }

  /** A progress mark for every live watch that wants one and was quiet. */
  progress(nowMs: number): void {
    for (const watch of this.live.all()) watch.progress(this.history.revision, nowMs);
  }

  /** Ends every watch: the node stops, or can no longer tell whether it is up to date. */
  endAll(code: "UNAVAILABLE" | "NO_QUORUM", message: string): void {
    for (const watch of [...this.lagging, ...this.live.all()]) {
      watch.end(code, message, 0);
      this.remove(watch);
    }
  }

  close(): void {
    this.closed = true;
    this.endAll("UNAVAILABLE", "this node is stopping: watch another one");
  }
}
