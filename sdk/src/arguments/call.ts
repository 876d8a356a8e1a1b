import type { OptionReader } from "./option-reader.js";
import { type Reader, readAt } from "./readers.js";
import { Refusal } from "./refusal.js";

/** One argument: what it is called, and who takes it in. */
export interface Argument<T> {
  readonly name: string;
  readonly reader: Reader<T>;
}

type Arguments<Values extends readonly unknown[]> = {
  readonly [Index in keyof Values]: Argument<Values[Index]>;
};

/** Takes in all the arguments of one call. Throws InvalidArgument, or TooLarge, that names the first at fault. */
export interface Call<Values extends readonly unknown[]> {
  (...given: readonly unknown[]): Values;
  readonly parameters: Arguments<Values>;
}

/** The arguments of the call of that name, in order. */
export function call<Values extends readonly unknown[]>(
  name: string,
  ...parameters: Arguments<Values>
): Call<Values>;
export function call(name: string, ...parameters: readonly Argument<unknown>[]): Call<readonly unknown[]> {
  const take = (...given: readonly unknown[]): unknown[] => {
    try {
      return parameters.map((each, index) => readAt(each.reader, given[index], each.name));
    } catch (thrown) {
      throw thrown instanceof Refusal ? thrown.error(name) : thrown;
    }
  };
  return Object.assign(take, { parameters });
}

export function argument<T>(name: string, reader: Reader<T>): Argument<T> {
  return { name, reader };
}

/** The options, which come last. */
export function options<T>(reader: OptionReader<T>): Argument<T> {
  return { name: "options", reader };
}
