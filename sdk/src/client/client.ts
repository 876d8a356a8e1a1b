import { ClusterClient } from "../cluster/cluster-client.js";
import type { Member } from "../cluster/member.js";
import type { NodeStatus } from "../cluster/node-status.js";
import { ChannelCache } from "../endpoints/channel.js";
import type { EndpointPool } from "../endpoints/endpoint-pool.js";
import { gaveUp } from "../errors/give-up.js";
import {
  Closed,
  CompareFailed,
  InvalidArgument,
  type MutationId,
  type QuorateError,
} from "../errors/quorate-error.js";
import { type Entry, entryOf } from "../kv/entry.js";
import { type HistoryOptions, readHistory, type Version } from "../kv/history.js";
import type { DeleteOptions, ListOptions, MutationOptions, PutOptions, ReadOptions } from "../kv/options.js";
import {
  type DeleteOutcome,
  deleteOutcome,
  type Listing,
  listing,
  type PutOutcome,
  putOutcome,
  type TxnOutcome,
  txnOutcome,
} from "../kv/outcome.js";
import { deleteRequest, getRequest, listRequest, putRequest, txnRequest } from "../kv/request.js";
import { compare, op, type TxnSpec } from "../kv/txn.js";
import { type Walk, type WalkOptions, walkSubtree } from "../kv/walk.js";
import { type CampaignOptions, Leadership } from "../leader/leadership.js";
import { type Leader, leaderOf, type ObserveOptions, observeLeader } from "../leader/observe.js";
import { KeepAlives } from "../lease/keep-alives.js";
import { Lease } from "../lease/lease.js";
import { grantLease, keepLeaseAlive, revokeLease } from "../lease/lease-calls.js";
import { allLeases, leaseKeys, leaseStatus } from "../lease/lease-pages.js";
import type { LeaseInfo, LeaseStatus } from "../lease/leases.js";
import type { Renewer } from "../lease/renewer.js";
import { Lock, type LockOptions } from "../locks/lock.js";
import type { QueueClient } from "../ownership/queue-client.js";
import { type MutationOutcome, outcomeOf } from "../session/mutation-outcome.js";
import { type OperationResponse, type OperationRunner, unexpectedResponse } from "../session/operation.js";
import type { Session } from "../session/session.js";
import { UnaryRunner } from "../session/unary-runner.js";
import type { SubtreeStat } from "../space/space.js";
import { SpaceClient } from "../space/space-client.js";
import { type RelistedClient, RelistingWatch } from "../watch/relisting-watch.js";
import { WatchConnection } from "../watch/watch-connection.js";
import type {
  ProgressWatchOptions,
  Watch,
  WatchEvent,
  WatchOptions,
  WatchProgress,
} from "../watch/watch-event.js";
import { checkWatchOptions } from "../watch/watch-options.js";
import type { WatcherOptions } from "../watch/watcher.js";
import { bounds, type CallOptions, type ClientOptions, type ConnectionState } from "./options.js";
import type { Quorate } from "./quorate.js";

/** The client behind {@link Quorate}: turns calls into operations, and gives each to the session or to unary calls. */
export class QuorateClient implements Quorate, QueueClient {
  readonly #session: Session | undefined;
  readonly #unary: UnaryRunner;
  readonly #cluster: ClusterClient;
  readonly quota: SpaceClient;
  readonly #runner: OperationRunner;
  readonly #renewer: Renewer;
  /** For a client without a session: a session has its own. */
  readonly #keepAlives: KeepAlives;
  readonly #channels = new ChannelCache(bounds.sharedDialMs);
  readonly #watches: WatchConnection;
  readonly #options: ClientOptions;
  readonly #leases = new Set<Lease>();
  /** Of a client without a session: aborted when it is closed. */
  readonly #ended = new AbortController();
  #closed: Promise<void> | undefined;

  constructor(pool: EndpointPool, options: ClientOptions, session: Session | undefined) {
    this.#options = options;
    this.#session = session;
    this.#unary = new UnaryRunner(pool, this.#channels, options);
    this.#cluster = new ClusterClient(this.#unary, pool);
    this.quota = new SpaceClient(this.#unary);
    this.#runner = session ?? this.#unary;
    this.#keepAlives = new KeepAlives(pool, options.backoff, () => undefined);
    this.#renewer = session ?? this.#keepAlives;
    this.#watches = new WatchConnection(pool, options);
  }

  get sessionId(): number {
    return this.#session?.sessionId ?? 0;
  }

  get state(): ConnectionState {
    if (this.#session !== undefined) return this.#session.state;
    return this.#ended.signal.aborted ? "closed" : "connected";
  }

  get sessionSignal(): AbortSignal {
    return this.#session?.lostSignal ?? this.#ended.signal;
  }

  get requestTimeoutMs(): number {
    return this.#options.requestTimeoutMs;
  }

  get lapsed(): boolean {
    return this.#session?.lapsed ?? true;
  }

  onLapse(listener: (reason: QuorateError) => void): () => void {
    return this.#session?.onLapse(listener) ?? (() => undefined);
  }

  trouble(action: string): QuorateError | undefined {
    const reason = this.#session?.trouble;
    if (reason === undefined) return undefined;
    return gaveUp(action, reason);
  }

  // Not async: on the hot path a call costs one promise, the runner's.
  get(path: string, options: ReadOptions = {}): Promise<Entry | undefined> {
    return attempt(() =>
      this.#readerFor(options).run({ case: "get", value: getRequest(path, options) }, toEntry, options),
    );
  }

  list(path: string, options: ListOptions = {}): Promise<Listing> {
    return attempt(() =>
      this.#readerFor(options).run({ case: "list", value: listRequest(path, options) }, toListing, options),
    );
  }

  put(path: string, value: string | Uint8Array, options: PutOptions = {}): Promise<PutOutcome> {
    if (options.ifModRevision !== undefined) return this.#putIf(path, value, options, options.ifModRevision);
    return attempt(() =>
      this.#runner.run(
        { case: "put", value: putRequest(path, value, options, options.fence, this.sessionId) },
        toPutOutcome,
        options,
      ),
    );
  }

  async #putIf(
    path: string,
    value: string | Uint8Array,
    options: PutOptions,
    ifModRevision: number,
  ): Promise<PutOutcome> {
    if (options.sequential === true) {
      throw new InvalidArgument("put: `sequential` creates a new key, which has no mod revision to compare");
    }
    const outcome = await this.#txnIf(path, ifModRevision, options, op.put(path, value, options));
    const result = outcome.results[0];
    if (outcome.succeeded && result?.kind === "put") {
      return { revision: result.revision, path: result.path, previous: result.previous };
    }
    throw compareFailed("put", path, ifModRevision, outcome);
  }

  delete(path: string, options: DeleteOptions = {}): Promise<DeleteOutcome> {
    if (options.ifModRevision !== undefined) return this.#deleteIf(path, options, options.ifModRevision);
    return attempt(() =>
      this.#runner.run(
        { case: "delete", value: deleteRequest(path, options, options.fence) },
        toDeleteOutcome,
        options,
      ),
    );
  }

  async #deleteIf(path: string, options: DeleteOptions, ifModRevision: number): Promise<DeleteOutcome> {
    const outcome = await this.#txnIf(path, ifModRevision, options, op.delete(path, options));
    const result = outcome.results[0];
    if (outcome.succeeded && result?.kind === "delete") {
      return { revision: result.revision, deleted: result.deleted, previous: result.previous };
    }
    throw compareFailed("delete", path, ifModRevision, outcome);
  }

  #txnIf(
    path: string,
    ifModRevision: number,
    options: PutOptions | DeleteOptions,
    change: ReturnType<typeof op.put>,
  ): Promise<TxnOutcome> {
    return this.txn({
      compares: [compare.modRevision(path).equals(ifModRevision)],
      then: [change],
      otherwise: [op.get(path)],
      ...(options.fence === undefined ? {} : { fence: options.fence }),
      ...(options.timeoutMs === undefined ? {} : { timeoutMs: options.timeoutMs }),
      signal: options.signal,
    });
  }

  txn(spec: TxnSpec): Promise<TxnOutcome> {
    return attempt(() =>
      this.#runner.run(
        { case: "txn", value: txnRequest(spec, spec.fence, this.sessionId) },
        toTxnOutcome,
        spec,
      ),
    );
  }

  watch(path: string, options: ProgressWatchOptions): Watch<WatchEvent | WatchProgress>;
  watch(path: string, options?: WatchOptions): Watch;
  watch(path: string, options: WatcherOptions = {}): Watch<WatchEvent | WatchProgress> {
    checkWatchOptions(options);
    if (options.onCompacted !== "relist") return this.#watches.watch(path, options);
    return new RelistingWatch(this.#relisted, path, options);
  }

  /** Reads without the session: a watch outlives it. */
  get #relisted(): RelistedClient {
    return {
      get: (path, options = {}) =>
        this.#unary.run({ case: "get", value: getRequest(path, options) }, toEntry, options),
      list: (path, options = {}) =>
        this.#unary.run({ case: "list", value: listRequest(path, options) }, toListing, options),
      plainWatch: (path, options) => this.#watches.watch(path, options),
      requestTimeoutMs: this.requestTimeoutMs,
    };
  }

  history(path: string, options: HistoryOptions = {}): AsyncGenerator<Version, void, undefined> {
    return readHistory(this.#unary, path, options);
  }

  stat(path: string, options: CallOptions = {}): Promise<SubtreeStat> {
    return this.quota.stat(path, options);
  }

  walk(path: string, options: WalkOptions = {}): Walk {
    return walkSubtree(this, path, options);
  }

  outcome(mutation: MutationId, options: CallOptions = {}): Promise<MutationOutcome> {
    return outcomeOf(mutation, this.#session, this.#unary, options);
  }

  async lease(ttlMs: number, options: MutationOptions = {}): Promise<Lease> {
    const lease = await Lease.grant(this.#runner, this.#renewer, ttlMs, options, (ended) =>
      this.#leases.delete(ended),
    );
    if (this.#closed === undefined) this.#leases.add(lease);
    else lease.end(new Closed("the client is closed"));
    return lease;
  }

  leases(options: CallOptions = {}): AsyncIterableIterator<LeaseInfo> {
    return allLeases(this.#unary, options);
  }

  leaseStatus(id: number, options: CallOptions = {}): Promise<LeaseStatus | undefined> {
    return leaseStatus(this.#runner, id, options);
  }

  leaseKeys(id: number, options: CallOptions = {}): AsyncIterableIterator<string> {
    return leaseKeys(this.#runner, id, options);
  }

  grantLease(
    ttlMs: number,
    options: MutationOptions = {},
  ): Promise<{ readonly id: number; readonly ttlMs: number }> {
    return grantLease(this.#runner, ttlMs, options);
  }

  keepLeaseAlive(id: number, options: CallOptions = {}): Promise<number> {
    const { timeoutMs = this.#options.requestTimeoutMs, signal } = options;
    return keepLeaseAlive(this.#renewer, id, { timeoutMs, signal, patienceMs: bounds.unaryAttemptMs });
  }

  revokeLease(id: number, options: MutationOptions = {}): Promise<void> {
    return revokeLease(this.#runner, id, options);
  }

  async lock(key: string, options: LockOptions = {}): Promise<Lock> {
    this.#requireSession("lock");
    return Lock.acquire(this, key, options);
  }

  async campaign(key: string, name: string, options: CampaignOptions = {}): Promise<Leadership> {
    this.#requireSession("campaign");
    return Leadership.campaign(this, key, name, options);
  }

  leader(key: string, options: CallOptions = {}): Promise<Leader | undefined> {
    return leaderOf(this, key, options);
  }

  observe(key: string, options: ObserveOptions = {}): AsyncGenerator<Leader | undefined, void, undefined> {
    return observeLeader(this, key, options);
  }

  status(endpoint?: string, options?: CallOptions): Promise<NodeStatus> {
    return this.#cluster.status(endpoint, options);
  }

  members(options?: CallOptions): Promise<Member[]> {
    return this.#cluster.members(options);
  }

  addMember(name: string, peerAddress: string, options?: CallOptions): Promise<Member> {
    return this.#cluster.addMember(name, peerAddress, options);
  }

  promoteMember(member: string, options?: CallOptions): Promise<Member> {
    return this.#cluster.promoteMember(member, options);
  }

  updateMember(member: string, peerAddress: string, options?: CallOptions): Promise<Member> {
    return this.#cluster.updateMember(member, peerAddress, options);
  }

  removeMember(member: string, options?: CallOptions): Promise<void> {
    return this.#cluster.removeMember(member, options);
  }

  transferLeadership(member?: string, options?: CallOptions): Promise<Member> {
    return this.#cluster.transferLeadership(member, options);
  }

  close(): Promise<void> {
    this.#closed ??= this.#close();
    return this.#closed;
  }

  async #close(): Promise<void> {
    const reason = new Closed("the client was closed");
    this.#watches.close(reason);
    for (const lease of [...this.#leases]) lease.end(reason);
    await this.#session?.close();
    this.#keepAlives.close();
    this.#unary.close();
    this.#ended.abort(reason);
    this.#channels.close();
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }

  /** A serializable read needs no session: while the session has no stream, any node will do. */
  #readerFor(options: ReadOptions): OperationRunner {
    const suspended = this.#session?.state === "suspended";
    return suspended && options.consistency === "serializable" ? this.#unary : this.#runner;
  }

  #requireSession(action: string): void {
    if (this.#session === undefined) {
      throw new InvalidArgument(`${action}: needs a session; connect without { session: false }`);
    }
  }
}

/** Starts a call; what it throws at once rejects like everything else. */
function attempt<T>(start: () => Promise<T>): Promise<T> {
  try {
    return start();
  } catch (error) {
    return Promise.reject(error);
  }
}

function toEntry(response: OperationResponse): Entry | undefined {
  if (response.case !== "get") throw unexpectedResponse("get", response);
  return entryOf(response.value.entry);
}

function toListing(response: OperationResponse): Listing {
  if (response.case !== "list") throw unexpectedResponse("list", response);
  return listing(response.value);
}

function toPutOutcome(response: OperationResponse): PutOutcome {
  if (response.case !== "put") throw unexpectedResponse("put", response);
  return putOutcome(response.value);
}

function toDeleteOutcome(response: OperationResponse): DeleteOutcome {
  if (response.case !== "delete") throw unexpectedResponse("delete", response);
  return deleteOutcome(response.value);
}

function toTxnOutcome(response: OperationResponse): TxnOutcome {
  if (response.case !== "txn") throw unexpectedResponse("txn", response);
  return txnOutcome(response.value);
}

function compareFailed(action: string, path: string, expected: number, outcome: TxnOutcome): CompareFailed {
  const result = outcome.results[0];
  const current = result?.kind === "get" ? result.entry : undefined;
  const found = current === undefined ? "it does not exist" : `it is ${current.modRevision}`;
  return new CompareFailed(`${action} ${path}: mod revision is not ${expected}: ${found}`, current);
}
