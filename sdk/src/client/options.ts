import type { BackoffOptions } from "../endpoints/backoff.js";
import type { BreakerOptions } from "../endpoints/circuit-breaker.js";

/**
 * Where a client stands. `connected`: operations flow. `suspended`: the stream is lost and being replaced; operations
 * wait. `expired`: the session is gone, everything fails. `closed`: by the application.
 */
export type ConnectionState = "connected" | "suspended" | "expired" | "closed";

/**
 * What is told of a client's state: `connected` once, at the start; then `suspended` and `resumed` in turns, after
 * which the state is `connected` again, with the same session; at the end `expired`, `closed`, or one after the other.
 */
export type StateChange = ConnectionState | "resumed";

/** Options of `connect`. */
export interface ConnectOptions {
  /**
   * false for a client without a session: plain unary calls, no exactly-once, no locks or elections, nothing kept
   * alive. It connects lazily and can read serializably where no session can be had. Default true.
   */
  readonly session?: boolean | undefined;
  /** How long the session outlives a lost connection, in milliseconds. Default 10,000. */
  readonly sessionTtlMs?: number | undefined;
  /** Default deadline of an operation, in milliseconds. Default 5,000. */
  readonly requestTimeoutMs?: number | undefined;
  /** How long `connect` tries before it fails, in milliseconds. Default 5,000. */
  readonly connectTimeoutMs?: number | undefined;
  /**
   * The history to go on from, as `historyId` of an earlier client told it: for bookmarks, revisions, leases and tokens
   * that outlived that client. Every call fails with HistoryChanged where the nodes are of another one. Default: that of
   * the first answer.
   */
  readonly history?: string | undefined;
  /** Aborts `connect` while it waits. */
  readonly signal?: AbortSignal | undefined;
  /** Pauses between attempts, of operations and of connections. Default 20 ms to 1,000 ms. */
  readonly backoff?: Partial<BackoffOptions> | undefined;
  /**
   * Whether the client goes where servers point: its session to the leader's endpoint, and, when the nodes it was given
   * are gone, to the cluster's other members. A session hears of them at once; without one, the client asks every few
   * seconds while it makes calls or watches. Default true.
   */
  readonly followLeader?: boolean | undefined;
  /**
   * Told every change of state of the session, in order. What it throws is an uncaught exception of the process, and does
   * not disturb the client. Without a session (`session: false`) there is no state to change, and it is never called.
   */
  readonly onStateChange?: ((change: StateChange) => void) | undefined;
}

/** {@link ConnectOptions} with every default filled in. */
export interface ClientOptions {
  readonly sessionTtlMs: number;
  readonly requestTimeoutMs: number;
  readonly connectTimeoutMs: number;
  readonly backoff: BackoffOptions;
  readonly followLeader: boolean;
  readonly onStateChange: (change: StateChange) => void;
}

const values = {
  /** Operations waiting for an answer, per client: beyond, calls fail with OVERLOADED instead of eating memory. */
  pendingOperationsMax: 65_536,
  /**
   * Operations a client may issue while the result of a mutation it gave up is still kept for `outcome`: the servers
   * keep the results of all of them as well. Half of what may be pending, so that nothing is refused for it.
   */
  doubtSpanMax: 32_768,
  /** Operations in one message: larger ones gain nothing and delay the first answer. */
  batchOperationsMax: 512,
  /** Bytes in one message, about: stays far below gRPC's limit whatever the last operation adds. */
  batchBytesMax: 1024 * 1024,
  /** One operation's bytes, about: more could not be received by a server. */
  operationBytesMax: 8 * 1024 * 1024,
  /** UTF-16 units of a path, name or address: far more than any server takes, far less than would burst a message. */
  textUnitsMax: 65_536,
  /** Operations and compares of a transaction, nested ones counted: far more than any server takes. */
  txnPartsMax: 4_096,
  /** Transactions nested in each other: likewise. */
  txnDepthMax: 32,
  /** Resolution of operation deadlines and retries: one coarse timer instead of one per operation. */
  tickMs: 20,
  /**
   * How long a keepalive waits for one node before it goes by another as well, whatever the TTL; of a short one a sixth.
   * Six, so that of four nodes three may hang and the fourth is still asked in time.
   */
  keepAlivePatienceMaxMs: 2_000,
  /** How long to wait for a connection to one endpoint before trying the next. */
  dialTimeoutMs: 1_000,
  /** How long a dial that calls share may last, each of them waiting no longer than for one of its own. */
  sharedDialMs: 3_000,
  /** How long to wait for a session's welcome on a connected channel: a commit, perhaps behind others. */
  welcomeTimeoutMs: 2_000,
  /** Pause between two moves of the stream to another endpoint: clients must not chase a leadership that flaps. */
  moveIntervalMs: 1_000,
  /** How long not to try again to move to an endpoint that could not be reached, for example behind a NAT. */
  moveRetryMs: 30_000,
  /** How long operations may fail with NO_QUORUM before the session looks for a node that has one. */
  noQuorumPatienceMs: 300,
  /** How long a replaced stream may still deliver answers before they are asked for again on the new one. */
  drainTimeoutMs: 1_000,
  /** How long `close` waits for outstanding operations and for the session to end. */
  closeTimeoutMs: 2_000,
  /** At least so long is one endpoint given to answer a unary read before the next is asked. */
  unaryAttemptMs: 1_000,
  /** How often a client that no session keeps up to date asks who the members are, while it is in use: seldom enough to
   * be no load, often enough that members that move one after the other do not all move in between. */
  membersRefreshMs: 5_000,
  /** How long such a question may take: a node answers it from what it knows. */
  membersAskMs: 1_000,
  /** Events a watch buffers for a slow consumer; beyond, it is paused at the server and resumed later. */
  watchBufferEventsMax: 10_000,
  /** Bytes of the same buffer. */
  watchBufferBytesMax: 16 * 1024 * 1024,
  /** Bytes of the entries a watch's initial snapshot may hold before the watch fails with TOO_LARGE. */
  watchInitialBytesMax: 256 * 1024 * 1024,
  /** Bytes of the events of one revision that comes in parts before the watch fails with TOO_LARGE. */
  watchRevisionBytesMax: 256 * 1024 * 1024,
  /** How long a watch bears it that no node serves it, unless it says otherwise. */
  watchUnservedMs: 30_000,
  /**
   * Bytes that a watch with `onCompacted: "relist"` may take for the keys it remembers, about: half a million of them,
   * before it fails with TOO_LARGE.
   */
  watchKnownBytesMax: 128 * 1024 * 1024,
  /**
   * How often a watch reads what there is, initial entries or a relist, because history was compacted in the meantime,
   * before it fails.
   */
  watchRelistAttemptsMax: 10,
  /** Pause before a read is repeated without which a watch cannot go on. */
  watchRelistRetryMs: 200,
  /** Nodes asked for in one page where the SDK itself walks a list. */
  listPageNodes: 1_000,
  /** Lower bound of timeouts and TTLs given by the application. */
  durationMinMs: 1,
  /** Upper bound of the same: a day. */
  durationMaxMs: 24 * 60 * 60 * 1000,
};

/** Every bound of the client that is not an option. */
export const bounds: Readonly<typeof values> = values;

/** When an endpoint is left alone for a while: soon, and for at most as long as a failover takes. */
export const breakerOptions: BreakerOptions = { failuresMax: 3, open: { baseMs: 250, maxMs: 2_000 } };

/** Fills in the defaults. */
export function resolveOptions(options: ConnectOptions): ClientOptions {
  return {
    sessionTtlMs: Math.ceil(options.sessionTtlMs ?? 10_000),
    requestTimeoutMs: options.requestTimeoutMs ?? 5_000,
    connectTimeoutMs: options.connectTimeoutMs ?? 5_000,
    backoff: { baseMs: options.backoff?.baseMs ?? 20, maxMs: options.backoff?.maxMs ?? 1_000 },
    followLeader: options.followLeader ?? true,
    onStateChange: options.onStateChange ?? (() => undefined),
  };
}

/** What every call that waits takes. */
export interface CallOptions {
  /**
   * Deadline in milliseconds, above 0, instead of the client's `requestTimeoutMs`. However long it is, it is kept; Infinity
   * for none.
   */
  readonly timeoutMs?: number | undefined;
  /** Gives the call up when aborted. A mutation that may have been sent then fails with OUTCOME_UNKNOWN. */
  readonly signal?: AbortSignal | undefined;
}
