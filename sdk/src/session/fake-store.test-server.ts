import {
  type Compare,
  type Entry,
  ErrorCode,
  type Event,
  EventKind,
  type Fence,
  type Operation,
  type OperationResult,
  type OutcomeResponse,
  type TimeToLiveRequest,
  type TxnOperationResult,
  type TxnRequest,
  type TxnResponse,
  Verdict,
  type Error as WireError,
} from "@quorate/proto";

type Result = OperationResult["result"];

/** An error as a server answers it. */
export function wireError(code: ErrorCode, message = ErrorCode[code] ?? "error"): WireError {
  return { $typeName: "quorate.v1.Error", code, message, revision: 0n };
}

interface SessionRecord {
  readonly results: Map<bigint, Result>;
}

/** A tiny single-copy key store with sessions, for tests: what every fake node of a cluster serves. */
export class FakeStore {
  revision = 0;
  readonly entries = new Map<string, Entry>();
  /** Events by revision. */
  readonly history: { readonly revision: number; readonly events: Event[] }[] = [];
  readonly sessions = new Map<bigint, SessionRecord>();
  readonly leases = new Map<bigint, bigint>();
  /** How often a mutation was applied, by path. */
  readonly applied: string[] = [];
  compactedRevision = 0;
  readonly listeners = new Set<() => void>();
  #nextLease = 1000n;
  #changes: Event[] = [];

  createSession(ttlMs: bigint): bigint {
    const id = this.#nextLease++;
    this.sessions.set(id, { results: new Map() });
    this.leases.set(id, ttlMs);
    return id;
  }

  endLease(id: bigint): void {
    this.leases.delete(id);
    this.sessions.delete(id);
    const paths = [...this.entries.values()]
      .filter((entry) => entry.leaseId === id)
      .map((entry) => entry.path);
    this.#commit(() => {
      for (const path of paths) this.#remove(path);
    });
  }

  /** Applies an operation of a session, once per sequence. */
  run(sessionId: bigint, operation: Operation): Result {
    const record = this.sessions.get(sessionId);
    if (record === undefined) return { case: "error", value: wireError(ErrorCode.SESSION_EXPIRED) };
    const known = record.results.get(operation.sequence);
    if (known !== undefined) return known;
    const result = this.apply(operation.operation);
    record.results.set(operation.sequence, result);
    return result;
  }

  apply(operation: Operation["operation"]): Result {
    switch (operation.case) {
      case "get":
      case "list":
      case "put":
      case "delete": {
        let result: TxnOperationResult["result"] | WireError = { case: undefined };
        this.#commit(() => {
          result = this.#applyKv(operation);
        });
        return toResult(result);
      }
      case "txn": {
        const { fence } = operation.value;
        if (!this.#holds(fence)) return { case: "error", value: wireError(ErrorCode.FENCED) };
        let value: TxnResponse | undefined;
        this.#commit(() => {
          value = this.#txn(operation.value);
        });
        return value === undefined ? { case: undefined } : { case: "txn", value };
      }
      case "keepAlive": {
        const ttlsMs = operation.value.leaseIds.map((id) => this.leases.get(id) ?? 0n);
        return { case: "keepAlive", value: { $typeName: "quorate.v1.KeepAliveResponse", ttlsMs } };
      }
      case "grant": {
        if (!this.#holds(operation.value.fence)) return { case: "error", value: wireError(ErrorCode.FENCED) };
        const leaseId = this.#nextLease++;
        this.leases.set(leaseId, operation.value.ttlMs);
        return {
          case: "grant",
          value: { $typeName: "quorate.v1.GrantResponse", leaseId, ttlMs: operation.value.ttlMs },
        };
      }
      case "revoke": {
        if (!this.#holds(operation.value.fence)) return { case: "error", value: wireError(ErrorCode.FENCED) };
        if (!this.leases.has(operation.value.leaseId)) {
          return { case: "error", value: wireError(ErrorCode.LEASE_NOT_FOUND) };
        }
        this.endLease(operation.value.leaseId);
        return {
          case: "revoke",
          value: { $typeName: "quorate.v1.RevokeResponse", revision: BigInt(this.revision) },
        };
      }
      case "timeToLive":
        return this.#timeToLive(operation.value);
      case undefined:
        return { case: "error", value: wireError(ErrorCode.INVALID_ARGUMENT) };
    }
  }

  #timeToLive({ leaseId, after, limit, keys }: TimeToLiveRequest): Result {
    const ttlMs = this.leases.get(leaseId);
    const all = this.#sorted().filter((entry) => entry.leaseId === leaseId);
    const later = keys ? all.filter(({ path }) => path > after) : [];
    const paths = later.slice(0, limit === 0n ? later.length : Number(limit)).map(({ path }) => path);
    return {
      case: "timeToLive",
      value: {
        $typeName: "quorate.v1.TimeToLiveResponse",
        remainingMs: ttlMs ?? -1n,
        grantedTtlMs: ttlMs ?? 0n,
        paths,
        more: paths.length < later.length,
        session: this.sessions.has(leaseId),
        keyCount: BigInt(all.length),
      },
    };
  }

  /** What became of a sequence; one that was not applied is not from now on. */
  outcome(sessionId: bigint, sequence: bigint): OutcomeResponse {
    const $typeName = "quorate.v1.OutcomeResponse";
    const record = this.sessions.get(sessionId);
    if (record === undefined) return { $typeName, verdict: Verdict.FORGOTTEN };
    const kept = record.results.get(sequence);
    if (kept === undefined) {
      record.results.set(sequence, { case: "error", value: wireError(ErrorCode.LEASE_NOT_FOUND) });
      return { $typeName, verdict: Verdict.NOT_APPLIED };
    }
    if (kept.case === "error") return { $typeName, verdict: Verdict.NOT_APPLIED, refusal: kept.value };
    const result = { $typeName: "quorate.v1.OperationResult" as const, sequence, result: kept };
    return { $typeName, verdict: Verdict.APPLIED, result };
  }

  #commit(change: () => void): void {
    this.#changes = [];
    this.revision += 1;
    change();
    if (this.#changes.length === 0) this.revision -= 1;
    else this.history.push({ revision: this.revision, events: this.#changes });
    for (const listener of [...this.listeners]) listener();
  }

  #applyKv(
    operation: Extract<Operation["operation"], { case: "get" | "list" | "put" | "delete" }>,
  ): TxnOperationResult["result"] | WireError {
    switch (operation.case) {
      case "get": {
        const entry = this.entries.get(operation.value.path);
        return {
          case: "get",
          value: {
            $typeName: "quorate.v1.GetResponse",
            revision: BigInt(this.#readRevision),
            ...(entry === undefined ? {} : { entry }),
          },
        };
      }
      case "list": {
        const { path, after, limit, revision } = operation.value;
        if (revision !== 0n && Number(revision) < this.compactedRevision)
          return wireError(ErrorCode.COMPACTED);
        const prefix = path === "/" ? "/" : `${path}/`;
        const found = this.#sorted().filter((entry) => entry.path.startsWith(prefix) && entry.path > after);
        const page = limit > 0n ? found.slice(0, Number(limit)) : found;
        return {
          case: "list",
          value: {
            $typeName: "quorate.v1.ListResponse",
            revision: BigInt(this.#readRevision),
            nodes: page.map((entry) => ({
              $typeName: "quorate.v1.Node",
              path: entry.path,
              entry,
              childCount: 0n,
            })),
            more: page.length < found.length,
          },
        };
      }
      case "put": {
        const { path: base, value, leaseId, sequential, fence } = operation.value;
        if (!this.#holds(fence)) return wireError(ErrorCode.FENCED);
        if (leaseId !== 0n && !this.leases.has(leaseId)) return wireError(ErrorCode.LEASE_NOT_FOUND);
        const path = sequential ? `${base}/${String(this.revision).padStart(16, "0")}` : base;
        const previous = this.entries.get(path);
        const entry: Entry = {
          $typeName: "quorate.v1.Entry",
          path,
          value,
          createRevision: previous?.createRevision ?? BigInt(this.revision),
          modRevision: BigInt(this.revision),
          version: (previous?.version ?? 0n) + 1n,
          leaseId,
          valueOmitted: false,
        };
        this.entries.set(path, entry);
        this.applied.push(path);
        this.#changes.push({ $typeName: "quorate.v1.Event", kind: EventKind.PUT, entry });
        return {
          case: "put",
          value: {
            $typeName: "quorate.v1.PutResponse",
            revision: BigInt(this.revision),
            path,
            ...(previous !== undefined && operation.value.returnPrevious ? { previous } : {}),
          },
        };
      }
      case "delete": {
        const { path, recursive, fence } = operation.value;
        if (!this.#holds(fence)) return wireError(ErrorCode.FENCED);
        const paths = this.#sorted()
          .map((entry) => entry.path)
          .filter((other) => other === path || (recursive && other.startsWith(`${path}/`)));
        for (const other of paths) this.#remove(other);
        return {
          case: "delete",
          value: {
            $typeName: "quorate.v1.DeleteResponse",
            revision: BigInt(this.#readRevision),
            deleted: BigInt(paths.length),
            previous: [],
          },
        };
      }
    }
  }

  #txn(txn: TxnRequest): TxnResponse {
    const succeeded = txn.compares.every((condition) => this.#compare(condition));
    const results: TxnOperationResult[] = [];
    for (const { operation } of succeeded ? txn.then : txn.otherwise) {
      if (operation.case === undefined || operation.case === "txn") continue;
      const result = this.#applyKv(operation);
      if ("$typeName" in result) throw new Error(result.message);
      results.push({ $typeName: "quorate.v1.TxnOperationResult", result });
    }
    return {
      $typeName: "quorate.v1.TxnResponse",
      succeeded,
      revision: BigInt(this.#readRevision),
      results,
    };
  }

  /** Only what the SDK itself sends: equality of mod revisions and values. */
  #compare({ path, target }: Compare): boolean {
    const entry = this.entries.get(path);
    if (target.case === "modRevision") return (entry?.modRevision ?? 0n) === target.value;
    if (target.case === "value")
      return entry !== undefined && Buffer.compare(entry.value, target.value) === 0;
    throw new Error(`the fake store does not compare ${String(target.case)}`);
  }

  #holds(fence: Fence | undefined): boolean {
    if (fence === undefined) return true;
    const owner = this.#sorted().find((entry) => entry.path.startsWith(`${fence.key}/`));
    return owner?.createRevision === fence.token;
  }

  #sorted(): Entry[] {
    return [...this.entries.values()].sort((a, b) => (a.path < b.path ? -1 : 1));
  }

  get #readRevision(): number {
    return this.#changes.length === 0 ? this.revision - 1 : this.revision;
  }

  #remove(path: string): void {
    this.entries.delete(path);
    const entry: Entry = {
      $typeName: "quorate.v1.Entry",
      path,
      value: new Uint8Array(),
      createRevision: 0n,
      modRevision: BigInt(this.revision),
      version: 0n,
      leaseId: 0n,
      valueOmitted: false,
    };
    this.#changes.push({ $typeName: "quorate.v1.Event", kind: EventKind.DELETE, entry });
  }
}

function toResult(result: TxnOperationResult["result"] | WireError): Result {
  return "$typeName" in result ? { case: "error", value: result } : result;
}
