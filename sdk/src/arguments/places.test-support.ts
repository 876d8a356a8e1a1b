import type { Argument } from "./call.js";

/** One place where an argument, or a part of one, is given: which argument, and which field inside it. */
export interface Place {
  readonly argument: number;
  /** Names of fields, from the argument inwards. */
  readonly fields: readonly string[];
  /** As messages name it. */
  readonly name: string;
  readonly reader: (value: unknown) => unknown;
}

/** Every argument, and every option and field inside each. */
export function placesOf(parameters: readonly Argument<unknown>[]): Place[] {
  return parameters.flatMap(({ name, reader }, argument) => within({ argument, fields: [], name, reader }));
}

function within(place: Place): Place[] {
  const { argument, fields, name, reader } = place;
  const inner = Object.entries(readersOf(reader)).flatMap(([field, each]) =>
    within({ argument, fields: [...fields, field], name: `${name}.${field}`, reader: each }),
  );
  return [place, ...inner];
}

type Readers = Readonly<Record<string, Place["reader"]>>;

function readersOf(reader: object): Readers {
  return "readers" in reader && isReaders(reader.readers) ? reader.readers : {};
}

function isReaders(value: unknown): value is Readers {
  return typeof value === "object" && value !== null;
}

/** The same value with something else at one place inside it; what is missing on the way there becomes an object. */
export function replacedAt(value: unknown, fields: readonly string[], by: unknown): unknown {
  const [first, ...rest] = fields;
  if (first === undefined) return by;
  const object: object = typeof value === "object" && value !== null ? value : {};
  return { ...object, [first]: replacedAt(Reflect.get(object, first), rest, by) };
}

/** Values that no call, or hardly any, can do anything with, made anew each time. */
export function nonsense(): unknown[] {
  const cyclic: Record<string, unknown> = { then: [], compares: [] };
  cyclic.self = cyclic;
  cyclic.then = [{ kind: "txn", spec: cyclic }];
  const revoked = Proxy.revocable({}, {});
  revoked.revoke();
  const transferred = new Uint8Array(8);
  structuredClone(transferred.buffer, { transfer: [transferred.buffer] });
  return [
    null,
    0,
    -0,
    -1,
    1.5,
    5,
    Number.NaN,
    Number.POSITIVE_INFINITY,
    Number.NEGATIVE_INFINITY,
    2 ** 31,
    2 ** 53,
    1e308,
    5n,
    true,
    "",
    "text",
    "\ud800",
    "a\udc00b",
    "\0",
    "/".repeat(100_000),
    Symbol("s"),
    () => undefined,
    class {},
    [],
    [undefined],
    ["\ud800"],
    new Array(5),
    {},
    { timeout: 1 },
    { __proto__: null, toString: null },
    cyclic,
    Object.create({ timeoutMs: 1 }),
    {
      get timeoutMs(): never {
        throw new Error("a getter that throws");
      },
      get key(): never {
        throw new Error("a getter that throws");
      },
    },
    new Proxy(
      {},
      {
        get: () => {
          throw new Error("a trap that throws");
        },
        getPrototypeOf: () => {
          throw new Error("a trap that throws");
        },
      },
    ),
    revoked.proxy,
    Promise.resolve("late"),
    new Date(Number.NaN),
    new Map(),
    new Error("an error"),
    /x/,
    new Uint16Array(4),
    new DataView(new ArrayBuffer(4)),
    new ArrayBuffer(4),
    transferred,
    new Uint8Array(0),
    AbortSignal.abort(),
    new AbortController(),
    { aborted: false },
    { aborted: false, addEventListener: 1, removeEventListener: 1 },
    { id: "x" },
    { key: 5, token: "x" },
    new String("boxed"),
    new Number(5),
  ];
}
