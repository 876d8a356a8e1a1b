import type { HardState, LogEntry, LogPosition, Role } from "../../server/src/raft/index.js";
import type { Applied, Command, StateMachine } from "../../server/src/state-machine/index.js";

/** Who takes part in the consensus, as one node sees it. */
export interface Membership {
  readonly voters: readonly number[];
  readonly learners: readonly number[];
}

/** A node as it is now. May be a live view: it is read only while a call that passes it runs. */
export interface NodeView {
  readonly id: number;
  readonly name: string;
  /** How often it was started, 1 for the first time. */
  readonly boot: number;
  readonly role: Role;
  readonly term: number;
  /** Whom it voted for in its term, 0 for nobody. */
  readonly vote: number;
  /** Id of the leader it knows, 0 for none. */
  readonly leader: number;
  readonly commitIndex: number;
  readonly appliedIndex: number;
  /** The first index its log holds, or would hold. */
  readonly firstIndex: number;
  readonly lastIndex: number;
  /** Term of the entry at an index from `firstIndex - 1` to `lastIndex`; undefined outside. */
  termAt(index: number): number | undefined;
  /** The newest configuration in its log; the same object until it changes. */
  configuration(): Membership;
  /** Index of the entry that holds it, 0 for the initial one. */
  readonly configurationIndex: number;
  /** Whether the log holds that entry, or has forgotten it as applied. */
  readonly configurationHeld: boolean;
}

/** What a message from one node to another promises of the sender's disk. */
export type NodePromise =
  | { readonly kind: "vote"; readonly term: number; readonly candidate: number }
  /** It stands for election, or leads, in the term, and so has voted for itself. Nothing is said of its entries. */
  | { readonly kind: "ownVote"; readonly term: number }
  /** Its log holds every entry up to `index`; the last has this term, undefined when that is not known any more. */
  | {
      readonly kind: "append";
      readonly term: number;
      readonly index: number;
      readonly entryTerm: number | undefined;
    };

/**
 * What the simulation tells of what happens in it, in the order in which it happens. `trueMs` is the simulation's own
 * time, which no node or client can see, and never falls. A call throws InvariantViolated when what it tells must not
 * be.
 */
export interface Observer {
  /**
   * A node stands at what its disk holds, before its first event. `hash` is the hash of its state at its applied index,
   * undefined when it was not computed. It died before, unless it is its first start.
   */
  booted(node: NodeView, hash: string | undefined, trueMs: number): void;
  /** A node's process is gone; with `power`, what its disk had not synced is gone as well. */
  died(nodeId: number, power: boolean, trueMs: number): void;
  /** An event of the node's process was handled to its end. */
  stepped(node: NodeView, trueMs: number): void;
  /**
   * This is on the node's disk now and survives any crash. The entries replace what the log held from the first one's
   * index on. To be told before the node itself learns of it.
   */
  persisted(
    nodeId: number,
    hardState: HardState | undefined,
    entries: readonly LogEntry[],
    trueMs: number,
  ): void;
  /** A message leaves the node that promises something of its disk. */
  promised(nodeId: number, promise: NodePromise, trueMs: number): void;
  /** The node's disk holds the state as of this applied index now, and it survives any crash. */
  statePersisted(nodeId: number, appliedIndex: number, trueMs: number): void;
  /** The node's disk has forgotten the entries up to this position. */
  logCut(nodeId: number, start: LogPosition, trueMs: number): void;
  /** A snapshot took the place of the node's log and state, on disk and in memory. `hash` is that of its state. */
  snapshotInstalled(nodeId: number, position: LogPosition, hash: string | undefined, trueMs: number): void;
  /** A fault destroyed what was durable: the entries from this index on, or with 0 the whole disk. */
  lost(nodeId: number, fromIndex: number, trueMs: number): void;
  /**
   * A node applied an entry, for the first time or again after a restart. `commands` are none for a no-op or a
   * configuration; `machine` stands right after the entry; `hash` is its hash, undefined when it was not computed.
   */
  applied(
    node: NodeView,
    entry: LogEntry,
    commands: readonly Command[],
    outcome: Applied,
    hash: string | undefined,
    machine: StateMachine,
    trueMs: number,
  ): void;
  /** The last entry that anybody has known to be committed: what a linearizable read that begins now must reflect. */
  readonly committedIndex: number;
  /** A node asks Raft for an index at which its reads may be served; `context` names the question. */
  readBegan(nodeId: number, context: number, trueMs: number): void;
  /** A leader confirms that `nodeId` may serve the reads of a question as of an index. */
  readConfirmed(leaderId: number, nodeId: number, context: number, index: number, trueMs: number): void;
  /** A node serves a read that was asked for when `committedIndex` was this. */
  readServed(node: NodeView, committedIndex: number, trueMs: number): void;
  /** An administrator was told that the node belongs to the cluster no more. */
  removalTold(nodeId: number, trueMs: number): void;
  /** Something happened at a client. */
  clientEvent(event: ClientEvent): void;
}

/** An entry as a client sees it; the SDK's `Entry` is one. */
export interface EntrySeen {
  readonly path: string;
  readonly value: Uint8Array;
  readonly createRevision: number;
  readonly modRevision: number;
  readonly version: number;
  readonly lease: number;
}

/** A fence as a client passes it. */
export interface FenceSeen {
  readonly key: string;
  readonly token: number;
}

/**
 * What a client calls. Paths are ASCII. A value is written by one operation of a run only, so that the checkers can
 * tell whose it is. A path is either a string, for get, put, delete and append, or a register, for get, put, delete,
 * cas and txn.
 */
export type Call =
  | {
      readonly f: "get";
      readonly path: string;
      /** Serializable with the `minRevision` asked for, 0 for none. */
      readonly serializable: { readonly minRevision: number } | undefined;
      /** As of this revision, 0 for the current one. */
      readonly revision: number;
    }
  /** The direct children of a path. */
  | {
      readonly f: "list";
      readonly path: string;
      /** Serializable with the `minRevision` asked for, 0 for none. */
      readonly serializable: { readonly minRevision: number } | undefined;
    }
  | {
      readonly f: "put";
      readonly path: string;
      readonly value: string;
      readonly fence: FenceSeen | undefined;
    }
  | { readonly f: "delete"; readonly path: string; readonly fence: FenceSeen | undefined }
  /** Compares the value and swaps it in one transaction; `from` undefined for "does not exist". */
  | { readonly f: "cas"; readonly path: string; readonly from: string | undefined; readonly to: string }
  /**
   * Adds a tag to the end of a string atomically, for example by a get and a put on condition of its mod revision. A
   * tag ends with ";" and has no other.
   */
  | { readonly f: "append"; readonly path: string; readonly tag: string }
  /** Compares mod revisions, 0 for "does not exist"; if all hold, reads, then writes; otherwise only reads. */
  | {
      readonly f: "txn";
      readonly compares: readonly { readonly path: string; readonly modRevision: number }[];
      readonly reads: readonly string[];
      /**
       * Puts, and deletes where the value is undefined. None at all, or at least one put, so that the revision in the
       * answer is the transaction's own. No path twice, and none that is read.
       */
      readonly writes: readonly { readonly path: string; readonly value: string | undefined }[];
      readonly fence: FenceSeen | undefined;
    };

/** What a call returned when it succeeded. `revision` of a write is that of its change. */
export type Answer =
  | {
      readonly f: "get";
      readonly entry: EntrySeen | undefined;
      /** The store's revision at the read, undefined where the client cannot know it. */
      readonly revision: number | undefined;
    }
  /** The children that are entries, as of the revision. */
  | { readonly f: "list"; readonly revision: number; readonly entries: readonly EntrySeen[] }
  | {
      readonly f: "put";
      readonly revision: number;
      /** The entry before: `undefined` in it for none, undefined itself when it was not asked for. */
      readonly previous: { readonly entry: EntrySeen | undefined } | undefined;
    }
  | { readonly f: "delete"; readonly revision: number; readonly deleted: number }
  | { readonly f: "cas"; readonly revision: number; readonly swapped: boolean }
  | { readonly f: "append"; readonly revision: number }
  | {
      readonly f: "txn";
      readonly revision: number;
      readonly succeeded: boolean;
      /** What the reads found, in their order. */
      readonly reads: readonly (EntrySeen | undefined)[];
    };

/** One event of a watch, as the SDK hands it out; the SDK's `WatchEvent` is one. */
export interface WatchEventSeen {
  readonly kind: "put" | "delete";
  readonly path: string;
  readonly entry: EntrySeen | undefined;
  readonly previous: EntrySeen | undefined;
  readonly revision: number;
  readonly initial: boolean;
  readonly synthesized: boolean;
}

interface AtClient {
  /** Name of the client, unique in the run: one that is started again has another. */
  readonly client: string;
  readonly trueMs: number;
}

interface OfOperation extends AtClient {
  /** Id of the operation, unique in the run. */
  readonly operation: number;
}

interface OfWatch extends AtClient {
  /** Id of the watch, unique in the run. */
  readonly watch: number;
}

interface OfSentinel extends AtClient {
  /** Id of the watch, unique in the run. */
  readonly sentinel: number;
}

interface OfLease extends AtClient {
  /** Id of the lease: a session's is the session's. */
  readonly lease: number;
}

interface OfLock extends AtClient {
  /** Id of the attempt to get the lock, unique in the run. */
  readonly attempt: number;
  /** The lock's path. */
  readonly path: string;
}

/** What happens at the clients. */
export type ClientEvent =
  | (OfOperation & { readonly kind: "invoked"; readonly call: Call })
  | (OfOperation & { readonly kind: "returned"; readonly answer: Answer })
  /** It certainly did not happen. */
  | (OfOperation & { readonly kind: "failed"; readonly code: string })
  /** It may have happened, or still happen. */
  | (OfOperation & { readonly kind: "unknown"; readonly code: string })
  | (OfWatch & {
      readonly kind: "watchOpened";
      readonly path: string;
      readonly recursive: boolean;
      readonly initial: boolean;
      /** The first revision asked for; undefined for "from now on". */
      readonly fromRevision: number | undefined;
      /** Whether it asked for the entries before. */
      readonly previous: boolean;
      /** The kinds of events asked for; undefined for all. */
      readonly events: readonly WatchEventSeen["kind"][] | undefined;
      /** Whether it asked to be brought to the current state where history was compacted, rather than to end. */
      readonly relist: boolean;
      /** The paths that the client said it holds as of the revision before `fromRevision`. */
      readonly knownPaths: readonly string[] | undefined;
      /** The client takes each event as soon as the SDK has it, so that those of a revision come at one moment. */
      readonly eager: boolean;
    })
  | (OfWatch & { readonly kind: "watchDelivered"; readonly events: readonly WatchEventSeen[] })
  /** It was told that everything up to the revision was delivered. */
  | (OfWatch & { readonly kind: "watchProgress"; readonly revision: number })
  /** Its bookmark was read: where another watch would go on. */
  | (OfWatch & { readonly kind: "watchBookmark"; readonly revision: number | undefined })
  /** The iteration ended: with the code of its error, or undefined when the client ended it. */
  | (OfWatch & { readonly kind: "watchEnded"; readonly code: string | undefined })
  /** A watch that marks its progress was opened, and ends when no node has served it for so long. */
  | (OfSentinel & { readonly kind: "sentinelOpened"; readonly unservedMs: number })
  | (OfSentinel & { readonly kind: "sentinelHeard" })
  /** It ended: with the code of its error, or undefined when the client ended it. */
  | (OfSentinel & { readonly kind: "sentinelEnded"; readonly code: string | undefined })
  /** A lease was granted, or a session opened. `sentMs` is the true time at which it was asked for. */
  | (OfLease & { readonly kind: "leaseGranted"; readonly ttlMs: number; readonly sentMs: number })
  /**
   * A keepalive of so many leases, sent at `sentMs`, in true time, was answered: `ttlMs` is 0 when this one is gone.
   */
  | (OfLease & {
      readonly kind: "keepaliveAnswered";
      readonly sentMs: number;
      readonly ttlMs: number;
      readonly leases: number;
    })
  /** The client's signal says that the lease may have ended. */
  | (OfLease & { readonly kind: "leaseLost" })
  | (OfLease & { readonly kind: "leaseRevoked" })
  /** The client stopped to keep it alive, and leaves it to run out. */
  | (OfLease & { readonly kind: "leaseLetGo" })
  | (OfLock & { readonly kind: "lockWaiting" })
  | (OfLock & { readonly kind: "lockGranted"; readonly token: number })
  /** The lock's signal says that the ownership ended or may have. */
  | (OfLock & { readonly kind: "lockLost" })
  | (OfLock & { readonly kind: "lockReleased" })
  /** The leader's new value was announced; `sentMs` is the true time at which that was asked for. */
  | (OfLock & { readonly kind: "proclaimed"; readonly token: number; readonly sentMs: number })
  /** The wait ended without the lock. */
  | (OfLock & { readonly kind: "lockFailed"; readonly code: string })
  /** A call failed that is not one of the operations: the opening of a session, say. */
  | (AtClient & { readonly kind: "callFailed"; readonly what: string; readonly code: string })
  | (AtClient & {
      readonly kind: "sessionState";
      readonly session: number;
      readonly state: "connected" | "suspended" | "resumed" | "expired" | "closed";
    })
  /** Every member that it was started with is gone for good: it may know no other, and never hear of anything again. */
  | (AtClient & { readonly kind: "stranded" })
  | (AtClient & { readonly kind: "paused" | "resumed" | "killed" });
