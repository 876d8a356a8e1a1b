import { InvalidArgument, QuorateError, TooLarge } from "../errors/quorate-error.js";
import { shown } from "./shown.js";

/** Characters of a place that a message shows: one inside nested transactions can be long. */
const placeUnitsMax = 120;

/**
 * What is wrong with an argument. It is thrown where the fault is found and told its place on the way out, so that
 * arguments without a fault cost no names.
 */
export class Refusal extends Error {
  override readonly name = "Refusal";
  /** Where inside the argument, for example `.then[0].value`. */
  readonly place: string;
  readonly problem: string;
  readonly tooLarge: boolean;

  constructor(problem: string, { place = "", tooLarge = false, cause }: RefusalOptions = {}) {
    super(problem, { cause });
    this.problem = problem;
    this.place = place;
    this.tooLarge = tooLarge;
  }

  /** The same, seen from outside: `place` comes before its own. */
  at(place: string): Refusal {
    const { problem, tooLarge, cause } = this;
    return new Refusal(problem, { place: `${place}${this.place}`, tooLarge, cause });
  }

  /** The error that the caller gets; `call` is what it called. */
  error(call: string): QuorateError {
    const { place, problem } = this;
    const short = place.length > placeUnitsMax ? `${place.slice(0, 60)}…${place.slice(-40)}` : place;
    const message = `${call}: ${short}: ${problem}`;
    const options = { cause: this.cause };
    return this.tooLarge ? new TooLarge(message, options) : new InvalidArgument(message, options);
  }
}

interface RefusalOptions {
  readonly place?: string;
  readonly tooLarge?: boolean;
  readonly cause?: unknown;
}

/** Says what was expected, and what came. */
export function unexpected(expected: string, value: unknown): Refusal {
  return new Refusal(`expected ${expected}, got ${shown(value)}`);
}

/** What was thrown while an argument was looked at: a refusal, or what its own getters and traps threw. */
export function refusalOf(thrown: unknown): Refusal {
  if (thrown instanceof Refusal) return thrown;
  if (thrown instanceof QuorateError) return new Refusal(thrown.message, { cause: thrown });
  return new Refusal("it cannot be read", { cause: thrown });
}
