import type { CallOptions } from "../client/options.js";
import { bounds } from "../client/options.js";
import type { HistoryOptions } from "../kv/history.js";
import type {
  DeleteFields,
  DeleteOptions,
  LeaseChoice,
  ListOptions,
  MutationOptions,
  Ownership,
  PutFields,
  PutOptions,
  ReadOptions,
} from "../kv/options.js";
import type { WalkOptions } from "../kv/walk.js";
import type { ObserveOptions } from "../leader/observe.js";
import type { LockOptions } from "../locks/lock.js";
import type { AcquireOptions } from "../ownership/queue-client.js";
import type { WatcherOptions } from "../watch/watcher.js";
import { fieldsOf, optionsOf } from "./option-reader.js";
import {
  abortSignal,
  bytesOrText,
  durationOrInfinity,
  flag,
  historyId,
  listOf,
  oneOf,
  positiveNumber,
  type Reader,
  readAt,
  text,
  timeout,
  wholeNumber,
} from "./readers.js";
import { Refusal, unexpected } from "./refusal.js";

// One reader for the options of each call. The types ask for every option of its interface.

const waiting = { timeoutMs: timeout, signal: abortSignal };
export const callOptions = optionsOf<CallOptions>(waiting);

/** A lock, a leadership, or what names one. Its class has more than these fields. */
export const ownership: Reader<Ownership> = fieldsOf<Ownership>({ key: text, token: positiveNumber });

/** A `Lease` is taken for its id. */
export const leaseChoice: Reader<LeaseChoice> = (value) => {
  if (value === "session") return value;
  if (typeof value === "object" && value !== null && "id" in value) {
    return readAt(positiveNumber, value.id, ".id");
  }
  if (typeof value !== "number") throw unexpected('a lease\'s id, a Lease, or "session"', value);
  return wholeNumber(value);
};

const reading = {
  ...waiting,
  consistency: oneOf("linearizable", "serializable"),
  revision: wholeNumber,
  minRevision: wholeNumber,
  history: historyId,
};
export const readOptions = optionsOf<ReadOptions>(reading);

const listing = { recursive: flag, limit: wholeNumber, after: text, keysOnly: flag };
export const listOptions = optionsOf<ListOptions>({ ...reading, ...listing });
export const txnListOptions = optionsOf<
  Pick<ListOptions, "recursive" | "limit" | "after" | "keysOnly" | "revision">
>({ ...listing, revision: wholeNumber });
export const txnGetOptions = optionsOf<{ readonly revision?: number | undefined }>({ revision: wholeNumber });
export const walkOptions = optionsOf<WalkOptions>({ ...reading, keysOnly: flag });
export const historyOptions = optionsOf<HistoryOptions>({
  ...waiting,
  fromRevision: wholeNumber,
  toRevision: wholeNumber,
  history: historyId,
});

const mutating = { ...waiting, fence: ownership };
export const mutationOptions = optionsOf<MutationOptions>(mutating);

const putting = { lease: leaseChoice, sequential: flag, returnPrevious: flag };
export const putFields = optionsOf<PutFields>(putting);
export const putOptions = optionsOf<PutOptions>({ ...mutating, ...putting, ifModRevision: wholeNumber });

const deleting = { recursive: flag, returnPrevious: flag };
export const deleteFields = optionsOf<DeleteFields>(deleting);
export const deleteOptions = optionsOf<DeleteOptions>({
  ...mutating,
  ...deleting,
  ifModRevision: wholeNumber,
});

export const acquireOptions = optionsOf<AcquireOptions>(waiting);
export const lockOptions = optionsOf<LockOptions>({ ...waiting, value: bytesOrText });
export const observeOptions = optionsOf<ObserveOptions>({
  signal: abortSignal,
  unservedTimeoutMs: durationOrInfinity,
});
export const watchOptions = optionsOf<WatcherOptions>({
  recursive: flag,
  initial: flag,
  fromRevision: wholeNumber,
  history: historyId,
  previous: flag,
  progress: flag,
  events: listOf(oneOf("put", "delete"), 16),
  onCompacted: oneOf("fail", "relist"),
  knownPaths: knownPaths,
  unservedTimeoutMs: durationOrInfinity,
  signal: abortSignal,
});

/** Taken in at once: an iterable of the caller's may change, or never end. */
function knownPaths(value: unknown): string[] {
  if (!isIterable(value)) throw unexpected("an iterable of paths", value);
  const paths: string[] = [];
  let units = 0;
  for (const each of value) {
    const path = readAt(text, each, `[${paths.length}]`);
    paths.push(path);
    // Each takes some bytes besides its characters, so that even empty ones come to an end.
    units += path.length + 64;
    if (2 * units > bounds.watchKnownBytesMax) {
      throw new Refusal(`it has more than ${bounds.watchKnownBytesMax} bytes of paths`, { tooLarge: true });
    }
  }
  return paths;
}

function isIterable(value: unknown): value is Iterable<unknown> {
  return (
    typeof value === "object" &&
    value !== null &&
    Symbol.iterator in value &&
    typeof value[Symbol.iterator] === "function"
  );
}
