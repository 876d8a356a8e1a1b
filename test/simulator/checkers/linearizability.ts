import {
  type AppendCall,
  appendModel,
  checkLinearizability as check,
  explain,
  type Model,
  type Operation,
  REGISTER_INITIAL,
  type RegisterCall,
  registerModel,
} from "@quorate/jepsen-style";
import { violated } from "../invariants/violation.js";
import type { Answer, Call, EntrySeen } from "../observation.js";
import type { OperationRecord } from "./operation-book.js";
import { textOf } from "./revision-order.js";

/** What a check for linearizability came to, when it found nothing wrong. */
export interface LinearizabilitySummary {
  /** Operations that took part. */
  readonly operations: number;
  /** Paths that they were on. */
  readonly paths: number;
  /** Paths on which the search was given up. */
  readonly undecided: readonly string[];
}

/**
 * LIN by search: whether the operations on each path, from what clients called and were told alone, can be put into an
 * order. It trusts no revision and no reference history, and so holds those to account as well.
 */
export function checkLinearizability(
  records: Iterable<OperationRecord>,
  partitionStepsMax: number,
): LinearizabilitySummary {
  const all = [...records].filter(({ ending }) => ending.kind !== "failed");
  const strings = new Set(all.flatMap(({ call }) => (call.f === "append" ? [call.path] : [])));
  const appends = all.flatMap((record) => operationsOf(record, appendCalls(record, strings)));
  const registers = all.flatMap((record) => operationsOf(record, registerCalls(record, strings)));
  const undecided = [
    ...decide(appendModel, appends, partitionStepsMax),
    ...decide(registerModel, registers, partitionStepsMax),
  ];
  const operations = [...appends, ...registers];
  const paths = new Set(operations.map(({ call }) => call.key)).size;
  return { operations: operations.length, paths, undecided };
}

function decide<C>(
  model: Model<C>,
  operations: readonly Operation<C>[],
  partitionStepsMax: number,
): readonly string[] {
  const verdict = check(model, operations, { partitionStepsMax });
  switch (verdict.kind) {
    case "ok":
      return [];
    case "unknown":
      return verdict.undecided;
    case "illegal": {
      const { partition } = verdict.refutation;
      violated(
        "LIN",
        explain(model, verdict, operations.length, ({ id }) => `operation ${id}`),
        { partition },
      );
    }
  }
}

function operationsOf<C>(record: OperationRecord, calls: readonly C[]): Operation<C>[] {
  const { id, invokedAt, ending } = record;
  const completedAt = ending.kind === "ok" ? ending.at : undefined;
  return calls.map((call) => ({ id, call, invokedAt, completedAt }));
}

function answerOf({ ending }: OperationRecord): Answer | undefined {
  return ending.kind === "ok" ? ending.answer : undefined;
}

/** What a record does to strings: missing is empty. */
function appendCalls(record: OperationRecord, strings: ReadonlySet<string>): AppendCall[] {
  const { call } = record;
  if (call.f === "txn" || call.f === "cas") {
    const path = pathsOf(call).find((each) => strings.has(each));
    if (path !== undefined) throw new Error(`${path} is appended to, and used by a ${call.f}`);
    return [];
  }
  const { path: key } = call;
  if (!strings.has(key)) return [];
  switch (call.f) {
    case "get": {
      const answer = answerOf(record);
      if (!isCurrentRead(call) || answer?.f !== "get") return [];
      return [{ f: "get", key, value: textOf(answer.entry) ?? "" }];
    }
    case "list":
      return [];
    case "put":
      return [{ f: "put", key, value: call.value }];
    case "delete":
      return [{ f: "put", key, value: "" }];
    case "append":
      return [{ f: "append", key, value: call.tag }];
  }
}

/** What a record does to registers. A transaction counts for each of its paths on its own. */
function registerCalls(record: OperationRecord, strings: ReadonlySet<string>): RegisterCall[] {
  const { call } = record;
  if (call.f === "append" || pathsOf(call).some((path) => strings.has(path))) return [];
  const answer = answerOf(record);
  switch (call.f) {
    case "get":
      if (!isCurrentRead(call) || answer?.f !== "get") return [];
      return [read(call.path, answer.entry)];
    // It says nothing of the paths that it lacks; by its revision it is held to all of them.
    case "list":
      return [];
    case "put":
      return [{ f: "write", key: call.path, value: registerText(call.value) }];
    case "delete":
      return [{ f: "write", key: call.path, value: REGISTER_INITIAL }];
    case "cas": {
      const succeeded = answer?.f === "cas" ? answer.swapped : undefined;
      return [
        { f: "cas", key: call.path, from: registerText(call.from), to: registerText(call.to), succeeded },
      ];
    }
    case "txn": {
      const known = answer?.f === "txn" ? answer : undefined;
      const reads = known === undefined ? [] : call.reads.map((path, at) => read(path, known.reads[at]));
      if (known?.succeeded === false) return reads;
      return [
        ...reads,
        ...call.writes.map(
          ({ path, value }) => ({ f: "write", key: path, value: registerText(value) }) as const,
        ),
      ];
    }
  }
}

function read(key: string, entry: EntrySeen | undefined): RegisterCall {
  return { f: "read", key, value: registerText(textOf(entry)) };
}

function registerText(text: string | undefined): string {
  return text === undefined ? REGISTER_INITIAL : JSON.stringify(text);
}

function isCurrentRead({ serializable, revision }: Extract<Call, { f: "get" }>): boolean {
  return serializable === undefined && revision === 0;
}

function pathsOf(call: Call): readonly string[] {
  if (call.f !== "txn") return [call.path];
  return [...call.reads, ...call.writes.map(({ path }) => path)];
}
