import type { handleBidiStreamingCall, Server, ServerDuplexStream } from "@grpc/grpc-js";
import {
  type Event,
  EventKind,
  grpcServiceDefinition,
  type WatchCreate,
  type WatchReply,
  type WatchRequest,
  WatchService,
} from "@quorate/proto";
import { bounds } from "../config.js";
import { stopping } from "../node/failure.js";
import type { Node } from "../node/node.js";
import type { PathWatchSpec, Watch, WatchEndCode, WatchSink } from "../node/watch.js";
import type { Change, Key, Range } from "../state-machine/index.js";
import { entryBytes, REPLY_OVERHEAD_BYTES } from "./answer-bytes.js";
import { readBounded } from "./bounded-read.js";
import { type Problem, problemOf, RequestError, toGrpcError, toWireError } from "./errors.js";
import { problemOfHistory } from "./history-binding.js";
import { Outflow } from "./outflow.js";
import { directoryKeyOf, keyOf, pathOf } from "./path.js";
import { revision } from "./requests.js";
import { toEntry } from "./responses.js";

type Call = ServerDuplexStream<WatchRequest, WatchReply>;

/** What a watch stream takes of a node. */
type WatchNode = Pick<Node, "machine" | "read" | "watches" | "onStop">;

/** Adds the watch streams to a gRPC server. A client that takes nothing for `stalledMs` is not waited for any longer. */
export function addWatchService(
  server: Server,
  node: WatchNode,
  stalledMs: number = bounds.watchStalledMs,
): void {
  const watch: handleBidiStreamingCall<WatchRequest, WatchReply> = (call) => {
    new WatchStream(call, node, stalledMs);
  };
  const { watch: method } = grpcServiceDefinition(WatchService);
  server.addService({ watch: { ...method } }, { watch });
}

/** One use of a watch id on a stream, from its create to its end: the id may be used again after. */
interface Creation {
  /** undefined while the watch is being created. */
  watch: Watch | undefined;
}

/** One stream with many watches. */
class WatchStream {
  private readonly call: Call;
  private readonly node: WatchNode;
  /** By the client's id. */
  private readonly creations = new Map<bigint, Creation>();
  private readonly outflow: Outflow<WatchReply>;
  private readonly unsubscribe: () => void;
  private closed = false;
  /** Pages of initial entries that are due: one is sent at a time, while the client takes them. */
  private pages: (() => void)[] = [];
  private pageScheduled = false;

  constructor(call: Call, node: WatchNode, stalledMs: number) {
    this.call = call;
    this.node = node;
    const stalled = (): void => this.fail(stalledFor(stalledMs));
    this.outflow = new Outflow(call, () => this.drained(), { stalledMs, stalled });
    this.unsubscribe = node.onStop(() => this.fail(stopping));
    call.on("data", (request: WatchRequest) => this.receive(request));
    call.on("end", () => {
      this.close();
      call.end();
    });
    call.on("close", () => this.close());
    call.on("cancelled", () => this.close());
    call.on("error", () => this.close());
  }

  private receive({ request }: WatchRequest): void {
    switch (request.case) {
      case "create":
        this.create(request.value);
        return;
      case "cancel":
        this.cancel(request.value.watchId);
        return;
      case undefined:
        this.fail(new RequestError("INVALID_ARGUMENT", "the watch request is empty"));
    }
  }

  /** Ends the stream and every watch on it. What it was sent before is still there for the client to take. */
  private fail(problem: Problem): void {
    if (this.closed) return;
    this.close();
    this.call.emit("error", toGrpcError(problem));
  }

  private create(request: WatchCreate): void {
    const { watchId } = request;
    try {
      this.check(request);
      // With or without a quorum: where the history is another one, nothing can be gone on with.
      const strange = problemOfHistory(this.node, request.historyId);
      if (strange?.code === "HISTORY_CHANGED") throw strange;
      const spec = toSpec(request);
      const startRevision = revision(request.startRevision);
      const creation: Creation = { watch: undefined };
      this.creations.set(watchId, creation);
      // Fresh first: a node that is cut off must say so rather than be silent, and only then is it known whether the
      // start lies in the future.
      this.node.read((failure) => {
        if (this.creations.get(watchId) !== creation) return;
        // Then, too, is the history known, if the cluster knows it.
        const problem = failure ?? problemOfHistory(this.node, request.historyId);
        if (problem !== undefined) this.end(watchId, problem);
        else this.begin(watchId, creation, spec, startRevision, request.initial);
      });
    } catch (thrown) {
      this.end(watchId, problemOf(thrown));
    }
  }

  private check(request: WatchCreate): void {
    if (this.creations.has(request.watchId)) {
      throw new RequestError("INVALID_ARGUMENT", `watch ${request.watchId} exists already on this stream`);
    }
    if (this.creations.size >= bounds.watchesPerStreamMax) {
      throw new RequestError("OVERLOADED", `a stream may have ${bounds.watchesPerStreamMax} watches`);
    }
    if (request.initial && request.startRevision !== 0n) {
      throw new RequestError("INVALID_ARGUMENT", "initial and start_revision exclude each other");
    }
  }

  private begin(
    watchId: bigint,
    creation: Creation,
    spec: PathWatchSpec,
    startRevision: number,
    initial: boolean,
  ): void {
    const { machine } = this.node;
    const current = machine.revision;
    const problem = problemOfStart(startRevision, current, machine.compactedRevision);
    if (problem !== undefined) {
      this.end(watchId, problem);
      return;
    }
    this.write(watchId, {
      case: "created",
      value: { $typeName: "quorate.v1.WatchCreated", revision: BigInt(current) },
    });
    if (initial) this.pageDue(() => this.sendInitial(watchId, creation, spec, current, spec.key));
    else this.attach(watchId, creation, spec, startRevision === 0 ? current + 1 : startRevision);
  }

  private attach(watchId: bigint, creation: Creation, spec: PathWatchSpec, nextRevision: number): void {
    creation.watch = this.node.watches.add(spec, nextRevision, new StreamSink(this, watchId, spec));
  }

  private pageDue(page: () => void): void {
    this.pages.push(page);
    this.schedulePage();
  }

  private schedulePage(): void {
    if (this.pageScheduled || this.pages.length === 0 || this.blocked) return;
    this.pageScheduled = true;
    setImmediate(() => {
      this.pageScheduled = false;
      if (!this.blocked) this.pages.shift()?.();
      this.schedulePage();
    });
  }

  private drained(): void {
    this.node.watches.drained();
    this.schedulePage();
  }

  /** One page of the entries as of `at`; the next one follows once the client has taken it. */
  private sendInitial(watchId: bigint, creation: Creation, spec: PathWatchSpec, at: number, from: Key): void {
    if (this.creations.get(watchId) !== creation) return;
    // As of revision 0 nothing was ever written; asked for, it would stand for the current one.
    const page =
      at === 0 ? nothing : readBounded(this.node.machine, pageOf(spec, at, from), bounds.watchReplyBytesMax);
    if (page.kind === "error") {
      this.end(watchId, page);
      return;
    }
    const entries = page.entries.flatMap(({ key, entry }) =>
      entry !== undefined && inSubtree(spec, key) ? [toEntry(entry)] : [],
    );
    const last = page.entries.at(-1);
    const more = last !== undefined && page.more;
    this.write(watchId, {
      case: "initial",
      value: { $typeName: "quorate.v1.WatchInitial", entries, revision: BigInt(at), more },
    });
    if (!more) {
      this.attach(watchId, creation, spec, at + 1);
      return;
    }
    this.pageDue(() => this.sendInitial(watchId, creation, spec, at, `${last.key}\0`));
  }

  private cancel(watchId: bigint): void {
    if (!this.creations.has(watchId)) return;
    this.end(watchId, new RequestError("CANCELLED", "cancelled by the client"));
  }

  end(watchId: bigint, problem: Problem): void {
    const watch = this.creations.get(watchId)?.watch;
    this.creations.delete(watchId);
    if (watch !== undefined) this.node.watches.remove(watch);
    this.write(watchId, {
      case: "ended",
      value: { $typeName: "quorate.v1.WatchEnded", error: toWireError(problem) },
    });
  }

  write(watchId: bigint, reply: WatchReply["reply"]): void {
    if (this.closed) return;
    const bytes = replyBytes(reply);
    this.outflow.reserve(bytes);
    const { historyId } = this.node.machine;
    this.outflow.write({ $typeName: "quorate.v1.WatchReply", watchId, reply, historyId }, bytes);
  }

  get blocked(): boolean {
    return this.outflow.blocked;
  }

  private close(): void {
    this.closed = true;
    this.unsubscribe();
    this.outflow.close();
    for (const { watch } of this.creations.values()) {
      if (watch !== undefined) this.node.watches.remove(watch);
    }
    this.creations.clear();
    this.pages = [];
  }
}

/** Carries one watch's deliveries to its stream. */
class StreamSink implements WatchSink {
  private readonly stream: WatchStream;
  private readonly watchId: bigint;
  private readonly spec: PathWatchSpec;

  constructor(stream: WatchStream, watchId: bigint, spec: PathWatchSpec) {
    this.stream = stream;
    this.watchId = watchId;
    this.spec = spec;
  }

  get blocked(): boolean {
    return this.stream.blocked;
  }

  events(changes: readonly Change[], upTo: number, more: boolean): void {
    this.stream.write(this.watchId, {
      case: "events",
      value: {
        $typeName: "quorate.v1.WatchEvents",
        events: changes.map((change) => toEvent(change, this.spec.previous)),
        revision: BigInt(upTo),
        more,
      },
    });
  }

  progress(at: number): void {
    this.stream.write(this.watchId, {
      case: "progress",
      value: { $typeName: "quorate.v1.WatchProgress", revision: BigInt(at) },
    });
  }

  end(code: WatchEndCode, message: string, at: number): void {
    this.stream.end(this.watchId, new RequestError(code, message, at));
  }
}

function stalledFor(ms: number): RequestError {
  const limit = `${bounds.streamUnsentBytesMax} bytes wait for this client`;
  return new RequestError("CANCELLED", `${limit}, of which it took nothing for ${ms} ms: watch again`);
}

function toSpec(request: WatchCreate): PathWatchSpec {
  return {
    kind: "path",
    key: request.recursive ? directoryKeyOf(request.path) : keyOf(request.path),
    recursive: request.recursive,
    previous: request.previous,
    puts: !request.exclude.includes(EventKind.PUT),
    deletes: !request.exclude.includes(EventKind.DELETE),
    progress: request.progress,
  };
}

function problemOfStart(start: number, current: number, compacted: number): RequestError | undefined {
  if (start > current + 1) {
    return new RequestError(
      "FUTURE_REVISION",
      `revision ${start} has not happened yet; the current one is ${current}`,
      current,
    );
  }
  if (start !== 0 && start < compacted) {
    return new RequestError(
      "COMPACTED",
      `revision ${start} was compacted; the oldest that can be watched is ${compacted}`,
      compacted,
    );
  }
  return undefined;
}

const nothing = { kind: "range", entries: [], more: false } as const;

function pageOf(spec: PathWatchSpec, at: number, from: Key): Range {
  return {
    kind: "range",
    key: from,
    end: spec.recursive ? `${spec.key}0` : undefined,
    limit: bounds.watchInitialPageEntriesMax,
    revision: at,
    keysOnly: false,
    countOnly: false,
    childrenOf: undefined,
  };
}

/** About how many bytes a reply has. */
function replyBytes(reply: WatchReply["reply"]): number {
  switch (reply.case) {
    case "initial":
      return reply.value.entries.reduce((sum, entry) => sum + entryBytes(entry), REPLY_OVERHEAD_BYTES);
    case "events":
      return reply.value.events.reduce(
        (sum, { entry, previous }) => sum + entryBytes(entry) + entryBytes(previous),
        REPLY_OVERHEAD_BYTES,
      );
    default:
      return REPLY_OVERHEAD_BYTES;
  }
}

/** Between a key and its subtree other keys may sort, "/a-b" between "/a" and "/a/b". */
function inSubtree(spec: PathWatchSpec, key: Key): boolean {
  return key === spec.key || key.startsWith(`${spec.key}/`);
}

function toEvent(change: Change, previous: boolean): Event {
  const { entry } = change;
  const event: Event =
    entry === undefined
      ? {
          $typeName: "quorate.v1.Event",
          kind: EventKind.DELETE,
          entry: {
            $typeName: "quorate.v1.Entry",
            path: pathOf(change.key),
            value: new Uint8Array(0),
            createRevision: 0n,
            modRevision: BigInt(change.revision),
            version: 0n,
            leaseId: 0n,
            valueOmitted: false,
          },
        }
      : { $typeName: "quorate.v1.Event", kind: EventKind.PUT, entry: toEntry(entry) };
  if (previous && change.previous !== undefined) event.previous = toEntry(change.previous);
  return event;
}
