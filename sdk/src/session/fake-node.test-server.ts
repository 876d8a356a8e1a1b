import {
  type handleBidiStreamingCall,
  type handleUnaryCall,
  Metadata,
  Server,
  ServerCredentials,
  type ServerDuplexStream,
  status,
} from "@grpc/grpc-js";
import {
  ClusterService,
  ErrorCode,
  type GetRequest,
  type GetResponse,
  grpcServiceDefinition,
  type KeepAliveRequest,
  type KeepAliveResponse,
  KVService,
  LeaseService,
  type LeasesRequest,
  type LeasesResponse,
  type ListRequest,
  type ListResponse,
  type MembersRequest,
  type MembersResponse,
  type Operation,
  type OperationResult,
  type OutcomeRequest,
  type OutcomeResponse,
  type PutRequest,
  type PutResponse,
  Role,
  type SessionReply,
  type SessionRequest,
  SessionService,
  SpaceService,
  type StatusRequest,
  type StatusResponse,
  type WatchCreate,
  type WatchReply,
  type WatchRequest,
  WatchService,
} from "@quorate/proto";
import { FakeStore, wireError } from "./fake-store.test-server.js";

type Result = OperationResult["result"];
type SessionCall = ServerDuplexStream<SessionRequest, SessionReply>;
type WatchCall = ServerDuplexStream<WatchRequest, WatchReply>;

/** What a test makes of one operation: let it be served, answer something else, apply it and say nothing, or ignore it. */
export type OperationVerdict =
  | { readonly kind: "serve" }
  | { readonly kind: "answer"; readonly code: ErrorCode }
  | { readonly kind: "apply-silently" }
  /** Apply it, and answer as if it had been another operation. */
  | { readonly kind: "apply-and-garble" }
  | { readonly kind: "ignore" };

/** One node of a fake cluster: serves a store over real gRPC, and misbehaves as a test scripts it. */
export class FakeNode {
  readonly store: FakeStore;
  /** Every session message received, hellos included. */
  readonly requests: SessionRequest[] = [];
  readonly watchCreates: WatchCreate[] = [];
  leaderEndpoint = "";
  /** Refuses every hello with this code. */
  refuseHello: ErrorCode | undefined;
  /** Ends every new watch at once with this code. */
  refuseWatch: ErrorCode | undefined;
  /** Every keepalive received. */
  readonly keepAlives: KeepAliveRequest[] = [];
  /** The history that it tells, and of which requests must be that name one; "" for a node that knows of none. */
  historyId = "";
  onOperation: (operation: Operation) => OperationVerdict = () => ({ kind: "serve" });
  /** So many watches end as compacted after the first page of their initial entries. */
  compactInitial = 0;
  /** Entries per page of a watch's initial snapshot, and whether to break the stream after the first page. */
  initialPageEntries = 1_000;
  breakInitialOnce = false;
  /** Events in one reply: a revision with more comes in parts. */
  replyEvents = 1_000;
  /** Breaks the watch streams after the first part of a revision. */
  breakPartsOnce = false;
  /** Client endpoints of the members it lists, and how often it was asked for them. */
  memberEndpoints: readonly string[] = [];
  membersAsked = 0;
  port = 0;
  #server: Server | undefined;
  readonly #sessionCalls = new Set<SessionCall>();
  readonly #watchCalls = new Set<WatchCall>();
  readonly #unsubscribes = new Map<WatchCall, Map<bigint, () => void>>();

  constructor(store = new FakeStore()) {
    this.store = store;
  }

  get endpoint(): string {
    return `127.0.0.1:${this.port}`;
  }

  get sessionStreams(): number {
    return this.#sessionCalls.size;
  }

  /** Listens, on the port of the time before if there was one. */
  async start(): Promise<this> {
    // With channelz off, grpc-js's forceShutdown leaves the connections it has alive.
    const server = new Server();
    const connect: handleBidiStreamingCall<SessionRequest, SessionReply> = (call) => this.#connect(call);
    const watch: handleBidiStreamingCall<WatchRequest, WatchReply> = (call) => this.#watch(call);
    const get: handleUnaryCall<GetRequest, GetResponse> = (call, done) => {
      const result = this.store.apply({ case: "get", value: call.request });
      if (result.case === "get") done(null, result.value);
    };
    const put: handleUnaryCall<PutRequest, PutResponse> = (call, done) => {
      const verdict = this.onOperation({
        $typeName: "quorate.v1.Operation",
        sequence: 0n,
        operation: { case: "put", value: call.request },
      });
      if (verdict.kind === "answer") {
        done({ code: status.UNAVAILABLE, details: "scripted", metadata: trailer(verdict.code) });
        return;
      }
      const result = this.store.apply({ case: "put", value: call.request });
      if (verdict.kind === "apply-silently") done({ code: status.UNAVAILABLE, details: "connection lost" });
      else if (result.case === "put") done(null, result.value);
    };
    const list: handleUnaryCall<ListRequest, ListResponse> = (call, done) => {
      const result = this.store.apply({ case: "list", value: call.request });
      if (result.case === "list") done(null, result.value);
      else if (result.case === "error") {
        const { code, message } = result.value;
        done({ code: status.OUT_OF_RANGE, details: message, metadata: trailer(code) });
      }
    };
    const keepAlive: handleUnaryCall<KeepAliveRequest, KeepAliveResponse> = ({ request }, done) => {
      this.keepAlives.push(request);
      const operation = { case: "keepAlive" as const, value: request };
      const verdict = this.onOperation({ $typeName: "quorate.v1.Operation", sequence: 0n, operation });
      if (verdict.kind === "answer") {
        done({ code: status.UNAVAILABLE, details: "scripted", metadata: trailer(verdict.code) });
        return;
      }
      const result = this.store.apply(operation);
      if (verdict.kind === "serve" && result.case === "keepAlive") done(null, result.value);
    };
    // A server's answer, so that nobody takes the node for one that cannot be reached.
    const refuse: handleUnaryCall<unknown, never> = (_call, done) => {
      const metadata = trailer(ErrorCode.MEMBERSHIP_REFUSED);
      done({ code: status.FAILED_PRECONDITION, details: "the fake does not do that", metadata });
    };
    const outcome: handleUnaryCall<OutcomeRequest, OutcomeResponse> = ({ request }, done) =>
      done(null, this.store.outcome(request.sessionId, request.sequence));
    const leases: handleUnaryCall<LeasesRequest, LeasesResponse> = ({ request: { after, limit } }, done) => {
      const ids = [...this.store.leases.keys()].filter((id) => id > after).sort((a, b) => Number(a - b));
      done(null, {
        $typeName: "quorate.v1.LeasesResponse",
        leases: ids.slice(0, Number(limit)).map((leaseId) => ({
          $typeName: "quorate.v1.LeaseInfo",
          leaseId,
          grantedTtlMs: this.store.leases.get(leaseId) ?? 0n,
          session: this.store.sessions.has(leaseId),
          keyCount: 0n,
        })),
        more: ids.length > limit,
      });
    };
    const nodeStatus: handleUnaryCall<StatusRequest, StatusResponse> = (_call, done) => {
      done(null, this.#status());
    };
    const session = grpcServiceDefinition(SessionService);
    server.addService(
      { connect: session.connect, outcome: session.outcome },
      { connect, outcome: this.#bound(outcome) },
    );
    const lease = grpcServiceDefinition(LeaseService);
    server.addService(
      { leases: lease.leases, keepAlive: lease.keepAlive },
      { leases: this.#bound(leases), keepAlive: this.#bound(keepAlive) },
    );
    server.addService({ watch: grpcServiceDefinition(WatchService).watch }, { watch });
    const kv = grpcServiceDefinition(KVService);
    server.addService(
      { get: kv.get, put: kv.put, list: kv.list },
      { get: this.#bound(get), put: this.#bound(put), list: this.#bound(list) },
    );
    const members: handleUnaryCall<MembersRequest, MembersResponse> = (_call, done) => {
      this.membersAsked += 1;
      done(null, { $typeName: "quorate.v1.MembersResponse", members: this.#members() });
    };
    const {
      status: statusMethod,
      members: membersMethod,
      ...changes
    } = grpcServiceDefinition(ClusterService);
    server.addService(
      { status: statusMethod, members: membersMethod },
      { status: nodeStatus, members: this.#bound(members) },
    );
    for (const service of [changes, grpcServiceDefinition(SpaceService), { history: kv.history }]) {
      server.addService(service, Object.fromEntries(Object.keys(service).map((name) => [name, refuse])));
    }
    this.port = await new Promise<number>((resolve, reject) => {
      server.bindAsync(`127.0.0.1:${this.port}`, ServerCredentials.createInsecure(), (error, port) =>
        error === null ? resolve(port) : reject(error),
      );
    });
    this.#server = server;
    return this;
  }

  stop(): void {
    this.#server?.forceShutdown();
    this.#server = undefined;
    for (const call of this.#watchCalls) this.#dropWatches(call);
    this.#sessionCalls.clear();
    this.#watchCalls.clear();
  }

  breakSessions(): void {
    for (const call of this.#sessionCalls)
      call.emit("error", { code: status.UNAVAILABLE, details: "broken" });
  }

  breakWatches(): void {
    for (const call of this.#watchCalls) {
      this.#dropWatches(call);
      call.emit("error", { code: status.UNAVAILABLE, details: "broken" });
    }
  }

  /** Tells every watch that there is nothing new. */
  markProgress(): void {
    for (const call of this.#watchCalls) {
      for (const watchId of this.#unsubscribes.get(call)?.keys() ?? []) {
        const revision = BigInt(this.store.revision);
        const value = { $typeName: "quorate.v1.WatchProgress" as const, revision };
        call.write({
          $typeName: "quorate.v1.WatchReply",
          watchId,
          historyId: this.historyId,
          reply: { case: "progress", value },
        });
      }
    }
  }

  endWatches(code: ErrorCode): void {
    for (const call of this.#watchCalls) {
      for (const watchId of [...(this.#unsubscribes.get(call)?.keys() ?? [])])
        this.#endWatch(call, watchId, code);
    }
  }

  /** Operations received, in order, with repetitions. */
  get operations(): Operation[] {
    return this.requests.flatMap((request) => request.operations);
  }

  #connect(call: SessionCall): void {
    this.#sessionCalls.add(call);
    let sessionId = 0n;
    call.on("error", () => this.#sessionCalls.delete(call));
    call.on("cancelled", () => this.#sessionCalls.delete(call));
    call.on("end", () => {
      this.#sessionCalls.delete(call);
      call.end();
    });
    call.on("data", (request: SessionRequest) => {
      this.requests.push(request);
      if (request.hello !== undefined) {
        const asked = request.hello.sessionId;
        const refusal =
          this.refuseHello ??
          (this.#isStrange(request.hello.historyId) ? ErrorCode.HISTORY_CHANGED : undefined) ??
          (asked !== 0n && !this.store.sessions.has(asked) ? ErrorCode.SESSION_EXPIRED : undefined);
        if (refusal !== undefined) {
          const details = `refused: ${ErrorCode[refusal]}`;
          call.emit("error", { code: status.FAILED_PRECONDITION, details, metadata: trailer(refusal) });
          return;
        }
        sessionId = asked === 0n ? this.store.createSession(request.hello.ttlMs) : asked;
        call.write(this.#welcome(sessionId));
        return;
      }
      if (request.close) {
        this.store.endLease(sessionId);
        this.#sessionCalls.delete(call);
        call.end();
        return;
      }
      const results: OperationResult[] = [];
      for (const operation of request.operations) {
        const result = this.#verdict(sessionId, operation);
        if (result === undefined) continue;
        results.push({ $typeName: "quorate.v1.OperationResult", sequence: operation.sequence, result });
      }
      if (results.length > 0) call.write(reply(results, ""));
    });
  }

  /** Tells every stream where the leader is now. */
  announceLeader(endpoint: string): void {
    this.leaderEndpoint = endpoint;
    for (const call of this.#sessionCalls) call.write(reply([], endpoint));
  }

  #verdict(sessionId: bigint, operation: Operation): Result | undefined {
    const verdict = this.onOperation(operation);
    switch (verdict.kind) {
      case "serve":
        return this.store.run(sessionId, operation);
      case "answer":
        return { case: "error", value: wireError(verdict.code) };
      case "apply-silently":
        this.store.run(sessionId, operation);
        return undefined;
      case "apply-and-garble":
        this.store.run(sessionId, operation);
        return { case: "keepAlive", value: { $typeName: "quorate.v1.KeepAliveResponse", ttlsMs: [] } };
      case "ignore":
        return undefined;
    }
  }

  #isStrange(named: string): boolean {
    return this.historyId !== "" && named !== "" && named !== this.historyId;
  }

  /** As the servers' own: a unary call that names another history is refused, and its answer names the node's. */
  #bound<Request, Response>(handler: handleUnaryCall<Request, Response>): handleUnaryCall<Request, Response> {
    return (call, done) => {
      if (this.#isStrange(call.metadata.get("quorate-history")[0]?.toString() ?? "")) {
        const metadata = trailer(ErrorCode.HISTORY_CHANGED);
        done({ code: status.FAILED_PRECONDITION, details: "another history", metadata });
        return;
      }
      if (this.historyId !== "") {
        const metadata = new Metadata();
        metadata.set("quorate-history", this.historyId);
        call.sendMetadata(metadata);
      }
      handler(call, done);
    };
  }

  #welcome(sessionId: bigint): SessionReply {
    return {
      ...reply([], ""),
      historyId: this.historyId,
      welcome: {
        $typeName: "quorate.v1.SessionWelcome",
        sessionId,
        ttlMs: this.store.leases.get(sessionId) ?? 0n,
        node: `node-${this.port}`,
        leaderEndpoint: this.leaderEndpoint,
      },
    };
  }

  #watch(call: WatchCall): void {
    this.#watchCalls.add(call);
    this.#unsubscribes.set(call, new Map());
    const gone = (): void => {
      this.#dropWatches(call);
      this.#watchCalls.delete(call);
    };
    call.on("error", gone);
    call.on("cancelled", gone);
    call.on("end", () => call.end());
    call.on("data", ({ request }: WatchRequest) => {
      if (request.case === "create") this.#createWatch(call, request.value);
      else if (request.case === "cancel") this.#endWatch(call, request.value.watchId, ErrorCode.CANCELLED);
    });
  }

  #createWatch(call: WatchCall, create: WatchCreate): void {
    this.watchCreates.push(create);
    const { watchId } = create;
    const send = (body: WatchReply["reply"]): void => {
      call.write({ $typeName: "quorate.v1.WatchReply", watchId, historyId: this.historyId, reply: body });
    };
    if (this.refuseWatch !== undefined) {
      const error = wireError(this.refuseWatch);
      send({ case: "ended", value: { $typeName: "quorate.v1.WatchEnded", error } });
      return;
    }
    if (this.#isStrange(create.historyId)) {
      const error = wireError(ErrorCode.HISTORY_CHANGED);
      send({ case: "ended", value: { $typeName: "quorate.v1.WatchEnded", error } });
      return;
    }
    const start = Number(create.startRevision);
    if (start > this.store.revision + 1 || (start !== 0 && start < this.store.compactedRevision)) {
      const code = start > this.store.revision ? ErrorCode.FUTURE_REVISION : ErrorCode.COMPACTED;
      send({ case: "ended", value: { $typeName: "quorate.v1.WatchEnded", error: wireError(code) } });
      return;
    }
    const revision = BigInt(this.store.revision);
    send({ case: "created", value: { $typeName: "quorate.v1.WatchCreated", revision } });
    const matches = (path: string): boolean =>
      path === create.path ||
      (create.recursive && path.startsWith(create.path === "/" ? "/" : `${create.path}/`));
    if (create.initial) {
      const entries = [...this.store.entries.values()]
        .filter((entry) => matches(entry.path))
        .sort((a, b) => (a.path < b.path ? -1 : 1));
      for (let from = 0; from === 0 || from < entries.length; from += this.initialPageEntries) {
        const page = entries.slice(from, from + this.initialPageEntries);
        const more = from + this.initialPageEntries < entries.length;
        send({
          case: "initial",
          value: { $typeName: "quorate.v1.WatchInitial", entries: page, revision, more },
        });
        if (more && this.compactInitial > 0) {
          this.compactInitial -= 1;
          const error = wireError(ErrorCode.COMPACTED);
          send({ case: "ended", value: { $typeName: "quorate.v1.WatchEnded", error } });
          return;
        }
        if (this.breakInitialOnce) {
          this.breakInitialOnce = false;
          this.breakWatches();
          return;
        }
      }
    }
    let next = start === 0 ? this.store.revision + 1 : start;
    const deliver = (): void => {
      for (const change of this.store.history) {
        if (change.revision < next) continue;
        next = change.revision + 1;
        const events = change.events.filter(
          (event) => matches(event.entry?.path ?? "") && !create.exclude.includes(event.kind),
        );
        if (events.length === 0) continue;
        for (let from = 0; from < events.length; from += this.replyEvents) {
          const more = from + this.replyEvents < events.length;
          const revision = BigInt(more ? change.revision - 1 : change.revision);
          const part = events.slice(from, from + this.replyEvents);
          send({
            case: "events",
            value: { $typeName: "quorate.v1.WatchEvents", events: part, revision, more },
          });
          if (!more || !this.breakPartsOnce) continue;
          this.breakPartsOnce = false;
          this.breakWatches();
          return;
        }
      }
    };
    this.store.listeners.add(deliver);
    this.#unsubscribes.get(call)?.set(watchId, () => this.store.listeners.delete(deliver));
    deliver();
  }

  #endWatch(call: WatchCall, watchId: bigint, code: ErrorCode): void {
    const unsubscribe = this.#unsubscribes.get(call)?.get(watchId);
    if (unsubscribe === undefined) return;
    unsubscribe();
    this.#unsubscribes.get(call)?.delete(watchId);
    call.write({
      $typeName: "quorate.v1.WatchReply",
      watchId,
      historyId: this.historyId,
      reply: { case: "ended", value: { $typeName: "quorate.v1.WatchEnded", error: wireError(code) } },
    });
  }

  #dropWatches(call: WatchCall): void {
    for (const unsubscribe of this.#unsubscribes.get(call)?.values() ?? []) unsubscribe();
    this.#unsubscribes.get(call)?.clear();
  }

  #members(): MembersResponse["members"] {
    return this.memberEndpoints.map((clientEndpoint, index) => ({
      $typeName: "quorate.v1.Member",
      memberId: BigInt(index + 1),
      name: `node-${index}`,
      peerAddress: "",
      clientEndpoint,
      learner: false,
      leader: index === 0,
      format: 0,
    }));
  }

  #status(): StatusResponse {
    return {
      $typeName: "quorate.v1.StatusResponse",
      name: `node-${this.port}`,
      memberId: 255n,
      clusterId: 1n,
      endpoint: this.endpoint,
      role: Role.LEADER,
      term: 3n,
      leaderId: 255n,
      revision: BigInt(this.store.revision),
      compactedRevision: 0n,
      appliedIndex: 9n,
      commitIndex: 9n,
      stateHash: "0000000000000000",
      version: "test",
      keyCount: BigInt(this.store.entries.size),
      leaseCount: BigInt(this.store.leases.size),
      logFirstIndex: 1n,
      watchCount: 0n,
      unheard: false,
      historyId: this.historyId,
    };
  }
}

function reply(results: OperationResult[], leaderEndpoint: string): SessionReply {
  return { $typeName: "quorate.v1.SessionReply", results, leaderEndpoint, endpoints: [], historyId: "" };
}

function trailer(code: ErrorCode): Metadata {
  const metadata = new Metadata();
  metadata.set("quorate-error", ErrorCode[code] ?? "INTERNAL");
  return metadata;
}
