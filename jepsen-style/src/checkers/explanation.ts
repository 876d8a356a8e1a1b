import type { Model, Operation } from "../models/model.js";
import type { Refutation, Verdict } from "./linearizability.js";

/** How many operations of the longest order an explanation shows: the end is what matters. */
const SHOWN_OPERATIONS_MAX = 6;

/** How many undecided partitions an explanation names: a report as JSON has them all. */
const SHOWN_PARTITIONS_MAX = 20;

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
      return `ok: linearizable (${count(operationCount, "operation")}, ${count(verdict.partitions, "partition")})`;
    case "unknown":
      return `unknown: ${verdict.reason}, undecided: ${some(verdict.undecided)}`;
    case "illegal":
      return explainRefutation(model, verdict.refutation, locate);
  }
}

function count(number: number, noun: string): string {
  return `${number} ${noun}${number === 1 ? "" : "s"}`;
}

function some(partitions: readonly string[]): string {
  const shown = partitions.slice(0, SHOWN_PARTITIONS_MAX).join(", ");
  const others = partitions.length - SHOWN_PARTITIONS_MAX;
  return others > 0 ? `${shown} and ${count(others, "other")}` : shown;
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
  // In the order, the search took them to have happened.
  const indeterminate = longestPrefix.length - definitePrefix;
  const others = indeterminate === 0 ? "" : ` and ${indeterminate} with an unknown outcome`;
  const of = `${definitePrefix} of ${count(definiteOperations, "completed operation")}${others}`;
  return [
    `illegal: ${partition} is not linearizable`,
    `  longest order found: ${of}`,
    ...(omitted > 0 ? [`    ... ${omitted} before these`] : []),
    ...tail.map((operation) => `    ${show(operation)}`),
    `  the state is then ${state}`,
    ...(blocked === undefined ? [] : [`  no place after that for: ${show(blocked)}`]),
  ].join("\n");
}
