import { bounds } from "../client/options.js";
import { Refusal, refusalOf, unexpected } from "./refusal.js";

/**
 * Takes one argument in: returns what the call goes on with, which nobody else can change any more. Throws a Refusal.
 */
export type Reader<T> = (value: unknown) => T;

/** Half of a surrogate pair: it would silently become another character on the wire. */
const loneSurrogate = /\p{Surrogate}/u;

function checkWellFormed(text: string): void {
  if (loneSurrogate.test(text)) {
    throw new Refusal("expected well-formed text, got a string with half of a surrogate pair");
  }
}

/** A text of moderate length: a path, a name, an address. */
export function text(value: unknown): string {
  if (typeof value !== "string") throw unexpected("a string", value);
  if (value.length > bounds.textUnitsMax) {
    throw new Refusal(`it has ${value.length} characters, at most ${bounds.textUnitsMax}`);
  }
  checkWellFormed(value);
  return value;
}

/** A text that says something. */
export function nonEmptyText(value: unknown): string {
  const given = text(value);
  if (given === "") throw new Refusal("expected a string that is not empty");
  return given;
}

/** A key's value as text. */
export function textValue(value: unknown): string {
  if (typeof value !== "string") throw unexpected("a string", value);
  if (value.length > bounds.operationBytesMax) throw tooLong(value.length, "characters");
  checkWellFormed(value);
  return value;
}

/** A key's value. Bytes are copied: their caller may use the buffer again before they are sent, or sent once more. */
export function bytesOrText(value: unknown): string | Uint8Array {
  if (typeof value === "string") return textValue(value);
  if (!isBytes(value)) throw unexpected("a string or a Uint8Array", value);
  if (value.byteLength > bounds.operationBytesMax) throw tooLong(value.byteLength, "bytes");
  try {
    return new Uint8Array(value);
  } catch (cause) {
    throw new Refusal("its buffer was transferred elsewhere", { cause });
  }
}

/** Also of another realm, as test runners have them, where `instanceof` would not know it. */
function isBytes(value: unknown): value is Uint8Array {
  return ArrayBuffer.isView(value) && Object.prototype.toString.call(value) === "[object Uint8Array]";
}

function tooLong(length: number, unit: string): Refusal {
  return new Refusal(`it has ${length} ${unit}, at most ${bounds.operationBytesMax} bytes are possible`, {
    tooLarge: true,
  });
}

export function flag(value: unknown): boolean {
  if (typeof value !== "boolean") throw unexpected("true or false", value);
  return value;
}

function isWholeFrom(value: unknown, from: number): value is number {
  return typeof value === "number" && Number.isSafeInteger(value) && value >= from;
}

/** The id of a history. */
export function historyId(value: unknown): string {
  if (typeof value !== "string" || !/^[0-9a-f]{16}$/.test(value)) {
    throw unexpected("the id of a history, 16 hexadecimal digits as `historyId` tells it", value);
  }
  return value;
}

/** A revision, a version, a count. */
export function wholeNumber(value: unknown): number {
  if (!isWholeFrom(value, 0)) throw unexpected("a whole number from 0 to 2^53 - 1", value);
  return value;
}

/** An id or a token. */
export function positiveNumber(value: unknown): number {
  if (!isWholeFrom(value, 1)) throw unexpected("a whole number from 1 to 2^53 - 1", value);
  return value;
}

/** How long to wait for something. */
export function timeout(value: unknown): number {
  if (typeof value !== "number" || !(value > 0)) {
    throw unexpected("a number of milliseconds above 0, or Infinity for no bound", value);
  }
  return value;
}

/** A duration that is a setting. */
export function duration(value: unknown): number {
  if (typeof value !== "number" || !(value >= bounds.durationMinMs && value <= bounds.durationMaxMs)) {
    const range = `${bounds.durationMinMs} to ${bounds.durationMaxMs}`;
    throw unexpected(`a number of milliseconds from ${range}`, value);
  }
  return value;
}

/** As {@link duration}, or Infinity. */
export function durationOrInfinity(value: unknown): number {
  return value === Number.POSITIVE_INFINITY ? value : duration(value);
}

/** One of some words. */
export function oneOf<const Word extends string>(...words: readonly Word[]): Reader<Word> {
  const expected = words.map((word) => JSON.stringify(word)).join(" or ");
  return (value) => {
    for (const word of words) if (value === word) return word;
    throw unexpected(expected, value);
  };
}

/** An AbortSignal, also one of another realm or library. */
export function abortSignal(value: unknown): AbortSignal {
  if (!isAbortSignal(value)) throw unexpected("an AbortSignal", value);
  return value;
}

function isAbortSignal(value: unknown): value is AbortSignal {
  return (
    typeof value === "object" &&
    value !== null &&
    "aborted" in value &&
    typeof value.aborted === "boolean" &&
    "addEventListener" in value &&
    typeof value.addEventListener === "function" &&
    "removeEventListener" in value &&
    typeof value.removeEventListener === "function"
  );
}

/** A list of so many at most, each taken in by `reader`. */
export function listOf<T>(reader: Reader<T>, itemsMax: number): Reader<T[]> {
  return (value) => {
    if (!Array.isArray(value)) throw unexpected("an array", value);
    const { length } = value;
    if (length > itemsMax)
      throw new Refusal(`it has ${length} items, at most ${itemsMax}`, { tooLarge: true });
    // By index: holes are missing items, and an iterator of the caller's own is not asked.
    return Array.from({ length }, (_, index) => readAt(reader, value[index], `[${index}]`));
  };
}

/** Takes in a part of an argument: what is wrong there is told with its place. */
export function readAt<T>(reader: Reader<T>, value: unknown, place: string): T {
  try {
    return reader(value);
  } catch (thrown) {
    throw refusalOf(thrown).at(place);
  }
}

/** What may be left out. */
export function optional<T>(reader: Reader<T>): Reader<T | undefined> {
  return (value) => (value === undefined ? undefined : reader(value));
}
