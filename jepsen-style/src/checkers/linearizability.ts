import type { Model, Operation } from "../models/model.js";
import { Search } from "./search.js";

/** Candidates a partition may look at in the first round. Small: an easily refuted partition is refuted by then. */
export const ROUND_STEPS_MIN = 1_024;

/** Candidates per round at most, so that a time limit is noticed within milliseconds. */
export const ROUND_STEPS_MAX = 65_536;

/** Memory for all caches together, in 32-bit words (512 MiB): beyond it a history counts as too hard. */
export const CACHE_WORDS_MAX = 2 ** 27;

/** Bounds of a check. */
export interface CheckOptions {
  /** Candidates one partition may look at altogether; without it, any number. */
  readonly partitionStepsMax?: number;
  /** Asked between rounds; once it says true the check ends with what it knows. Without it, never. */
  readonly shouldStop?: () => boolean;
  /** Memory for all caches together, in 32-bit words; default {@link CACHE_WORDS_MAX}. */
  readonly cacheWordsMax?: number;
}

/** Why a partition is not linearizable. */
export interface Refutation<Call> {
  /** The partition: the key. */
  readonly partition: string;
  /** How many operations with a known outcome it has. */
  readonly definiteOperations: number;
  /** The longest order the search found, in order of effect, indeterminate operations among them. */
  readonly longestPrefix: readonly Operation<Call>[];
  /** How many operations of the longest order have a known outcome. */
  readonly definitePrefix: number;
  /** The state after the longest order, for people. */
  readonly state: string;
  /** An operation with a known outcome that has no place after them. */
  readonly blocked: Operation<Call> | undefined;
}

/** What a check found. */
export type Verdict<Call> =
  | { readonly kind: "ok"; readonly partitions: number }
  | { readonly kind: "illegal"; readonly refutation: Refutation<Call> }
  | { readonly kind: "unknown"; readonly reason: string; readonly undecided: readonly string[] };

interface PartitionSearch<Call> {
  readonly partition: string;
  readonly operations: readonly Operation<Call>[];
  readonly search: Search;
  stepsLeft: number;
}

/**
 * Decides whether a history is linearizable: whether its operations, each taking effect at one moment between its
 * invocation and its completion, behave as the model says. Operations that did not happen must not be in the list.
 *
 * Partitions are searched in turns with growing budgets, so a hard one cannot hide an easily refuted one.
 */
export function checkLinearizability<Call>(
  model: Model<Call>,
  operations: readonly Operation<Call>[],
  options: CheckOptions = {},
): Verdict<Call> {
  const stepsMax = options.partitionStepsMax ?? Number.POSITIVE_INFINITY;
  const cacheWordsMax = options.cacheWordsMax ?? CACHE_WORDS_MAX;
  const parts = partition(model, operations);
  // One that may take no step at all is given up in the first round, not left out: it is undecided, not ok.
  let open = parts
    .map((part) => prepare(model, part, stepsMax))
    .filter(({ search }) => search.status === "open");
  let cacheWords = open.reduce((words, { search }) => words + search.cacheWords, 0);
  const gaveUp: PartitionSearch<Call>[] = [];

  for (let budget = ROUND_STEPS_MIN; open.length > 0; budget = Math.min(budget * 2, ROUND_STEPS_MAX)) {
    const stillOpen: PartitionSearch<Call>[] = [];
    for (const part of open) {
      if (options.shouldStop?.() === true) {
        return unknown("the time limit was reached", [...gaveUp, ...open.filter(isUndecided)]);
      }
      const steps = Math.min(budget, part.stepsLeft);
      part.stepsLeft -= steps;
      cacheWords -= part.search.cacheWords;
      switch (part.search.advance(steps)) {
        case "linearizable":
          break;
        case "illegal":
          return { kind: "illegal", refutation: refutation(model, part) };
        case "open":
          cacheWords += part.search.cacheWords;
          (part.stepsLeft > 0 ? stillOpen : gaveUp).push(part);
          break;
      }
      if (cacheWords > cacheWordsMax) {
        return unknown("the memory limit was reached", [...gaveUp, ...open.filter(isUndecided)]);
      }
    }
    open = stillOpen;
  }
  if (gaveUp.length > 0) return unknown("the step limit was reached", gaveUp);
  return { kind: "ok", partitions: parts.length };
}

function partition<Call>(
  model: Model<Call>,
  operations: readonly Operation<Call>[],
): [string, Operation<Call>[]][] {
  const parts = new Map<string, Operation<Call>[]>();
  for (const operation of operations) {
    const name = model.partition(operation.call);
    const part = parts.get(name);
    if (part === undefined) parts.set(name, [operation]);
    else part.push(operation);
  }
  return [...parts];
}

function prepare<Call>(
  model: Model<Call>,
  [name, all]: [string, Operation<Call>[]],
  stepsLeft: number,
): PartitionSearch<Call> {
  const operations = model.prune(all);
  return {
    partition: name,
    operations,
    search: new Search(model.compile(operations), operations),
    stepsLeft,
  };
}

/** Whether it was neither decided nor given up for its own limit of steps. */
function isUndecided<Call>({ search, stepsLeft }: PartitionSearch<Call>): boolean {
  return search.status === "open" && stepsLeft > 0;
}

function unknown<Call>(reason: string, undecided: readonly PartitionSearch<Call>[]): Verdict<Call> {
  return { kind: "unknown", reason, undecided: undecided.map((part) => part.partition) };
}

function refutation<Call>(
  model: Model<Call>,
  { partition, operations, search }: PartitionSearch<Call>,
): Refutation<Call> {
  const { longest } = search;
  const longestPrefix = (longest?.order ?? []).flatMap((op) => operations[op] ?? []);
  return {
    partition,
    definiteOperations: operations.filter(({ completedAt }) => completedAt !== undefined).length,
    longestPrefix,
    definitePrefix: longest?.definite ?? 0,
    state: model.describeStateAfter(longestPrefix.map(({ call }) => call)),
    blocked: longest === undefined ? undefined : operations[longest.blocked],
  };
}
