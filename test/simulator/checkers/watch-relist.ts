import { sameSeen } from "../invariants/same.js";
import type { WatchEventSeen } from "../observation.js";
import type { Watched } from "./watched.js";

/** What a watch stands at before a relist. */
export interface RelistBase {
  /** Everything up to it was delivered. */
  readonly revision: number;
  /**
   * What it can compare with: the keys of that revision; perhaps them, where only history could have told; or, where
   * the revision is no more than the least at which it may have started, nobody knows which.
   */
  readonly knowledge: "keys" | "keys, perhaps" | "unknown";
}

/** A relist of which something was delivered. */
interface Begun extends RelistBase {
  /** As of which revision the last was delivered. */
  at: number;
  /** By path, oldest first: what was delivered, and as of which revision; a delete has mod revision 0. */
  readonly delivered: Map<string, Delivery[]>;
}

interface Delivery {
  readonly modRevision: number;
  readonly at: number;
}

/**
 * WATCH, for relists: what is synthesized is the difference between what the watch has delivered and the state at one
 * revision.
 *
 * - It is explained: history was compacted beyond the next revision that was due.
 * - A put is the entry of its key at the revision of the event; it is newer than all that was delivered, and comes once.
 * - A delete is of a key that existed as far as was delivered (or, for a watch of deletes alone, since), and is gone.
 * - When it is over, nothing is missing: every watched entry that is newer was put, every known key that is gone deleted,
 *   as far as these kinds are wanted. A reading may be overtaken by compaction, and the next is of a newer revision.
 *
 * A start that lies before history is compared with what the client said it holds. Where it said nothing, the servers
 * may not be able to tell which keys are gone: then deletes may be missing, yet none may be false.
 */
export class RelistCheck {
  readonly #watched: Watched;
  /** The paths that the client said it holds as of this revision: until a relist was compared with them. */
  #said: { readonly paths: ReadonlySet<string>; readonly revision: number } | undefined;
  #begun: Begun | undefined;

  constructor(watched: Watched) {
    this.#watched = watched;
    const { knownPaths, fromRevision = 0 } = watched.opened;
    this.#said =
      knownPaths === undefined ? undefined : { paths: new Set(knownPaths), revision: fromRevision - 1 };
  }

  /** As of which revision it delivers the difference now; undefined when it does not. */
  get at(): number | undefined {
    return this.#begun?.at;
  }

  /**
   * Whether the watch may still stand there while it delivers a difference as of a later revision: a relist may have been
   * over there, even one that delivered nothing, and another have followed; or it started there, for all that is known.
   */
  mayBeSince(revision: number): boolean {
    const begun = this.#begun;
    return begun !== undefined && revision < begun.at && this.#missing(revision, begun) === undefined;
  }

  /** Whether a watch that stands there may find that changes were compacted. */
  explained({ revision }: RelistBase): boolean {
    return this.#watched.opened.relist && revision + 1 < this.#watched.history.compactedRevision;
  }

  delivered(event: WatchEventSeen, base: RelistBase): void {
    const { kind, path, revision, entry, previous } = event;
    if (this.#begun === undefined && !this.explained(base)) {
      this.#wrong(event, `was made up, and revision ${base.revision + 1} was not compacted`);
    }
    this.#begun ??= { ...base, at: revision, delivered: new Map() };
    const begun = this.#begun;
    if (revision < begun.at || revision <= begun.revision || revision > this.#watched.history.revision) {
      this.#wrong(event, `was made up after revision ${begun.at}`);
    }
    if (!this.#watched.matches(path) || !this.#watched.wants(kind) || previous !== undefined) {
      this.#wrong(event, "was made up and not asked for");
    }
    begun.at = revision;
    if (
      !sameSeen(this.#watched.history.entryAt(path, revision), entry) ||
      (kind === "put") !== Boolean(entry)
    ) {
      this.#wrong(event, "was made up as it was not");
    }
    const modRevision = entry?.modRevision ?? 0;
    if (entry === undefined) {
      if (!this.#existed(path, revision, begun)) this.#wrong(event, "was not there before");
    } else if (modRevision <= begun.revision || lastOf(begun, path)?.modRevision === modRevision) {
      this.#wrong(event, "was delivered before");
    }
    begun.delivered.set(path, [...(begun.delivered.get(path) ?? []), { modRevision, at: revision }]);
  }

  /** It goes on after `upTo`: nothing of the difference between what it has delivered and the state then is missing. */
  over(upTo: number, base: RelistBase): void {
    const begun = this.#begun ?? { ...base, at: upTo, delivered: new Map() };
    if (upTo < begun.at) {
      this.#watched.wrong(`goes on at revision ${upTo + 1} after the state at ${begun.at}`);
    }
    const missing = this.#missing(upTo, begun);
    if (missing !== undefined) {
      this.#watched.wrong(`left ${missing} out of what it missed up to revision ${upTo}`, {
        missing,
        upTo,
        since: begun.revision,
      });
    }
    this.#begun = undefined;
    this.#said = undefined;
  }

  /** A key that the difference up to there lacks. */
  #missing(upTo: number, begun: Begun): string | undefined {
    if (begun.knowledge === "unknown") return undefined;
    for (const path of this.#watched.keys()) if (this.#misses(path, upTo, begun)) return path;
    return undefined;
  }

  #misses(path: string, upTo: number, begun: Begun): boolean {
    const { history } = this.#watched;
    const entry = history.entryAt(path, upTo);
    const delivered = lastOf(begun, path, upTo);
    if (entry !== undefined) {
      if (!this.#watched.wants("put") || entry.modRevision <= begun.revision) return false;
      return delivered?.modRevision !== entry.modRevision;
    }
    if (!this.#watched.wants("delete")) return false;
    if (delivered !== undefined) return delivered.modRevision > 0;
    return begun.knowledge === "keys" && this.#isKnown(path, begun.revision);
  }

  /** Whether a key that is gone at a revision may have been known to the watch. */
  #existed(path: string, revision: number, begun: Begun): boolean {
    const before = lastOf(begun, path);
    if (before === undefined ? this.#isKnown(path, begun.revision) : before.modRevision > 0) return true;
    // Puts that are not wanted came without being delivered, and of an unknown start any came before it.
    if (this.#watched.wants("put") && begun.knowledge !== "unknown") return false;
    const since = before?.at ?? begun.revision;
    return this.#watched.history
      .versions(path)
      .some(
        (version) => version.entry !== undefined && version.revision > since && version.revision < revision,
      );
  }

  #isKnown(path: string, revision: number): boolean {
    const { history } = this.#watched;
    const said = this.#said;
    const changed = (from: number): boolean =>
      history.versions(path).some((version) => version.revision > from && version.revision <= revision);
    if (said !== undefined && !changed(said.revision)) return said.paths.has(path);
    return history.entryAt(path, revision) !== undefined;
  }

  #wrong({ kind, path, revision }: WatchEventSeen, what: string): never {
    this.#watched.wrong(`delivered the ${kind} of ${path} at revision ${revision}, which ${what}`, {
      kind,
      path,
      revision,
      base: this.#begun?.revision,
    });
  }
}

/** What was delivered of a key last, as of a revision up to there. */
function lastOf({ delivered }: Begun, path: string, upTo = Number.POSITIVE_INFINITY): Delivery | undefined {
  return delivered.get(path)?.findLast(({ at }) => at <= upTo);
}
