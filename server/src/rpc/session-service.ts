import type { handleBidiStreamingCall, Server, ServerDuplexStream } from "@grpc/grpc-js";
import {
  grpcServiceDefinition,
  type OperationResult,
  type SessionHello,
  type SessionReply,
  type SessionRequest,
  SessionService,
  type SessionWelcome,
} from "@quorate/proto";
import { bounds } from "../config.js";
import { stopping } from "../node/failure.js";
import type { Node } from "../node/node.js";
import { answerBytes } from "./answer-bytes.js";
import { type Problem, problemOf, RequestError, toGrpcError } from "./errors.js";
import { type Executor, failed, type ReadGate } from "./executor.js";
import { boundToHistory, problemOfHistory } from "./history-binding.js";
import { outcomeCall } from "./outcome-call.js";
import { Outflow } from "./outflow.js";
import { leaseId, toGrant } from "./requests.js";
import type { Answer } from "./responses.js";

type Call = ServerDuplexStream<SessionRequest, SessionReply>;

/** What a session stream takes of a node. */
type SessionNode = Pick<
  Node,
  | "name"
  | "leaderEndpoint"
  | "memberEndpoints"
  | "machine"
  | "read"
  | "renewLeases"
  | "submit"
  | "submitBody"
  | "onLeadershipChange"
  | "onStop"
>;

/** Adds the session streams, and the call that tells what became of a mutation, to a gRPC server. */
export function addSessionService(server: Server, node: SessionNode, executor: Executor): void {
  const connect: handleBidiStreamingCall<SessionRequest, SessionReply> = (call) => {
    new SessionStream(call, node, executor);
  };
  const { connect: stream, outcome } = grpcServiceDefinition(SessionService);
  server.addService(
    { connect: { ...stream }, outcome: { ...outcome } },
    { connect, outcome: boundToHistory(node, outcomeCall(node)) },
  );
}

/**
 * One session stream. Answers that become ready in one turn of the event loop leave as one message. The stream may
 * end at any time: the session, and what was asked on it, live on.
 */
class SessionStream {
  private readonly call: Call;
  private readonly node: SessionNode;
  private readonly executor: Executor;
  private readonly unsubscribe: () => void;
  private sessionId = 0;
  /** `draining`: the client sends no more, and waits for what it is owed. */
  private state: "new" | "opening" | "open" | "draining" | "closed" = "new";
  private inFlight = 0;
  private results: OperationResult[] = [];
  /** Bytes of each of `results`. */
  private resultBytes: number[] = [];
  private readonly outflow: Outflow<SessionReply>;
  /** Reads that are made once the client has taken more of its answers. */
  private waitingReads: (() => void)[] = [];
  private readonly gate: ReadGate;
  private flushScheduled = false;
  private leaderEndpoint = "";
  private memberEndpoints: readonly string[] = [];
  /** The history that the client was told. */
  private historyId = "";

  constructor(call: Call, node: SessionNode, executor: Executor) {
    this.call = call;
    this.node = node;
    this.executor = executor;
    this.outflow = new Outflow(call, () => this.readOn());
    this.gate = (read) => {
      if (this.outflow.blocked) this.waitingReads.push(read);
      else read();
    };
    const forgetLeadership = node.onLeadershipChange(() => this.tellEndpoints());
    const forgetStop = node.onStop(() => this.fail(stopping));
    this.unsubscribe = () => {
      forgetLeadership();
      forgetStop();
    };
    call.on("data", (request: SessionRequest) => this.receive(request));
    call.on("end", () => this.drain());
    call.on("close", () => this.ended());
    call.on("cancelled", () => this.ended());
    call.on("error", () => this.ended());
  }

  private receive(request: SessionRequest): void {
    if (this.state === "closed" || this.state === "draining") return;
    if (request.hello !== undefined) {
      if (request.operations.length > 0 || request.close) this.fail(tooEarly);
      else this.greet(request.hello);
      return;
    }
    if (this.state !== "open") {
      this.fail(tooEarly);
      return;
    }
    if (request.operations.length > bounds.sessionBatchOperationsMax) {
      this.fail(
        new RequestError("TOO_LARGE", `one message may carry ${bounds.sessionBatchOperationsMax} operations`),
      );
      return;
    }
    const lowestPending = Number(request.lowestPending);
    if (!Number.isSafeInteger(lowestPending)) {
      this.fail(badLowestPending);
      return;
    }
    for (const { sequence, operation } of request.operations) {
      const number = Number(sequence);
      if (!(number >= 1 && Number.isSafeInteger(number))) {
        this.answer(sequence, failed(badSequence));
        continue;
      }
      // A keepalive needs no place: clients of older versions send theirs here.
      if (this.inFlight >= bounds.sessionInFlightMax && operation.case !== "keepAlive") {
        this.answer(
          sequence,
          failed(
            new RequestError(
              "OVERLOADED",
              `a stream may have ${bounds.sessionInFlightMax} operations in flight`,
            ),
          ),
        );
        continue;
      }
      this.inFlight++;
      this.executor.execute(
        operation,
        { sessionId: this.sessionId, sequence: number, lowestPending },
        (answer) => {
          this.inFlight--;
          this.answer(sequence, answer);
        },
        this.gate,
      );
    }
    if (request.close) this.close();
  }

  // ---- Opening and closing ----

  private greet(hello: SessionHello): void {
    if (this.state !== "new") {
      this.fail(new RequestError("INVALID_ARGUMENT", "hello comes once, in the first message of a stream"));
      return;
    }
    this.state = "opening";
    // Before the session is looked for: under its id another one may live here.
    const problem = problemOfHistory(this.node, hello.historyId);
    if (problem !== undefined) {
      this.fail(problem);
      return;
    }
    try {
      const resumed = leaseId(hello.sessionId);
      if (resumed === 0) this.openSession(hello.ttlMs);
      else this.resumeSession(resumed);
    } catch (thrown) {
      this.fail(problemOf(thrown));
    }
  }

  private openSession(ttlMs: bigint): void {
    const grant = toGrant(
      {
        $typeName: "quorate.v1.GrantRequest",
        ttlMs: ttlMs === 0n ? BigInt(bounds.sessionTtlDefaultMs) : ttlMs,
        leaseId: 0n,
      },
      true,
    );
    this.node.submitBody(grant, undefined, (outcome) => {
      if (outcome.kind === "grant") this.welcome(outcome.lease, outcome.ttlMs);
      else if (outcome.kind === "error" || outcome.kind === "failure") this.fail(outcome);
      else this.fail(new RequestError("INTERNAL", `opening a session returned ${outcome.kind}`));
    });
  }

  /** A lease of that id may exist and be no session: nothing of a session could be kept in it. */
  private resumeSession(id: number): void {
    this.node.read((failure) => {
      if (failure !== undefined) this.fail(failure);
      else if (this.node.machine.leaseInfo(id)?.isSession) this.renewSession(id);
      else this.fail(expired(id));
    }, true);
  }

  /** The keepalive goes through the leader: it confirms that the session exists, and gives it its full time. */
  private renewSession(id: number): void {
    this.node.renewLeases([id], false, (outcome) => {
      if ("kind" in outcome) this.fail(outcome);
      else if (outcome[0] === 0 || outcome[0] === undefined) {
        this.fail(expired(id));
      } else this.welcome(id, outcome[0]);
    });
  }

  private welcome(sessionId: number, ttlMs: number): void {
    if (this.state !== "opening") return;
    this.state = "open";
    this.sessionId = sessionId;
    this.leaderEndpoint = this.node.leaderEndpoint;
    this.memberEndpoints = this.node.memberEndpoints;
    const welcome: SessionWelcome = {
      $typeName: "quorate.v1.SessionWelcome",
      sessionId: BigInt(sessionId),
      ttlMs: BigInt(ttlMs),
      node: this.node.name,
      leaderEndpoint: this.leaderEndpoint,
    };
    this.outflow.write({ ...this.replyOf([]), welcome, endpoints: [...this.memberEndpoints] }, 0);
  }

  /** Another leader, or other members: the client does well to know. */
  private tellEndpoints(): void {
    if (this.state !== "open") return;
    const { leaderEndpoint, memberEndpoints } = this.node;
    const leader = leaderEndpoint === this.leaderEndpoint ? "" : leaderEndpoint;
    const members = memberEndpoints === this.memberEndpoints ? [] : [...memberEndpoints];
    this.leaderEndpoint = leaderEndpoint;
    this.memberEndpoints = memberEndpoints;
    if (leader !== "" || members.length > 0) this.outflow.write(this.replyOf([], leader, members), 0);
  }

  private close(): void {
    this.node.submitBody({ kind: "revoke", lease: this.sessionId }, undefined, (outcome) => {
      if (outcome.kind === "failure") this.fail(outcome);
      else this.end();
    });
  }

  private drain(): void {
    if (this.state === "closed") return;
    this.state = "draining";
    if (this.inFlight === 0) this.end();
  }

  private end(): void {
    if (this.state === "closed") return;
    this.flush();
    this.ended();
    this.call.end();
  }

  private fail(problem: Problem): void {
    if (this.state === "closed") return;
    this.ended();
    this.call.emit("error", toGrpcError(problem));
  }

  private ended(): void {
    if (this.state === "closed") return;
    this.state = "closed";
    this.unsubscribe();
    this.results = [];
    this.resultBytes = [];
    this.waitingReads = [];
  }

  // ---- Answering ----

  private answer(sequence: bigint, result: Answer): void {
    if (this.state === "closed") return;
    const bytes = answerBytes(result);
    this.results.push({ $typeName: "quorate.v1.OperationResult", sequence, result });
    this.resultBytes.push(bytes);
    this.outflow.reserve(bytes);
    if (this.flushScheduled) return;
    this.flushScheduled = true;
    process.nextTick(() => this.flush());
  }

  private flush(): void {
    this.flushScheduled = false;
    if (this.state === "closed" || this.results.length === 0) return;
    const { results, resultBytes } = this;
    this.results = [];
    this.resultBytes = [];
    let start = 0;
    for (let end = 0, bytes = 0; end < results.length; end++) {
      bytes += resultBytes[end] ?? 0;
      if (bytes < bounds.sessionReplyBytesMax && end < results.length - 1) continue;
      this.outflow.write(this.replyOf(results.slice(start, end + 1)), bytes);
      start = end + 1;
      bytes = 0;
    }
    if (this.state === "draining" && this.inFlight === 0) this.end();
  }

  /** A reply, with the history's id once it is known: a cluster that begins may have had none at the welcome. */
  private replyOf(results: OperationResult[], leaderEndpoint = "", endpoints: string[] = []): SessionReply {
    const current = this.node.machine.historyId;
    const historyId = current === this.historyId ? "" : current;
    this.historyId = current;
    return { $typeName: "quorate.v1.SessionReply", results, leaderEndpoint, endpoints, historyId };
  }

  /** The client has taken answers: the reads that waited for it are made, until there is enough to take again. */
  private readOn(): void {
    const waiting = this.waitingReads;
    let made = 0;
    while (made < waiting.length && !this.outflow.blocked) waiting[made++]?.();
    waiting.splice(0, made);
  }
}

function expired(id: number): RequestError {
  return new RequestError("SESSION_EXPIRED", `session ${id} has ended; open a new one`);
}

const badLowestPending = new RequestError("INVALID_ARGUMENT", "lowest_pending must be below 2^53");
const badSequence = new RequestError("INVALID_ARGUMENT", "a sequence is a whole number from 1, below 2^53");

const tooEarly = new RequestError(
  "INVALID_ARGUMENT",
  "operations came before the welcome: send hello and wait for it",
);
