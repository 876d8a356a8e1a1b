import { nearest } from "./nearest.js";
import { type Reader, readAt } from "./readers.js";
import { Refusal, unexpected } from "./refusal.js";

/** One reader for each option, those that may be left out, too: an option without one does not compile. */
export type OptionReaders<Options> = { readonly [Name in keyof Options]-?: Reader<Options[Name]> };

/** A reader that knows the names of its options. */
export interface OptionReader<Options> extends Reader<Options> {
  readonly readers: OptionReaders<Options>;
}

/**
 * Takes options in, or for undefined none. Every name must be one of theirs: an option that is not known would silently
 * not be obeyed. Only a plain object has options, since a `Lock` or an AbortSignal in their place has none to be seen.
 */
export function optionsOf<Options extends object>(readers: OptionReaders<Options>): OptionReader<Options>;
export function optionsOf(readers: Readonly<Record<string, Reader<unknown>>>): OptionReader<object> {
  const known = new Map(Object.entries(readers));
  const read = (value: unknown): object => {
    const taken: Record<string, unknown> = {};
    if (value === undefined) return taken;
    if (!isPlainObject(value)) throw unexpected("a plain object of options", value);
    for (const [name, each] of Object.entries(value)) {
      const reader = known.get(name);
      if (reader === undefined) throw unknownOption(name, [...known.keys()]);
      if (each !== undefined) taken[name] = readAt(reader, each, `.${name}`);
    }
    return taken;
  };
  return Object.assign(read, { readers });
}

/** Takes in an object that has to have each of the fields; what else it has is its owner's. */
export function fieldsOf<Fields extends object>(readers: OptionReaders<Fields>): OptionReader<Fields>;
export function fieldsOf(readers: Readonly<Record<string, Reader<unknown>>>): OptionReader<object> {
  const known = Object.entries(readers);
  const expected = `an object with ${known.map(([name]) => name).join(", ")}`;
  const read = (value: unknown): object => {
    if (typeof value !== "object" || value === null) throw unexpected(expected, value);
    const taken: Record<string, unknown> = {};
    for (const [name, reader] of known) taken[name] = readAt(reader, fieldOf(value, name), `.${name}`);
    return taken;
  };
  return Object.assign(read, { readers });
}

/** A field by its name, a getter of its class among them; undefined when there is none. */
function fieldOf(value: object, name: string): unknown {
  return Reflect.get(value, name);
}

/** Also of another realm: its prototype is the last one there, or it has none. */
function isPlainObject(value: unknown): value is Readonly<Record<string, unknown>> {
  if (typeof value !== "object" || value === null || Array.isArray(value)) return false;
  const prototype: unknown = Object.getPrototypeOf(value);
  return prototype === null || Object.getPrototypeOf(prototype) === null;
}

function unknownOption(name: string, known: readonly string[]): Refusal {
  const meant = nearest(name, known);
  const advice =
    meant !== undefined
      ? `did you mean \`${meant}\`?`
      : known.length === 0
        ? "there are none here"
        : `there are ${known.join(", ")}`;
  return new Refusal(`there is no such option: ${advice}`, { place: `.${name.slice(0, 64)}` });
}
