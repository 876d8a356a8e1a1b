import fc from "fast-check";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { connect } from "../client/connect.js";
import type { StateChange } from "../client/options.js";
import type { Quorate } from "../client/quorate.js";
import { QuorateError } from "../errors/quorate-error.js";
import { compare, op } from "../kv/txn.js";
import type { Leadership } from "../leader/leadership.js";
import type { Lease } from "../lease/lease.js";
import type { Lock } from "../locks/lock.js";
import { FakeNode } from "../session/fake-node.test-server.js";
import type { Argument } from "./call.js";
import {
  clientCalls,
  compareCalls,
  connectCall,
  leadershipCalls,
  leaseCalls,
  lockCalls,
  opCalls,
  quotaCalls,
  relationCalls,
} from "./calls.js";
import { nonsense, type Place, placesOf, replacedAt } from "./places.test-support.js";

type Method = (...given: readonly unknown[]) => unknown;

/** One public call, and what it takes. */
interface PublicCall {
  readonly name: string;
  readonly parameters: readonly Argument<unknown>[];
  readonly method: Method;
}

/** What the client's class has besides its public interface: its own recipes use it, and it takes nothing of a user's. */
const inner = ["requestTimeoutMs", "lapsed", "onLapse", "trouble"];
/** Takes an error of the client's own making. */
const innerOfLease = ["end"];

const node = new FakeNode();
const changes: StateChange[] = [];
const unhandled: unknown[] = [];
const note = (reason: unknown): void => {
  unhandled.push(reason);
};
let client: Quorate;
let lease: Lease;
let lock: Lock;
let leadership: Leadership;
let calls: PublicCall[] = [];
let used = 0;

/** Names of the methods of an object and its classes. */
function methodsOf(object: object): string[] {
  const names = new Set<string>();
  for (
    let at: object | null = object;
    at !== null && at !== Object.prototype;
    at = Object.getPrototypeOf(at)
  ) {
    for (const [name, property] of Object.entries(Object.getOwnPropertyDescriptors(at))) {
      if (name !== "constructor" && typeof property.value === "function") names.add(name);
    }
  }
  return [...names].sort();
}

function isMethod(value: unknown): value is Method {
  return typeof value === "function";
}

type Table = Readonly<Record<string, { readonly parameters: readonly Argument<unknown>[] }>>;

function callsOf(prefix: string, object: object, table: Table): PublicCall[] {
  return Object.entries(table).map(([name, { parameters }]) => {
    const method: unknown = Reflect.get(object, name);
    if (!isMethod(method)) throw new Error(`${prefix}${name} is no method`);
    return {
      name: `${prefix}${name}`,
      parameters,
      method: (...given) => Reflect.apply(method, object, given),
    };
  });
}

/** Something that a call can do something with. */
function sense(name: string, parameters: readonly Argument<unknown>[]): unknown[] {
  used += 1;
  const values: Readonly<Record<string, unknown>> = {
    path: `/ok/${used % 50}`,
    key: `/queue/${used}`,
    value: "v",
    id: lease.id,
    ttlMs: 60_000,
    member: "n1",
    name: "n1",
    peerAddress: "n1:7401",
    endpoint: node.endpoint,
    endpoints: node.endpoint,
    limits: { keysMax: 5 },
    number: 5,
    spec: { then: [op.get("/a")] },
    mutation: { sessionId: 999_999, sequence: 1 },
  };
  const timed = name === "connect" ? { session: false } : { timeoutMs: 300 };
  return parameters.map((each) => {
    if (each.name !== "options") return values[each.name];
    return placesOf([each]).some(({ fields }) => fields[0] === Object.keys(timed)[0]) ? timed : {};
  });
}

/** Ends whatever a call returned. */
async function letGo(returned: unknown): Promise<void> {
  if (typeof returned !== "object" || returned === null) return;
  for (const end of ["release", "resign", "return", "close", "revoke"]) {
    const method: unknown = Reflect.get(returned, end);
    if (isMethod(method)) {
      await Reflect.apply(method, returned, []);
      return;
    }
  }
}

const isRefusedBy = ({ reader }: Place, value: unknown): boolean => {
  try {
    reader(value);
    return false;
  } catch {
    return true;
  }
};

const asked = (): number => node.operations.filter(({ operation }) => operation.case !== "keepAlive").length;

/** Makes a call with something at one place of its arguments. */
async function attempt(call: PublicCall, place: Place, value: unknown): Promise<void> {
  const given = sense(call.name, call.parameters);
  if (place.fields[0] === "fence") {
    given[place.argument] = { ...Object(given[place.argument]), fence: { key: "/lock", token: lock.token } };
  }
  given[place.argument] = replacedAt(given[place.argument], place.fields, value);
  const refused = value !== undefined && isRefusedBy(place, value);
  const before = asked();
  try {
    const returned = call.method(...given);
    await letGo(await returned);
    expect(refused, `${call.name} takes ${place.name}`).toBe(false);
  } catch (error) {
    if (!(error instanceof QuorateError)) throw error;
    if (!refused) return;
    expect(["INVALID_ARGUMENT", "TOO_LARGE"], error.message).toContain(error.code);
    expect(error.message).toContain(`: ${place.name}`);
    expect(asked(), `${call.name} was sent`).toBe(before);
  }
}

/** Whether the client is as if nothing had happened. */
async function expectWhole(): Promise<void> {
  await client.put("/whole", "yes");
  expect((await client.get("/whole"))?.text()).toBe("yes");
  expect(changes).toEqual(["connected"]);
  expect(node.requests.filter(({ hello }) => hello !== undefined)).toHaveLength(1);
  expect([client.sessionSignal.aborted, lock.signal.aborted, leadership.signal.aborted]).toEqual([
    false,
    false,
    false,
  ]);
  expect(unhandled).toEqual([]);
}

beforeAll(async () => {
  process.on("unhandledRejection", note);
  await node.start();
  client = await connect(node.endpoint, { onStateChange: (change) => changes.push(change) });
  lease = await client.lease(60_000);
  lock = await client.lock("/lock");
  leadership = await client.campaign("/leader", "me");
  calls = [
    ...callsOf("", client, clientCalls),
    ...callsOf("quota.", client.quota, quotaCalls),
    ...callsOf("leadership.", leadership, { proclaim: leadershipCalls.proclaim }),
    ...callsOf("compare.", compare, compareCalls),
    ...callsOf("op.", op, opCalls),
    ...Object.entries(relationCalls).flatMap(([relation, { value, number }]) => [
      ...callsOf("value ", compare.value("/a"), { [relation]: value }),
      ...callsOf("number ", compare.version("/a"), { [relation]: number }),
    ]),
  ].filter(({ parameters }) => parameters.length > 0);
});

afterAll(async () => {
  await client.close();
  node.stop();
  process.off("unhandledRejection", note);
});

describe("the calls that take their arguments in at the door", () => {
  it("are all there are", () => {
    expect(methodsOf(client).filter((name) => !inner.includes(name))).toEqual(
      Object.keys(clientCalls).sort(),
    );
    expect(methodsOf(client.quota)).toEqual(Object.keys(quotaCalls).sort());
    expect(methodsOf(lease).filter((name) => !innerOfLease.includes(name))).toEqual(Object.keys(leaseCalls));
    expect(methodsOf(lock)).toEqual([...Object.keys(lockCalls), "giveUp"].sort());
    expect(methodsOf(leadership)).toEqual([...Object.keys(leadershipCalls), "giveUp"].sort());
    expect(methodsOf(compare)).toEqual(Object.keys(compareCalls).sort());
    expect(methodsOf(op)).toEqual(Object.keys(opCalls).sort());
    for (const each of [compare.value("/a"), compare.version("/a")]) {
      expect(methodsOf(each)).toEqual(Object.keys(relationCalls).sort());
    }
  });

  it("take what makes sense", async () => {
    for (const { name, parameters, method } of calls) {
      const given = sense(name, parameters);
      const returned = Promise.resolve(method(...given)).then(letGo, (error) => error);
      const error = await returned;
      if (error instanceof QuorateError) expect(error.code, error.message).not.toBe("INVALID_ARGUMENT");
    }
    await expectWhole();
  }, 60_000);

  it("refuse every nonsense at every place, name it, send nothing, and go on serving", async () => {
    for (const call of calls) {
      for (const place of placesOf(call.parameters)) {
        // Whatever the readers think of the rest.
        expect(isRefusedBy(place, Symbol("s")), `${call.name}: ${place.name}`).toBe(true);
        for (const value of nonsense()) await attempt(call, place, value);
      }
    }
    await expectWhole();
  }, 120_000);

  it("bear whatever comes to a random generator's mind", async () => {
    const places = calls.flatMap((call) => placesOf(call.parameters).map((place) => ({ call, place })));
    const anything = fc.anything({
      withBigInt: true,
      withMap: true,
      withTypedArray: true,
      withNullPrototype: true,
    });
    await fc.assert(
      fc.asyncProperty(
        fc.constantFrom(...places),
        fc.oneof(anything, fc.string({ unit: "binary" })),
        (at, value) => attempt(at.call, at.place, value),
      ),
      { numRuns: 1_000 },
    );
    await expectWhole();
  }, 120_000);

  it("throw at once where they return no promise", () => {
    const lazy = ["walk", "history", "watch", "leases", "leaseKeys", "observe"];
    const sync = ["compare.", "op.", "value ", "number "];
    const at = calls.filter(
      ({ name }) => lazy.includes(name) || sync.some((prefix) => name.startsWith(prefix)),
    );
    expect(at.length).toBeGreaterThan(20);
    for (const { method } of at) {
      expect(() => method(Symbol("s"))).toThrow(expect.objectContaining({ code: "INVALID_ARGUMENT" }));
    }
  });

  it("refuse nonsense to connect with", async () => {
    const call: PublicCall = {
      name: "connect",
      parameters: connectCall.parameters,
      method: (...given) => Reflect.apply(connect, undefined, given),
    };
    for (const place of placesOf(call.parameters)) {
      for (const value of nonsense()) {
        // As a time to wait, or an end of it, they make sense, and the waiting would end in another way.
        if (isRefusedBy(place, value)) await attempt(call, place, value);
      }
    }
    expect(unhandled).toEqual([]);
  }, 60_000);

  it("refuse nonsense in every field of a condition and of an operation", async () => {
    const conditions = [compare.value("/a").equals("1"), compare.lease("/a").lessThan(5)];
    const operations = [
      op.get("/a", { revision: 1 }),
      op.list("/a", { limit: 1 }),
      op.put("/a", "1"),
      op.delete("/a"),
      op.txn({ then: [op.get("/a")] }),
    ];
    const parts: [string, object][] = [
      ...conditions.map((each): [string, object] => ["compares", each]),
      ...operations.map((each): [string, object] => ["then", each]),
    ];
    for (const [branch, part] of parts) {
      for (const field of Object.keys(part)) {
        const before = asked();
        const spec = { [branch]: [{ ...part, [field]: Symbol("s") }] };
        const refused = Promise.resolve().then(() => calls.find(({ name }) => name === "txn")?.method(spec));
        await expect(refused).rejects.toMatchObject({
          code: "INVALID_ARGUMENT",
          message: expect.stringContaining(`spec.${branch}[0].${field}`),
        });
        expect(asked()).toBe(before);
      }
    }
    await expectWhole();
  });
});
