import { clientCalls } from "../arguments/calls.js";
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
import { compare, op, type TxnOp, type TxnSpec } from "../kv/txn.js";
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
import { SpaceClient, subtreeStat } from "../space/space-client.js";
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
  readonly #pool: EndpointPool;
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
    this.#pool = pool;
    this.#session = session;
    const served = (endpoint: string): void => {
      // A session's stream tells of every change of the members.
      if (session?.state !== "connected") this.#cluster.served(endpoint);
    };
    this.#unary = new UnaryRunner(pool, this.#channels, options, served);
    this.#cluster = new ClusterClient(this.#unary, pool);
    this.quota = new SpaceClient(this.#unary);
    this.#runner = session ?? this.#unary;
    this.#keepAlives = new KeepAlives(pool, options.backoff, () => undefined);
    this.#renewer = session ?? this.#keepAlives;
    this.#watches = new WatchConnection(pool, options, served);
  }

  get sessionId(): number {
    return this.#session?.sessionId ?? 0;
  }

  get historyId(): string | undefined {
    const { id } = this.#pool.history;
    return id === "" ? undefined : id;
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
  get(path: string, options?: ReadOptions): Promise<Entry | undefined> {
    return attempt(() => {
      const [key, read] = clientCalls.get(path, options);
      return this.#readerFor(read).run({ case: "get", value: getRequest(key, read) }, toEntry, read);
    });
  }

  list(path: string, options?: ListOptions): Promise<Listing> {
    return attempt(() => {
      const [key, read] = clientCalls.list(path, options);
      return this.#readerFor(read).run({ case: "list", value: listRequest(key, read) }, toListing, read);
    });
  }

  put(path: string, value: string | Uint8Array, options?: PutOptions): Promise<PutOutcome> {
    return attempt(() => {
      const [key, content, put] = clientCalls.put(path, value, options);
      if (put.ifModRevision !== undefined) return this.#putIf(key, content, put, put.ifModRevision);
      const request = putRequest(key, content, put, put.fence, this.sessionId);
      return this.#runner.run({ case: "put", value: request }, toPutOutcome, put);
    });
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
    const { lease, returnPrevious } = options;
    const change: TxnOp = { kind: "put", path, value, options: { lease, returnPrevious } };
    const outcome = await this.#txnIf(path, ifModRevision, options, change);
    const result = outcome.results[0];
    if (outcome.succeeded && result?.kind === "put") {
      return { revision: result.revision, path: result.path, previous: result.previous };
    }
    throw compareFailed("put", path, ifModRevision, outcome);
  }

  delete(path: string, options?: DeleteOptions): Promise<DeleteOutcome> {
    return attempt(() => {
      const [key, taken] = clientCalls.delete(path, options);
      if (taken.ifModRevision !== undefined) return this.#deleteIf(key, taken, taken.ifModRevision);
      const request = deleteRequest(key, taken, taken.fence);
      return this.#runner.run({ case: "delete", value: request }, toDeleteOutcome, taken);
    });
  }

  async #deleteIf(path: string, options: DeleteOptions, ifModRevision: number): Promise<DeleteOutcome> {
    const { recursive, returnPrevious } = options;
    const change: TxnOp = { kind: "delete", path, options: { recursive, returnPrevious } };
    const outcome = await this.#txnIf(path, ifModRevision, options, change);
    const result = outcome.results[0];
    if (outcome.succeeded && result?.kind === "delete") {
      return { revision: result.revision, deleted: result.deleted, previous: result.previous };
    }
    throw compareFailed("delete", path, ifModRevision, outcome);
  }

  #txnIf(
    path: string,
    ifModRevision: number,
    { fence, timeoutMs, signal }: PutOptions | DeleteOptions,
    change: TxnOp,
  ): Promise<TxnOutcome> {
    return this.#runTxn({
      compares: [compare.modRevision(path).equals(ifModRevision)],
      then: [change],
      otherwise: [op.get(path)],
      fence,
      timeoutMs,
      signal,
    });
  }

  txn(spec: TxnSpec): Promise<TxnOutcome> {
    return attempt(() => this.#runTxn(...clientCalls.txn(spec)));
  }

  #runTxn(spec: TxnSpec): Promise<TxnOutcome> {
    const request = txnRequest(spec, spec.fence, this.sessionId);
    return this.#runner.run({ case: "txn", value: request }, toTxnOutcome, spec);
  }

  watch(path: string, options: ProgressWatchOptions): Watch<WatchEvent | WatchProgress>;
  watch(path: string, options?: WatchOptions): Watch;
  watch(path: string, options?: WatcherOptions): Watch<WatchEvent | WatchProgress> {
    const [key, watched] = clientCalls.watch(path, options);
    checkWatchOptions(watched);
    if (watched.onCompacted !== "relist") return this.#watches.watch(key, watched);
    return new RelistingWatch(this.#relisted, key, watched);
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

  history(path: string, options?: HistoryOptions): AsyncGenerator<Version, void, undefined> {
    return readHistory(this.#unary, ...clientCalls.history(path, options));
  }

  stat(path: string, options?: CallOptions): Promise<SubtreeStat> {
    return attempt(() => subtreeStat(this.#unary, ...clientCalls.stat(path, options)));
  }

  walk(path: string, options?: WalkOptions): Walk {
    return walkSubtree(this, ...clientCalls.walk(path, options));
  }

  outcome(mutation: MutationId, options?: CallOptions): Promise<MutationOutcome> {
    return attempt(() => {
      const [asked, taken] = clientCalls.outcome(mutation, options);
      return outcomeOf(asked, this.#session, this.#unary, taken);
    });
  }

  async lease(ttlMs: number, options?: MutationOptions): Promise<Lease> {
    const [ttl, taken] = clientCalls.lease(ttlMs, options);
    const lease = await Lease.grant(this.#runner, this.#renewer, ttl, taken, (ended) =>
      this.#leases.delete(ended),
    );
    if (this.#closed === undefined) this.#leases.add(lease);
    else lease.end(new Closed("the client is closed"));
    return lease;
  }

  leases(options?: CallOptions): AsyncIterableIterator<LeaseInfo> {
    return allLeases(this.#unary, ...clientCalls.leases(options));
  }

  leaseStatus(id: number, options?: CallOptions): Promise<LeaseStatus | undefined> {
    return attempt(() => leaseStatus(this.#runner, ...clientCalls.leaseStatus(id, options)));
  }

  leaseKeys(id: number, options?: CallOptions): AsyncIterableIterator<string> {
    return leaseKeys(this.#runner, ...clientCalls.leaseKeys(id, options));
  }

  grantLease(
    ttlMs: number,
    options?: MutationOptions,
  ): Promise<{ readonly id: number; readonly ttlMs: number }> {
    return attempt(() => grantLease(this.#runner, ...clientCalls.grantLease(ttlMs, options)));
  }

  keepLeaseAlive(id: number, options?: CallOptions): Promise<number> {
    return attempt(() => {
      const [lease, { timeoutMs = this.#options.requestTimeoutMs, signal }] = clientCalls.keepLeaseAlive(
        id,
        options,
      );
      return keepLeaseAlive(this.#renewer, lease, { timeoutMs, signal, patienceMs: bounds.unaryAttemptMs });
    });
  }

  revokeLease(id: number, options?: MutationOptions): Promise<void> {
    return attempt(() => revokeLease(this.#runner, ...clientCalls.revokeLease(id, options)));
  }

  async lock(key: string, options?: LockOptions): Promise<Lock> {
    const [queue, taken] = clientCalls.lock(key, options);
    this.#requireSession("lock");
    return Lock.acquire(this, queue, taken);
  }

  async campaign(key: string, name: string, options?: CampaignOptions): Promise<Leadership> {
    const [queue, candidate, taken] = clientCalls.campaign(key, name, options);
    this.#requireSession("campaign");
    return Leadership.campaign(this, queue, candidate, taken);
  }

  leader(key: string, options?: CallOptions): Promise<Leader | undefined> {
    return attempt(() => leaderOf(this, ...clientCalls.leader(key, options)));
  }

  observe(key: string, options?: ObserveOptions): AsyncGenerator<Leader | undefined, void, undefined> {
    return observeLeader(this, ...clientCalls.observe(key, options));
  }

  status(endpoint?: string, options?: CallOptions): Promise<NodeStatus> {
    return attempt(() => this.#cluster.status(...clientCalls.status(endpoint, options)));
  }

  members(options?: CallOptions): Promise<Member[]> {
    return attempt(() => this.#cluster.members(...clientCalls.members(options)));
  }

  addMember(name: string, peerAddress: string, options?: CallOptions): Promise<Member> {
    return attempt(() => this.#cluster.addMember(...clientCalls.addMember(name, peerAddress, options)));
  }

  promoteMember(member: string, options?: CallOptions): Promise<Member> {
    return attempt(() => this.#cluster.promoteMember(...clientCalls.promoteMember(member, options)));
  }

  updateMember(member: string, peerAddress: string, options?: CallOptions): Promise<Member> {
    return attempt(() =>
      this.#cluster.updateMember(...clientCalls.updateMember(member, peerAddress, options)),
    );
  }

  removeMember(member: string, options?: CallOptions): Promise<void> {
    return attempt(() => this.#cluster.removeMember(...clientCalls.removeMember(member, options)));
  }

  transferLeadership(member?: string, options?: CallOptions): Promise<Member> {
    return attempt(() =>
      this.#cluster.transferLeadership(...clientCalls.transferLeadership(member, options)),
    );
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

  /**
   * A serializable read needs no session: while the session has no stream, any node will do. One that goes on from a
   * history is checked by the node that answers it, until the client knows its own.
   */
  #readerFor(options: ReadOptions): OperationRunner {
    if (this.#pool.history.named(options.history) !== this.#pool.history.id) return this.#unary;
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
