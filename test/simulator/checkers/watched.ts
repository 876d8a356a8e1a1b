import type { Change } from "../../../server/src/state-machine/index.js";
import type { ReferenceHistory } from "../invariants/reference-history.js";
import { violated } from "../invariants/violation.js";
import type { ClientEvent, WatchEventSeen } from "../observation.js";

export type Opened = Extract<ClientEvent, { kind: "watchOpened" }>;

/** What one watch is to deliver of the history. */
export class Watched {
  readonly opened: Opened;
  readonly history: ReferenceHistory;
  readonly #prefix: string;

  constructor(opened: Opened, history: ReferenceHistory) {
    this.opened = opened;
    this.history = history;
    this.#prefix = opened.path === "/" ? "/" : `${opened.path}/`;
  }

  matches(path: string): boolean {
    return path === this.opened.path || (this.opened.recursive && path.startsWith(this.#prefix));
  }

  wants(kind: WatchEventSeen["kind"]): boolean {
    return this.opened.events?.includes(kind) ?? true;
  }

  /** Whether it begins with the entries that exist, which are puts. */
  get initial(): boolean {
    return this.opened.initial && this.wants("put");
  }

  /** Every key of it that ever existed. */
  *keys(): Generator<string> {
    for (const key of this.history.keys()) if (this.matches(key)) yield key;
  }

  /** The first change to deliver at this position of the history or later. */
  nextFrom(position: number): { readonly change: Change; readonly position: number } | undefined {
    const { changes } = this.history;
    // A start in the future is not in history yet, and has no position of its own.
    const { fromRevision = 0 } = this.opened;
    for (let at = position; at < changes.length; at += 1) {
      const change = changes[at];
      if (change === undefined || change.revision < fromRevision) continue;
      if (this.matches(change.key) && this.wants(kindOf(change))) return { change, position: at };
    }
    return undefined;
  }

  wrong(what: string, details: Readonly<Record<string, unknown>> = {}): never {
    const { watch, client, path, fromRevision } = this.opened;
    violated("WATCH", `watch ${watch} of ${path} by ${client} ${what}`, {
      watch,
      client,
      path,
      fromRevision,
      ...details,
    });
  }
}

export function kindOf({ entry }: Change): WatchEventSeen["kind"] {
  return entry === undefined ? "delete" : "put";
}
