import type { Change } from "../../../server/src/state-machine/index.js";
import type { ReferenceHistory } from "../invariants/reference-history.js";
import { sameSeen } from "../invariants/same.js";
import type { WatchEventSeen } from "../observation.js";
import { type RelistBase, RelistCheck } from "./watch-relist.js";
import { kindOf, type Opened, Watched } from "./watched.js";

/** Everything up to `reached` was delivered, or when the last event was of that revision, a part of it. */
interface Changes {
  readonly kind: "changes";
  /** The next change to deliver is the first that is wanted from this position of the history on. */
  readonly position: number;
  readonly reached: number;
}

/** Where a watch stands. */
type Stage =
  /** Nothing was delivered that says where it starts. */
  | { readonly kind: "starting" }
  /** Entries of the snapshot at this revision are being delivered. */
  | { readonly kind: "initial"; readonly revision: number; readonly paths: Set<string> }
  | Changes;

/**
 * WATCH, for one watch:
 *
 * - Every change of the watched keys from its start on, of the kinds that it asked for, once, in order, with its values;
 *   the changes of a revision together; before them, if asked for, the state that they follow. Each event is compared
 *   with the next change that is wanted in the reference history, so a gap, a repetition and a change of order look alike.
 * - A progress mark of R: everything wanted up to R was delivered before. R does not fall behind what was delivered, and
 *   has happened.
 * - A bookmark of R: the same. It may be of the revision before the last that was delivered only while that one, or a
 *   relist, is not delivered to its end; and it is there once a change was delivered.
 * - Only one that relists may leave changes out, as RelistCheck says; and it never ends because history was compacted.
 */
export class WatchCheck {
  readonly #watched: Watched;
  readonly #history: ReferenceHistory;
  readonly #relist: RelistCheck;
  /** The revision some node had reached when it was opened: it cannot start before. */
  readonly #openedRevision: number;
  #stage: Stage;
  /** Whether it was served what history has from its start on. */
  #served = false;
  /** The first revision it delivered without having said where it starts. */
  #firstRevision: number | undefined;
  #last: { readonly revision: number; readonly trueMs: number } | undefined;

  constructor(opened: Opened, history: ReferenceHistory) {
    this.#watched = new Watched(opened, history);
    this.#history = history;
    this.#relist = new RelistCheck(this.#watched);
    this.#openedRevision = history.revision;
    const { fromRevision } = opened;
    // One that starts in the future is at the end of history, and its revisions are held to its start.
    this.#stage = fromRevision === undefined ? { kind: "starting" } : this.#after(fromRevision - 1);
  }

  /** Which client opened it. */
  get client(): string {
    return this.#watched.opened.client;
  }

  delivered(events: readonly WatchEventSeen[], trueMs: number): void {
    for (const event of events) {
      if (event.synthesized) this.#synthesized(event);
      else if (event.initial) this.#initial(event);
      else this.#change(event, trueMs);
    }
  }

  /** It was told that everything up to a revision was delivered. */
  progressed(revision: number): void {
    const stage = this.#started(revision, `marked revision ${revision}`);
    if (revision < stage.reached || revision > this.#history.revision) {
      this.#watched.wrong(`marked revision ${revision} after revision ${stage.reached}`, { revision });
    }
    this.#passed(stage, revision, `marked revision ${revision}`);
    this.#served = true;
  }

  /** Where another watch would go on. */
  bookmarked(revision: number | undefined): void {
    if (revision === undefined) {
      if (this.#stage.kind === "changes") this.#watched.wrong("has no bookmark, and was delivered changes");
      return;
    }
    const what = `has bookmark ${revision}`;
    if (revision > this.#history.revision && revision !== (this.#watched.opened.fromRevision ?? 0) - 1) {
      this.#watched.wrong(`${what}, which has not happened`);
    }
    const stage = this.#started(revision, what);
    const at = this.#relist.at;
    const next = this.#watched.nextFrom(stage.position)?.change.revision;
    const isPartial = at === undefined && next === stage.reached;
    if (revision < stage.reached - (isPartial ? 1 : 0)) {
      this.#watched.wrong(`${what}, which falls behind revision ${stage.reached}`, { revision });
    }
    const isUntilRelist = next === undefined || next > revision || this.#relist.mayBeSince(revision);
    const isBeforeRelist = at !== undefined && revision < at && isUntilRelist;
    if (revision >= stage.reached && !isBeforeRelist) this.#passed(stage, revision, what);
  }

  /** It ended with an error of this code, or by its client. */
  ended(code: string | undefined): void {
    if (code !== "COMPACTED") return;
    if (this.#watched.opened.relist) this.#watched.wrong("ended as compacted, and was to relist");
    const { revision } = this.#base;
    const next = this.#stage.kind === "starting" && this.#watched.initial ? revision : revision + 1;
    // The compacted revision is the oldest that can be read and watched from, as in etcd.
    if (next < this.#history.compactedRevision) return;
    this.#watched.wrong(`ended as compacted, and revision ${next} was not`, { next });
  }

  /** At the end, with everything healed and all events taken: nothing that it should have delivered is missing. */
  checkComplete(settledMs: number, servedMsMax: number): void {
    const { eager } = this.#watched.opened;
    const stage = this.#stage;
    if (!eager) {
      if (stage.kind === "initial") this.#checkInitialComplete(stage.revision, stage.paths);
      return;
    }
    if (stage.kind === "starting" && !this.#watched.initial) {
      this.#checkStart(this.#history.revision + 1, settledMs, servedMsMax);
      return;
    }
    if (this.#firstRevision !== undefined) this.#checkStart(this.#firstRevision, settledMs, servedMsMax);
    const { revision } = this.#history;
    this.#passed(this.#started(revision, "delivered no more"), revision, "delivered no more");
  }

  /**
   * Of a watch "from now on" nobody can say which changes came before its start. But once a settled cluster has had the
   * time to serve it, it has started: nothing from then on may be missing before the first revision that it delivered.
   */
  #checkStart(firstRevision: number, settledMs: number, servedMsMax: number): void {
    const servedMs = Math.max(this.#watched.opened.trueMs, settledMs) + servedMsMax;
    for (let at = this.#history.positionOf(this.#openedRevision + 1); ; ) {
      const next = this.#watched.nextFrom(at);
      if (next === undefined || next.change.revision >= firstRevision) return;
      const appliedMs = this.#history.appliedMs(next.change.revision) ?? 0;
      if (appliedMs > servedMs) {
        this.#watched.wrong(`never delivered revision ${next.change.revision}, of when it had to be served`, {
          ...seen(next.change),
          appliedMs,
          servedMs,
        });
      }
      at = next.position + 1;
    }
  }

  #initial(event: WatchEventSeen): void {
    const { revision, path, entry } = event;
    if (this.#stage.kind === "starting" && this.#watched.initial) {
      if (revision < this.#openedRevision || revision > this.#history.revision) {
        this.#watched.wrong(
          `starts with the state at revision ${revision}, and was opened at ${this.#openedRevision}`,
        );
      }
      this.#stage = { kind: "initial", revision, paths: new Set() };
    }
    const stage = this.#stage;
    if (
      stage.kind !== "initial" ||
      stage.revision !== revision ||
      stage.paths.has(path) ||
      !this.#watched.matches(path)
    ) {
      this.#watched.wrong(`delivered an initial entry of ${path} at revision ${revision} out of place`, {
        revision,
        path,
      });
    }
    if (entry === undefined || !sameSeen(this.#history.entryAt(path, revision), entry)) {
      this.#watched.wrong(`delivered what ${path} was not at revision ${revision}`, { revision, path });
    }
    stage.paths.add(path);
  }

  #synthesized(event: WatchEventSeen): void {
    // Where a watch from now on started nobody can say when its first event is of a relist.
    if (this.#stage.kind === "initial") this.#stage = this.#started(this.#stage.revision, "relists");
    const base = this.#base;
    this.#relist.delivered(event, base);
    if (this.#stage.kind === "starting") this.#stage = this.#after(base.revision);
  }

  #change(event: WatchEventSeen, trueMs: number): void {
    const { path, revision } = event;
    const what = `delivered ${path} at revision ${revision}`;
    const started = this.#started(revision - 1, what);
    if (revision < started.reached) this.#watched.wrong(`${what} after revision ${started.reached}`);
    const { position } = this.#passed(started, revision - 1, what);
    const next = this.#watched.nextFrom(position);
    if (next === undefined || !isOf(next.change, event)) this.#notDue(what, next?.change);
    this.#checkPrevious(next.change, event);
    if (this.#watched.opened.eager && this.#last?.revision === revision && this.#last.trueMs !== trueMs) {
      this.#watched.wrong(`delivered revision ${revision} in parts`, { from: this.#last.trueMs, trueMs });
    }
    this.#served = true;
    this.#last = { revision, trueMs };
    this.#stage = { kind: "changes", position: next.position + 1, reached: revision };
  }

  /** Up to where everything was delivered. */
  get #base(): RelistBase {
    const stage = this.#stage;
    if (stage.kind === "starting") return { revision: this.#openedRevision, knowledge: "unknown" };
    if (stage.kind === "initial") return { revision: stage.revision, knowledge: "keys" };
    const { fromRevision = 0, knownPaths } = this.#watched.opened;
    const isPastUnread = !this.#served && fromRevision > 1 && knownPaths === undefined;
    return { revision: stage.reached, knowledge: isPastUnread ? "keys, perhaps" : "keys" };
  }

  #after(reached: number): Changes {
    return { kind: "changes", position: this.#history.positionOf(reached + 1), reached };
  }

  /** Where it stands when it has started, for all that is known not after `upTo`. */
  #started(upTo: number, what: string): Changes {
    const stage = this.#stage;
    switch (stage.kind) {
      case "changes":
        return stage;
      case "initial":
        this.#checkInitialComplete(stage.revision, stage.paths);
        return this.#after(stage.revision);
      case "starting":
        if (upTo < this.#openedRevision) {
          this.#watched.wrong(`${what}, of before it was opened at ${this.#openedRevision}`);
        }
        // A snapshot of which nothing was delivered was empty, and the change is the first since.
        if (this.#watched.initial) this.#checkInitialComplete(upTo, new Set());
        else this.#firstRevision = upTo + 1;
        return this.#after(upTo);
    }
  }

  /** Everything up to a revision that is still due must have been delivered, as `what` shows: by a relist, if at all. */
  #passed(stage: Changes, upTo: number, what: string): Changes {
    const due = this.#watched.nextFrom(stage.position)?.change;
    const isMissing = due !== undefined && due.revision <= upTo;
    if (isMissing && this.#relist.at === undefined && !this.#relist.explained(this.#base)) {
      this.#notDue(what, due);
    }
    const relisted = isMissing || this.#relist.at !== undefined;
    if (relisted) this.#relist.over(upTo, this.#base);
    if (relisted || upTo > stage.reached) this.#served = true;
    const reached = Math.max(stage.reached, upTo);
    const position = Math.max(stage.position, this.#history.positionOf(upTo + 1));
    const passed: Changes = { kind: "changes", position, reached };
    this.#stage = passed;
    return passed;
  }

  #notDue(what: string, due: Change | undefined): never {
    const isDue = due === undefined ? "nothing" : `${due.key} at revision ${due.revision}`;
    this.#watched.wrong(`${what} when ${isDue} was due`, {
      due: due === undefined ? undefined : seen(due),
      lastDelivered: this.#last?.revision,
    });
  }

  #checkInitialComplete(revision: number, paths: ReadonlySet<string>): void {
    for (const key of this.#watched.keys()) {
      if (paths.has(key) || this.#history.entryAt(key, revision) === undefined) continue;
      this.#watched.wrong(`left ${key} out of the state at revision ${revision}`, { revision, key });
    }
  }

  #checkPrevious(change: Change, { previous, path, revision }: WatchEventSeen): void {
    if (!this.#watched.opened.previous) {
      if (previous !== undefined)
        this.#watched.wrong(`delivered an entry before the change, unasked`, { path, revision });
      return;
    }
    // What was superseded below the compacted revision may be forgotten.
    if (previous === undefined && revision < this.#history.compactedRevision) return;
    if (sameSeen(change.previous, previous)) return;
    this.#watched.wrong(`delivered another entry before the change of ${path} at revision ${revision}`, {
      expected: change.previous?.modRevision,
      found: previous?.modRevision,
    });
  }
}

function isOf(change: Change, { kind, path, revision, entry }: WatchEventSeen): boolean {
  if (change.key !== path || change.revision !== revision) return false;
  return kindOf(change) === kind && sameSeen(change.entry, entry);
}

function seen({ key, revision }: Change): Readonly<Record<string, unknown>> {
  return { path: key, revision };
}
