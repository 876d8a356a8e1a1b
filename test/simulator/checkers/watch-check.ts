import type { Change } from "../../../server/src/state-machine/index.js";
import type { ReferenceHistory } from "../invariants/reference-history.js";
import { sameSeen } from "../invariants/same.js";
import { violated } from "../invariants/violation.js";
import type { ClientEvent, WatchEventSeen } from "../observation.js";

type Opened = Extract<ClientEvent, { kind: "watchOpened" }>;

/** Where a watch stands. */
type Stage =
  /** Nothing was delivered that says where it starts. */
  | { readonly kind: "starting" }
  /** Entries of the snapshot at this revision are being delivered. */
  | { readonly kind: "initial"; readonly revision: number; readonly paths: Set<string> }
  /** The next change to deliver is the first that matches from this position of the history on. */
  | { readonly kind: "changes"; position: number };

/**
 * WATCH, for one watch: every change of the watched keys from its start on, once, in order, with its values; the
 * changes of a revision together; before them, if asked for, the state that they follow. Each event is compared with
 * the next change that matches in the reference history, so a gap, a repetition and a change of order look alike.
 */
export class WatchCheck {
  readonly #opened: Opened;
  readonly #history: ReferenceHistory;
  /** The revision some node had reached when it was opened: it cannot start before. */
  readonly #openedRevision: number;
  readonly #prefix: string;
  #stage: Stage;
  /** The first revision it delivered without having said where it starts. */
  #firstRevision: number | undefined;
  #last: { readonly revision: number; readonly trueMs: number } | undefined;

  constructor(opened: Opened, history: ReferenceHistory) {
    this.#opened = opened;
    this.#history = history;
    this.#openedRevision = history.revision;
    this.#prefix = opened.path === "/" ? "/" : `${opened.path}/`;
    const { fromRevision } = opened;
    this.#stage =
      fromRevision === undefined
        ? { kind: "starting" }
        : { kind: "changes", position: history.positionOf(fromRevision) };
  }

  /** Which client opened it. */
  get client(): string {
    return this.#opened.client;
  }

  delivered(events: readonly WatchEventSeen[], trueMs: number): void {
    for (const event of events) {
      if (event.initial) this.#initial(event);
      else this.#change(event, trueMs);
    }
  }

  /** It ended with an error of this code, or by its client. */
  ended(code: string | undefined): void {
    if (code !== "COMPACTED") return;
    const next =
      this.#last === undefined
        ? (this.#opened.fromRevision ?? this.#openedRevision + (this.#opened.initial ? 0 : 1))
        : this.#last.revision + 1;
    // The compacted revision is the oldest that can be read and watched from, as in etcd.
    if (next < this.#history.compactedRevision) return;
    this.#wrong(`ended as compacted, and revision ${next} was not`, { next });
  }

  /** At the end, with everything healed and all events taken: nothing that it should have delivered is missing. */
  checkComplete(settledMs: number, servedMsMax: number): void {
    const stage = this.#stage;
    if (stage.kind === "initial") return this.#checkInitialComplete(stage.revision, stage.paths);
    if (!this.#opened.eager) return;
    if (stage.kind === "starting") {
      if (this.#opened.initial) this.#checkInitialComplete(this.#history.revision, new Set());
      else this.#checkStart(this.#history.revision + 1, settledMs, servedMsMax);
      return;
    }
    if (this.#firstRevision !== undefined) this.#checkStart(this.#firstRevision, settledMs, servedMsMax);
    const missing = this.#nextFrom(stage.position);
    if (missing !== undefined)
      this.#wrong(`never delivered revision ${missing.change.revision}`, seen(missing.change));
  }

  /**
   * Of a watch "from now on" nobody can say which changes came before its start. But once a settled cluster has had the
   * time to serve it, it has started: nothing from then on may be missing before the first revision that it delivered.
   */
  #checkStart(firstRevision: number, settledMs: number, servedMsMax: number): void {
    const servedMs = Math.max(this.#opened.trueMs, settledMs) + servedMsMax;
    for (let at = this.#history.positionOf(this.#openedRevision + 1); ; ) {
      const next = this.#nextFrom(at);
      if (next === undefined || next.change.revision >= firstRevision) return;
      const appliedMs = this.#history.appliedMs(next.change.revision) ?? 0;
      if (appliedMs > servedMs) {
        this.#wrong(`never delivered revision ${next.change.revision}, of when it had to be served`, {
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
    if (this.#stage.kind === "starting" && this.#opened.initial) {
      if (revision < this.#openedRevision || revision > this.#history.revision) {
        this.#wrong(
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
      !this.#matches(path)
    ) {
      this.#wrong(`delivered an initial entry of ${path} at revision ${revision} out of place`, {
        revision,
        path,
      });
    }
    if (entry === undefined || !sameSeen(this.#history.entryAt(path, revision), entry)) {
      this.#wrong(`delivered what ${path} was not at revision ${revision}`, { revision, path });
    }
    stage.paths.add(path);
  }

  #change(event: WatchEventSeen, trueMs: number): void {
    const position = this.#positionFor(event);
    const next = this.#nextFrom(position);
    if (next === undefined || !isOf(next.change, event)) {
      const due = next === undefined ? "nothing" : `${next.change.key} at revision ${next.change.revision}`;
      this.#wrong(`delivered ${event.path} at revision ${event.revision} when ${due} was due`, {
        due: next === undefined ? undefined : seen(next.change),
        delivered: { kind: event.kind, path: event.path, revision: event.revision },
        lastDelivered: this.#last?.revision,
      });
    }
    this.#checkPrevious(next.change, event);
    if (this.#opened.eager && this.#last?.revision === event.revision && this.#last.trueMs !== trueMs) {
      this.#wrong(`delivered revision ${event.revision} in parts`, { from: this.#last.trueMs, trueMs });
    }
    this.#last = { revision: event.revision, trueMs };
    this.#stage = { kind: "changes", position: next.position + 1 };
  }

  /** The position from which the next change is sought, which for a watch that is starting the event decides. */
  #positionFor({ revision }: WatchEventSeen): number {
    const stage = this.#stage;
    switch (stage.kind) {
      case "changes":
        return stage.position;
      case "initial":
        this.#checkInitialComplete(stage.revision, stage.paths);
        return this.#history.positionOf(stage.revision + 1);
      case "starting": {
        if (revision <= this.#openedRevision) {
          this.#wrong(`delivered revision ${revision}, of before it was opened at ${this.#openedRevision}`);
        }
        // A snapshot of which nothing was delivered was empty, and the change is the first since.
        if (this.#opened.initial) this.#checkInitialComplete(revision - 1, new Set());
        else this.#firstRevision = revision;
        return this.#history.positionOf(revision);
      }
    }
  }

  #checkInitialComplete(revision: number, paths: ReadonlySet<string>): void {
    for (const { key } of this.#history.changes.slice(0, this.#history.positionOf(revision + 1))) {
      if (!this.#matches(key) || paths.has(key) || this.#history.entryAt(key, revision) === undefined)
        continue;
      this.#wrong(`left ${key} out of the state at revision ${revision}`, { revision, key });
    }
  }

  #checkPrevious(change: Change, { previous, path, revision }: WatchEventSeen): void {
    if (!this.#opened.previous) {
      if (previous !== undefined)
        this.#wrong(`delivered an entry before the change, unasked`, { path, revision });
      return;
    }
    // What was superseded below the compacted revision may be forgotten.
    if (previous === undefined && revision < this.#history.compactedRevision) return;
    if (sameSeen(change.previous, previous)) return;
    this.#wrong(`delivered another entry before the change of ${path} at revision ${revision}`, {
      expected: change.previous?.modRevision,
      found: previous?.modRevision,
    });
  }

  #nextFrom(position: number): { readonly change: Change; readonly position: number } | undefined {
    const { changes } = this.#history;
    const from = this.#opened.fromRevision ?? 0;
    for (let at = position; at < changes.length; at += 1) {
      const change = changes[at];
      if (change !== undefined && change.revision >= from && this.#matches(change.key)) {
        return { change, position: at };
      }
    }
    return undefined;
  }

  #matches(path: string): boolean {
    return path === this.#opened.path || (this.#opened.recursive && path.startsWith(this.#prefix));
  }

  #wrong(what: string, details: Readonly<Record<string, unknown>> = {}): never {
    const { watch, client, path, fromRevision } = this.#opened;
    violated("WATCH", `watch ${watch} of ${path} by ${client} ${what}`, {
      watch,
      client,
      path,
      fromRevision,
      ...details,
    });
  }
}

function isOf(change: Change, { kind, path, revision, entry }: WatchEventSeen): boolean {
  if (change.key !== path || change.revision !== revision) return false;
  return (change.entry === undefined) === (kind === "delete") && sameSeen(change.entry, entry);
}

function seen({ key, revision }: Change): Readonly<Record<string, unknown>> {
  return { path: key, revision };
}
