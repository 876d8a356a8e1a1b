import { create, type MessageInitShape } from "@bufbuild/protobuf";
import {
  Client,
  type ClientDuplexStream,
  credentials,
  Server,
  ServerCredentials,
  type StatusObject,
  status,
} from "@grpc/grpc-js";
import {
  ErrorCode,
  grpcServiceDefinition,
  type SessionReply,
  type SessionRequest,
  SessionRequestSchema,
  SessionService,
  type WatchReply,
  type WatchRequest,
  WatchRequestSchema,
  WatchService,
} from "@quorate/proto";
import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { bounds } from "../config.js";
import type { Fresh } from "../node/reads.js";
import { WatchHub } from "../node/watch-hub.js";
import type { Range, Result } from "../state-machine/index.js";
import { put, TestMachine } from "../state-machine/machine.test-support.js";
import { Executor } from "./executor.js";
import { addSessionService } from "./session-service.js";
import { addWatchService } from "./watch-service.js";

const MIB = 1_048_576;
/** Values of 1 MiB on their way to a client that takes nothing: the server's bound, and what gRPC buffers at the client. */
const UNREAD_MAX = bounds.streamUnsentBytesMax / MIB + 20;

/** Milliseconds after which a watch stream is given up of which nothing is taken. */
const STALLED_MS = 1_000;

/** What the streams need of a node, over a state machine that is never written to by the way of a log. */
class StubNode {
  readonly state = new TestMachine();
  readonly watches: WatchHub;
  readonly name = "n1";
  readonly leaderEndpoint = "";
  readonly memberEndpoints: readonly string[] = [];
  /** Values read, in number. */
  valuesRead = 0;
  /** Reads that wait, while the node has no quorum; else they are fresh at once. */
  waiting: Fresh[] | undefined;
  readonly machine = this.state.machine;

  constructor() {
    const { machine } = this;
    this.watches = new WatchHub({
      get revision() {
        return machine.revision;
      },
      compactedRevision: 0,
      changesFrom: (revision, limit) => machine.changeLog.from(revision, limit),
      previousOf: () => undefined,
    });
    const read = machine.read.bind(machine);
    machine.read = (range: Range) => {
      const result = read(range);
      if (result.kind === "range") this.valuesRead += result.entries.length;
      return result;
    };
  }

  read(fresh: Fresh): void {
    if (this.waiting === undefined) fresh();
    else this.waiting.push(fresh);
  }

  readAt(_revision: number, _waitMs: number, fresh: Fresh): void {
    this.read(fresh);
  }

  submit(): void {
    throw new Error("nothing is written here");
  }

  submitBody(_body: unknown, _fence: unknown, done: (outcome: Result) => void): void {
    done({ kind: "grant", lease: 1, ttlMs: 10_000 });
  }

  renewLeases(): void {
    throw new Error("nothing is renewed here");
  }

  onStop(): () => void {
    return () => undefined;
  }

  onLeadershipChange(): () => void {
    return () => undefined;
  }

  /** Puts `count` keys of 1 MiB below "/d". */
  fill(count: number): void {
    for (let i = 0; i < count; i++) this.state.run({ ...put(`/d/${i}`), value: new Uint8Array(MIB) });
  }
}

let node: StubNode;
let server: Server;
let client: Client;

beforeEach(async () => {
  node = new StubNode();
  server = new Server();
  addWatchService(server, node, STALLED_MS);
  addSessionService(server, node, new Executor(node));
  const port = await new Promise<number>((resolve, reject) => {
    server.bindAsync("127.0.0.1:0", ServerCredentials.createInsecure(), (error, bound) => {
      if (error === null) resolve(bound);
      else reject(error);
    });
  });
  client = new Client(`127.0.0.1:${port}`, credentials.createInsecure(), {
    "grpc.max_receive_message_length": bounds.grpcMessageBytesMax,
  });
});

afterEach(() => {
  vi.restoreAllMocks();
  client.close();
  server.forceShutdown();
});

function openWatches(): ClientDuplexStream<WatchRequest, WatchReply> {
  const { path, requestSerialize, responseDeserialize } = grpcServiceDefinition(WatchService).watch;
  const call = client.makeBidiStreamRequest(path, requestSerialize, responseDeserialize);
  call.on("error", () => undefined);
  return call;
}

function request(init: NonNullable<MessageInitShape<typeof WatchRequestSchema>["request"]>): WatchRequest {
  return create(WatchRequestSchema, { request: init });
}

function creation(watchId: bigint, path: string, initial = false): WatchRequest {
  return request({ case: "create", value: { watchId, path, recursive: true, initial } });
}

async function until(condition: () => boolean): Promise<void> {
  while (!condition()) await pause(5);
}

function pause(ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, ms));
}

/** Waits until `measure` has stopped to rise. */
async function settled(measure: () => number): Promise<number> {
  for (let before = measure(), quiet = 0; ; ) {
    await pause(20);
    quiet = measure() === before ? quiet + 1 : 0;
    before = measure();
    if (quiet === 10) return before;
  }
}

describe("a watch stream", () => {
  it("takes a create, its cancel and another create under the same id for what they are", async () => {
    node.waiting = [];
    const replies: WatchReply[] = [];
    const call = openWatches();
    call.on("data", (reply: WatchReply) => replies.push(reply));
    call.write(creation(1n, "/first"));
    call.write(request({ case: "cancel", value: { watchId: 1n } }));
    call.write(creation(1n, "/second"));
    await until(() => node.waiting?.length === 2);
    for (const fresh of node.waiting) fresh();
    await until(() => replies.length === 2);
    expect(replies.map(({ reply }) => reply.case)).toEqual(["ended", "created"]);
    expect(node.watches.count).toBe(1);
    node.state.run(put("/first/a"));
    node.watches.applied(node.state.applied.changes);
    node.state.run(put("/second/a"));
    node.watches.applied(node.state.applied.changes);
    await until(() => replies.length === 3);
    expect(replies.at(-1)?.reply).toMatchObject({
      case: "events",
      value: { events: [{ entry: { path: "/second/a" } }] },
    });
    call.cancel();
  });

  it("reads no more initial entries than its client takes, and then all of them", async () => {
    node.fill(20);
    const entries = new Map<bigint, number>();
    const whole = new Set<bigint>();
    const call = openWatches();
    call.on("data", ({ watchId, reply }: WatchReply) => {
      if (reply.case !== "initial") return;
      entries.set(watchId, (entries.get(watchId) ?? 0) + reply.value.entries.length);
      if (!reply.value.more) whole.add(watchId);
    });
    call.pause();
    for (const watchId of [1n, 2n, 3n]) call.write(creation(watchId, "/d", true));
    await until(() => node.valuesRead > 0);
    // A page fetches 16 to use one.
    expect((await settled(() => node.valuesRead)) / 16).toBeLessThanOrEqual(UNREAD_MAX);
    call.resume();
    await until(() => whole.size === 3);
    expect([...entries.values()]).toEqual([20, 20, 20]);
    call.cancel();
  });

  it("serves no watch that goes on from another history, nor from any before it knows its own", async () => {
    node.state.run(put("/d/a"));
    const replies: WatchReply[] = [];
    const call = openWatches();
    call.on("data", (reply: WatchReply) => replies.push(reply));
    const from = (watchId: bigint, historyId: string): WatchRequest =>
      request({ case: "create", value: { watchId, path: "/d", recursive: true, historyId } });
    call.write(from(1n, "aa"));
    await until(() => replies.length === 1);
    node.state.run({ kind: "historyId", id: "aa" });
    call.write(from(2n, "bb"));
    call.write(from(3n, "aa"));
    await until(() => replies.length === 3);
    const codes = replies.map(({ reply }) =>
      reply.case === "ended" ? ErrorCode[reply.value.error?.code ?? 0] : reply.case,
    );
    expect(codes).toEqual(["UNAVAILABLE", "HISTORY_CHANGED", "created"]);
    expect(replies[2]?.historyId).toBe("aa");
    node.state.run(put("/d/b"));
    node.watches.applied(node.state.applied.changes);
    await until(() => replies.length === 4);
    expect(replies[3]).toMatchObject({ watchId: 3n, historyId: "aa" });
    call.cancel();
  });

  it("of an empty store begins with nothing, and has the first change once", async () => {
    node.waiting = [];
    const replies: WatchReply[] = [];
    const call = openWatches();
    call.on("data", (reply: WatchReply) => replies.push(reply));
    call.write(creation(1n, "/d", true));
    await until(() => node.waiting?.length === 1);
    // Between the answer that it was created and the first page: revision 0 must not be read as the current one.
    for (const fresh of node.waiting) fresh();
    node.state.run(put("/d/a"));
    node.watches.applied(node.state.applied.changes);
    await until(() => replies.length === 3);
    expect(replies.map(({ reply }) => [reply.case, reply.value])).toMatchObject([
      ["created", { revision: 0n }],
      ["initial", { entries: [], revision: 0n, more: false }],
      ["events", { events: [{ entry: { path: "/d/a" } }], revision: 1n }],
    ]);
    call.cancel();
  });

  it("delivers a revision that is larger than any message", async () => {
    const replies: WatchReply[] = [];
    const call = openWatches();
    call.on("data", (reply: WatchReply) => replies.push(reply));
    node.fill(20);
    call.write(
      request({ case: "create", value: { watchId: 1n, path: "/d", recursive: true, previous: true } }),
    );
    await until(() => replies.length === 1);
    node.state.run({ kind: "delete", key: "/d", end: undefined, subtree: true, returnPrevious: false });
    node.watches.applied(node.state.applied.changes);
    await until(() => {
      const last = replies.at(-1)?.reply;
      return last?.case === "events" && !last.value.more;
    });
    const events = replies.flatMap(({ reply }) => (reply.case === "events" ? reply.value.events : []));
    expect(events.map(({ previous }) => previous?.value.length)).toEqual(Array(20).fill(MIB));
    call.cancel();
  });
});

it("has a bounded number of watches on one stream, and room for another when one ends", async () => {
  vi.spyOn(bounds, "watchesPerStreamMax", "get").mockReturnValue(2);
  const replies: [bigint, string | undefined, (ErrorCode | undefined)?][] = [];
  const call = openWatches();
  call.on("data", ({ watchId, reply }: WatchReply) => {
    if (reply.case === "ended") replies.push([watchId, reply.case, reply.value.error?.code]);
    else replies.push([watchId, reply.case]);
  });
  for (const watchId of [1n, 2n, 3n]) call.write(creation(watchId, "/d"));
  await until(() => replies.length === 3);
  expect(replies[2]).toEqual([3n, "ended", ErrorCode.OVERLOADED]);
  call.write(request({ case: "cancel", value: { watchId: 1n } }));
  call.write(creation(3n, "/d"));
  await until(() => replies.length === 5);
  expect(replies.slice(3)).toEqual([
    [1n, "ended", ErrorCode.CANCELLED],
    [3n, "created"],
  ]);
  expect(node.watches.count).toBe(2);
  call.cancel();
});

describe("a watch stream whose client takes nothing", () => {
  it("is cancelled with a reason that its client finds when it reads again, and no other stream is hurt", async () => {
    node.fill(20);
    const stalled = openWatches();
    const ended = new Promise<StatusObject>((resolve) => stalled.on("status", resolve));
    stalled.on("data", () => undefined);
    stalled.pause();
    // One that is live, and those whose entries fill what there is for the client.
    stalled.write(creation(4n, "/e"));
    for (const watchId of [1n, 2n, 3n]) stalled.write(creation(watchId, "/d", true));
    await until(() => node.watches.count === 1);
    const other = openWatches();
    const replies: WatchReply[] = [];
    other.on("data", (reply: WatchReply) => replies.push(reply));
    other.write(creation(1n, "/e"));
    await until(() => replies.length === 1);
    expect(node.watches.count).toBe(2);
    await until(() => node.watches.count === 1);
    node.state.run(put("/e/a"));
    node.watches.applied(node.state.applied.changes);
    await until(() => replies.length === 2);
    stalled.resume();
    const { code, details, metadata } = await ended;
    expect([code, metadata.get("quorate-error")]).toEqual([status.CANCELLED, ["CANCELLED"]]);
    expect(details).toMatch(/took nothing for 1000 ms/);
    other.cancel();
  });
});

/** A session stream that is open. */
async function openSession(): Promise<ClientDuplexStream<SessionRequest, SessionReply>> {
  const { path, requestSerialize, responseDeserialize } = grpcServiceDefinition(SessionService).connect;
  const call: ClientDuplexStream<SessionRequest, SessionReply> = client.makeBidiStreamRequest(
    path,
    requestSerialize,
    responseDeserialize,
  );
  call.on("error", () => undefined);
  const welcome = new Promise((resolve) => call.once("data", resolve));
  call.write(create(SessionRequestSchema, { hello: {} }));
  await welcome;
  return call;
}

/** Gets under the sequences from `from` on. */
function gets(from: number, count: number): SessionRequest {
  return create(SessionRequestSchema, {
    operations: Array.from({ length: count }, (_, i) => ({
      sequence: BigInt(from + i),
      operation: { case: "get", value: { path: "/d/0" } } as const,
    })),
  });
}

describe("a session stream", () => {
  it("reads no more values than its client takes, and then all of them", async () => {
    node.fill(1);
    const answered = new Set<bigint>();
    const call = await openSession();
    call.on("data", ({ results }: SessionReply) => {
      for (const { sequence, result } of results) if (result.case === "get") answered.add(sequence);
    });
    call.pause();
    const COUNT = 100;
    // In one message and in others after it: the first by itself would ask for too much.
    call.write(gets(1, 50));
    for (let sequence = 51; sequence <= COUNT; sequence++) call.write(gets(sequence, 1));
    await until(() => node.valuesRead > 0);
    expect(await settled(() => node.valuesRead)).toBeLessThanOrEqual(UNREAD_MAX);
    call.resume();
    await until(() => answered.size === COUNT);
    call.cancel();
  });

  it("has a bounded number of operations in flight, and takes more when some are answered", async () => {
    vi.spyOn(bounds, "sessionInFlightMax", "get").mockReturnValue(2);
    node.fill(1);
    const call = await openSession();
    const answers: [bigint, string | undefined][] = [];
    call.on("data", ({ results }: SessionReply) => {
      for (const { sequence, result } of results) {
        answers.push([sequence, result.case === "error" ? ErrorCode[result.value.code] : result.case]);
      }
    });
    const waiting: Fresh[] = [];
    node.waiting = waiting;
    call.write(gets(1, 3));
    await until(() => answers.length === 1);
    expect(answers).toEqual([[3n, "OVERLOADED"]]);
    for (const fresh of waiting.splice(0)) fresh();
    await until(() => answers.length === 3);
    call.write(gets(4, 1));
    await until(() => waiting.length === 1);
    waiting[0]?.();
    await until(() => answers.length === 4);
    expect(answers.slice(1)).toEqual([
      [1n, "get"],
      [2n, "get"],
      [4n, "get"],
    ]);
    call.cancel();
  });

  it("tells its history as soon as the node knows it, once", async () => {
    node.fill(1);
    const call = await openSession();
    const told: string[] = [];
    call.on("data", ({ historyId }: SessionReply) => told.push(historyId));
    for (const sequence of [1, 2, 3]) {
      call.write(gets(sequence, 1));
      await until(() => told.length === sequence);
      if (sequence === 1) node.state.run({ kind: "historyId", id: "aa" });
    }
    expect(told).toEqual(["", "aa", ""]);
    call.cancel();
  });

  it("is refused to who goes on from another history, whatever session that names", async () => {
    node.state.run({ kind: "historyId", id: "aa" });
    const { path, requestSerialize, responseDeserialize } = grpcServiceDefinition(SessionService).connect;
    for (const sessionId of [0n, 1n]) {
      const call = client.makeBidiStreamRequest(path, requestSerialize, responseDeserialize);
      call.on("error", () => undefined);
      call.on("data", () => undefined);
      const ended = new Promise<StatusObject>((resolve) => call.on("status", resolve));
      call.write(create(SessionRequestSchema, { hello: { sessionId, historyId: "bb" } }));
      const { code, metadata } = await ended;
      expect([code, metadata.get("quorate-error")]).toEqual([
        status.FAILED_PRECONDITION,
        ["HISTORY_CHANGED"],
      ]);
    }
  });

  it("ends at a message of more operations than one may carry", async () => {
    vi.spyOn(bounds, "sessionBatchOperationsMax", "get").mockReturnValue(2);
    const call = await openSession();
    const ended = new Promise<StatusObject>((resolve) => call.on("status", resolve));
    call.on("data", () => undefined);
    call.write(gets(1, 3));
    expect((await ended).metadata.get("quorate-error")).toEqual(["TOO_LARGE"]);
    expect(node.valuesRead).toBe(0);
  });
});
