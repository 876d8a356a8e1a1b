import { explain } from "../checkers/explanation.js";
import { type CheckOptions, checkLinearizability } from "../checkers/linearizability.js";
import { decodeAppendCall } from "../history/append-history.js";
import type { Invocation } from "../history/invocation.js";
import { type DecodeCall, readHistory } from "../history/operations.js";
import { decodeRegisterCall } from "../history/register-history.js";
import { appendModel } from "../models/append.js";
import type { Model } from "../models/model.js";
import { registerModel } from "../models/register.js";

/** The names of the models that a history can be checked against. */
export const MODEL_NAMES = ["register", "append"] as const;

/** One of {@link MODEL_NAMES}. */
export type ModelName = (typeof MODEL_NAMES)[number];

/** A verdict as the commands report it. */
export interface CheckReport {
  /** The verdict. */
  readonly verdict: "ok" | "illegal" | "unknown";
  /** The verdict for people; more than one line when illegal. */
  readonly explanation: string;
  /** The model. */
  readonly model: ModelName;
  /** Operations that happened or may have. */
  readonly operations: number;
  /** How many of them have an unknown outcome. */
  readonly indeterminate: number;
  /** How long the check took. */
  readonly durationMs: number;
  /** For an illegal history: the partition, and the lines of an operation that has no place after the longest order. */
  readonly illegal?: {
    readonly partition: string;
    readonly longestPrefix: number;
    readonly completedOperations: number;
    readonly blocked?: {
      readonly call: string;
      readonly invokeLine: number;
      readonly completionLine?: number;
    };
  };
  /** For an unknown verdict: the undecided partitions. */
  readonly undecided?: readonly string[];
}

/** Checks the text of a history file. Throws a HistoryError when it cannot be read. */
export function checkHistory(name: ModelName, text: string, options: CheckOptions = {}): CheckReport {
  switch (name) {
    case "register":
      return check(name, registerModel, decodeRegisterCall, text, options);
    case "append":
      return check(name, appendModel, decodeAppendCall, text, options);
  }
}

function check<Call>(
  name: ModelName,
  model: Model<Call>,
  decode: DecodeCall<Call>,
  text: string,
  options: CheckOptions,
): CheckReport {
  const { operations, invocations } = readHistory(text, decode);
  const startedAt = performance.now();
  const verdict = checkLinearizability(model, operations, options);
  const durationMs = performance.now() - startedAt;
  const report = {
    verdict: verdict.kind,
    explanation: explain(model, verdict, operations.length, ({ id }) => locate(invocations[id])),
    model: name,
    operations: operations.length,
    indeterminate: operations.filter(({ completedAt }) => completedAt === undefined).length,
    durationMs: Math.round(durationMs * 100) / 100,
  };
  switch (verdict.kind) {
    case "ok":
      return report;
    case "unknown":
      return { ...report, undecided: verdict.undecided };
    case "illegal": {
      const { partition, definitePrefix, definiteOperations, blocked } = verdict.refutation;
      const illegal = {
        partition,
        longestPrefix: definitePrefix,
        completedOperations: definiteOperations,
        ...(blocked === undefined
          ? {}
          : {
              blocked: {
                call: model.describe(blocked.call),
                invokeLine: blocked.invokedAt,
                ...(blocked.completedAt === undefined ? {} : { completionLine: blocked.completedAt }),
              },
            }),
      };
      return { ...report, illegal };
    }
  }
}

function locate(invocation: Invocation | undefined): string {
  if (invocation === undefined) return "?";
  const { invoke, line, completion } = invocation;
  const known = completion !== undefined && completion.event.type !== "info";
  return `process ${invoke.process}, ${known ? `lines ${line}-${completion.line}` : `line ${line}, outcome unknown`}`;
}
