import type { Model, Operation } from "../models/model.js";
import type { Refutation, Verdict } from "./linearizability.js";

/** How many operations of the longest order an explanation shows: the end is what matters. */
const SHOWN_OPERATIONS_MAX = 6;

/** Names an operation for people, for example by process and lines. */
export type Locate<Call> = (operation: Operation<Call>) => string;

/** The verdict in a line or a short paragraph. */
export function explain<Call>(
  model: Model<Call>,
  verdict: Verdict<Call>,
  operationCount: number,
  locate: Locate<Call>,
): string {
  switch (verdict.kind) {
    case "ok":
      return `ok: linearizable (${operationCount} operations, ${verdict.partitions} partitions)`;
    case "unknown":
      return `unknown: ${verdict.reason}, undecided: ${verdict.undecided.join(", ")}`;
    case "illegal":
      return explainRefutation(model, verdict.refutation, locate);
  }
}

function explainRefutation<Call>(
  model: Model<Call>,
  refutation: Refutation<Call>,
  locate: Locate<Call>,
): string {
  const { partition, definitePrefix, definiteOperations, longestPrefix, state, blocked } = refutation;
  const show = (operation: Operation<Call>): string =>
    `${model.describe(operation.call)} (${locate(operation)})`;
  const tail = longestPrefix.slice(-SHOWN_OPERATIONS_MAX);
  const omitted = longestPrefix.length - tail.length;
  return [
    `illegal: ${partition} is not linearizable`,
    `  longest order found: ${definitePrefix} of ${definiteOperations} completed operations, then the state is ${state}`,
    ...(omitted > 0 ? [`    ... ${omitted} before these`] : []),
    ...tail.map((operation) => `    ${show(operation)}`),
    ...(blocked === undefined ? [] : [`  could not be placed next: ${show(blocked)}`]),
  ].join("\n");
}
