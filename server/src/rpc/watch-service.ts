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
import type { Watch, WatchEndCode, WatchSink, WatchSpec } from "../node/watch.js";
import type { Change, Key, Range } from "../state-machine/index.js";
import { type Problem, problemOf, RequestError, toGrpcError, toWireError } from "./errors.js";
import { directoryKeyOf, keyOf, pathOf } from "./path.js";
import { revision } from "./requests.js";
import { countWithin, toEntry } from "./responses.js";

type Call = ServerDuplexStream<WatchRequest, WatchReply>;

/** Adds the watch streams to a gRPC server. */
export function addWatchService(server: Server, node: Node): void {
  const watch: handleBidiStreamingCall<WatchRequest, WatchReply> = (call) => {
    new WatchStream(call, node);
  };
  const { watch: method } = grpcServiceDefinition(WatchService);
  server.addService({ watch: { ...method } }, { watch });
}

/** One stream with many watches. */
class WatchStream {
  private readonly call: Call;
  private readonly node: Node;
  /** By the client's id; undefined while a watch is being created. */
  private readonly watches = new Map<bigint, Watch | undefined>();
  private readonly unsubscribe: () => void;
  private closed = false;
  blocked = false;

  constructor(call: Call, node: Node) {
    this.call = call;
    this.node = node;
    this.unsubscribe = node.onStop(() => {
      this.close();
      call.emit("error", toGrpcError(stopping));
    });
    call.on("data", (request: WatchRequest) => this.receive(request));
    call.on("drain", () => {
      this.blocked = false;
      node.watches.drained();
    });
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
        this.closed = true;
        this.call.emit(
          "error",
          toGrpcError(new RequestError("INVALID_ARGUMENT", "the watch request is empty")),
        );
    }
  }

  private create(request: WatchCreate): void {
    const { watchId } = request;
    try {
      this.check(request);
      const spec = toSpec(request);
      const startRevision = revision(request.startRevision);
      this.watches.set(watchId, undefined);
      // Fresh first: a node that is cut off must say so rather than be silent, and only then is it known whether the
      // start lies in the future.
      this.node.read((failure) => {
        if (!this.watches.has(watchId)) return;
        if (failure !== undefined) this.end(watchId, failure);
        else this.begin(watchId, spec, startRevision, request.initial);
      });
    } catch (thrown) {
      this.end(watchId, problemOf(thrown));
    }
  }

  private check(request: WatchCreate): void {
    if (this.watches.has(request.watchId)) {
      throw new RequestError("INVALID_ARGUMENT", `watch ${request.watchId} exists already on this stream`);
    }
    if (this.watches.size >= bounds.watchesPerStreamMax) {
      throw new RequestError("OVERLOADED", `a stream may have ${bounds.watchesPerStreamMax} watches`);
    }
    if (request.initial && request.startRevision !== 0n) {
      throw new RequestError("INVALID_ARGUMENT", "initial and start_revision exclude each other");
    }
  }

  private begin(watchId: bigint, spec: WatchSpec, startRevision: number, initial: boolean): void {
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
    if (initial) this.sendInitial(watchId, spec, current, spec.key);
    else this.attach(watchId, spec, startRevision === 0 ? current + 1 : startRevision);
  }

  private attach(watchId: bigint, spec: WatchSpec, nextRevision: number): void {
    this.watches.set(watchId, this.node.watches.add(spec, nextRevision, new StreamSink(this, watchId, spec)));
  }

  /** One page of the entries as of `at`; the next one follows once the client has taken it. */
  private sendInitial(watchId: bigint, spec: WatchSpec, at: number, from: Key): void {
    if (this.closed || !this.watches.has(watchId)) return;
    const page = this.node.machine.read(pageOf(spec, at, from));
    if (page.kind === "error") {
      this.end(watchId, page);
      return;
    }
    const fitting = page.entries.slice(0, countWithin(page.entries, bounds.watchReplyBytesMax));
    const entries = fitting.flatMap(({ key, entry }) =>
      entry !== undefined && inSubtree(spec, key) ? [toEntry(entry)] : [],
    );
    const last = fitting.at(-1);
    const more = last !== undefined && (page.more || fitting.length < page.entries.length);
    this.write(watchId, {
      case: "initial",
      value: { $typeName: "quorate.v1.WatchInitial", entries, revision: BigInt(at), more },
    });
    if (!more) {
      this.attach(watchId, spec, at + 1);
      return;
    }
    const next = (): void => {
      // Another watch's page may have gone out first.
      if (this.blocked) this.call.once("drain", next);
      else this.sendInitial(watchId, spec, at, `${last.key}\0`);
    };
    if (this.blocked) next();
    else setImmediate(next);
  }

  private cancel(watchId: bigint): void {
    if (!this.watches.has(watchId)) return;
    this.end(watchId, new RequestError("CANCELLED", "cancelled by the client"));
  }

  end(watchId: bigint, problem: Problem): void {
    const watch = this.watches.get(watchId);
    this.watches.delete(watchId);
    if (watch !== undefined) this.node.watches.remove(watch);
    this.write(watchId, {
      case: "ended",
      value: { $typeName: "quorate.v1.WatchEnded", error: toWireError(problem) },
    });
  }

  write(watchId: bigint, reply: WatchReply["reply"]): void {
    if (this.closed) return;
    if (!this.call.write({ $typeName: "quorate.v1.WatchReply", watchId, reply })) this.blocked = true;
  }

  private close(): void {
    this.closed = true;
    this.unsubscribe();
    for (const watch of this.watches.values()) if (watch !== undefined) this.node.watches.remove(watch);
    this.watches.clear();
  }
}

/** Carries one watch's deliveries to its stream. */
class StreamSink implements WatchSink {
  private readonly stream: WatchStream;
  private readonly watchId: bigint;
  private readonly spec: WatchSpec;

  constructor(stream: WatchStream, watchId: bigint, spec: WatchSpec) {
    this.stream = stream;
    this.watchId = watchId;
    this.spec = spec;
  }

  get blocked(): boolean {
    return this.stream.blocked;
  }

  /** In several replies when they are many; a revision is never divided between two. */
  events(changes: readonly Change[], upTo: number): void {
    let start = 0;
    let bytes = 0;
    for (const [end, change] of changes.entries()) {
      const previous = changes[end - 1];
      if (
        bytes > bounds.watchReplyBytesMax &&
        previous !== undefined &&
        previous.revision !== change.revision
      ) {
        this.send(changes.slice(start, end), previous.revision);
        start = end;
        bytes = 0;
      }
      bytes += weight(change, this.spec.previous);
    }
    this.send(start === 0 ? changes : changes.slice(start), upTo);
  }

  private send(changes: readonly Change[], upTo: number): void {
    this.stream.write(this.watchId, {
      case: "events",
      value: {
        $typeName: "quorate.v1.WatchEvents",
        events: changes.map((change) => toEvent(change, this.spec.previous)),
        revision: BigInt(upTo),
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

function toSpec(request: WatchCreate): WatchSpec {
  return {
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
  if (start !== 0 && start <= compacted) {
    return new RequestError(
      "COMPACTED",
      `revision ${start} was compacted; the oldest that can be watched is ${compacted + 1}`,
      compacted + 1,
    );
  }
  return undefined;
}

function pageOf(spec: WatchSpec, at: number, from: Key): Range {
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

/** About how many bytes an event has. */
function weight({ key, entry, previous }: Change, withPrevious: boolean): number {
  return (
    2 * key.length + 64 + (entry?.value.length ?? 0) + (withPrevious ? (previous?.value.length ?? 0) : 0)
  );
}

/** Between a key and its subtree other keys may sort, "/a-b" between "/a" and "/a/b". */
function inSubtree(spec: WatchSpec, key: Key): boolean {
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
          },
        }
      : { $typeName: "quorate.v1.Event", kind: EventKind.PUT, entry: toEntry(entry) };
  if (previous && change.previous !== undefined) event.previous = toEntry(change.previous);
  return event;
}
