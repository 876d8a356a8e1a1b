import { compare, op, type ReadOptions } from "@quorate/sdk";
import type { ClientContext } from "./client.js";

/** Paths of the registers: few, so that clients meet. */
export const registerPaths = ["/r/a", "/r/b", "/r/c"] as const;

/** Single registers and pairs of them: put, get of every kind, delete, compare and swap, transactions. */
export async function runRegisters(context: ClientContext): Promise<void> {
  const { random, thinkMs, stopping, sleep } = context;
  while (!stopping()) {
    await sleep(random.exponential(thinkMs));
    if (stopping()) return;
    const path = random.pick(registerPaths);
    const drawn = random.next();
    if (drawn < 0.05) await burst(context);
    else if (drawn < 0.1) await poll(context);
    else if (drawn < 0.25) await read(context, path);
    else if (drawn < 0.3) await list(context);
    else if (drawn < 0.35) await readPast(context, path);
    else if (drawn < 0.6) await put(context, path);
    else if (drawn < 0.68) await remove(context, path);
    else if (drawn < 0.84) await swap(context, path);
    else await exchange(context);
  }
}

async function read(context: ClientContext, path: string): Promise<void> {
  const { quorate, recorder } = context;
  const serializable = someStaleness(context);
  await recorder.call({ f: "get", path, serializable, revision: 0 }, async () => {
    const entry = await quorate.get(path, readOptions(serializable));
    return { f: "get", entry, revision: undefined };
  });
}

/** A read as of a revision of not long ago, which may be compacted by now. */
async function readPast(context: ClientContext, path: string): Promise<void> {
  const { quorate, recorder, random } = context;
  const revision = Math.max(1, recorder.revisionSeen - random.integer(0, 8));
  const serializable = someStaleness(context);
  await recorder.call({ f: "get", path, serializable, revision }, async () => {
    const entry = await quorate.get(path, { ...readOptions(serializable), revision });
    return { f: "get", entry, revision: undefined };
  });
}

async function list(context: ClientContext): Promise<void> {
  const { quorate, recorder } = context;
  const serializable = someStaleness(context);
  await recorder.call({ f: "list", path: "/r", serializable }, async () => {
    const { nodes, revision } = await quorate.list("/r", readOptions(serializable));
    return { f: "list", revision, entries: nodes.flatMap(({ entry }) => entry ?? []) };
  });
}

/** How stale a read may be: not at all, or serializable, at any revision or not below what this client has seen. */
function someStaleness({ random, recorder }: ClientContext): { readonly minRevision: number } | undefined {
  if (random.chance(0.8)) return undefined;
  return { minRevision: random.chance(0.5) ? recorder.revisionSeen : 0 };
}

function readOptions(serializable: { readonly minRevision: number } | undefined): ReadOptions {
  if (serializable === undefined) return {};
  const { minRevision } = serializable;
  return { consistency: "serializable", ...(minRevision === 0 ? {} : { minRevision }) };
}

async function put({ quorate, recorder }: ClientContext, path: string): Promise<void> {
  const value = recorder.freshValue();
  await recorder.call({ f: "put", path, value, fence: undefined }, async () => {
    const { revision, previous } = await quorate.put(path, value, { returnPrevious: true });
    return { f: "put", revision, previous: { entry: previous } };
  });
}

/** Writes that do not wait for each other: a leader that is cut off gathers a log of its own. */
async function burst(context: ClientContext): Promise<void> {
  const { random, sleep } = context;
  const writes: Promise<void>[] = [];
  for (let left = random.integer(3, 8); left > 0; left--) {
    writes.push(put(context, random.pick(registerPaths)));
    await sleep(random.between(1, 20));
  }
  await Promise.all(writes);
}

/** Reads that do not wait for each other: a leader that is cut off is still asked when another one leads. */
async function poll(context: ClientContext): Promise<void> {
  const { random, sleep } = context;
  const reads: Promise<void>[] = [];
  const pauseMs = random.pick([10, 100, 300]);
  for (let left = random.integer(3, 8); left > 0; left--) {
    reads.push(read(context, random.pick(registerPaths)));
    await sleep(random.exponential(pauseMs));
  }
  await Promise.all(reads);
}

async function remove({ quorate, recorder }: ClientContext, path: string): Promise<void> {
  await recorder.call({ f: "delete", path, fence: undefined }, async () => {
    const { revision, deleted } = await quorate.delete(path);
    return { f: "delete", revision, deleted };
  });
}

async function swap({ quorate, recorder }: ClientContext, path: string): Promise<void> {
  const holder: { from: string | undefined } = { from: undefined };
  const before = await recorder.call({ f: "get", path, serializable: undefined, revision: 0 }, async () => {
    const entry = await quorate.get(path);
    holder.from = entry?.text();
    return { f: "get", entry, revision: undefined };
  });
  if (before === undefined) return;
  const { from } = holder;
  const to = recorder.freshValue();
  await recorder.call({ f: "cas", path, from, to }, async () => {
    const holds = from === undefined ? compare.version(path).equals(0) : compare.value(path).equals(from);
    const { succeeded, revision } = await quorate.txn({ compares: [holds], then: [op.put(path, to)] });
    return { f: "cas", swapped: succeeded, revision };
  });
}

/** Moves on two registers at once, if the first has not changed since it was read. */
async function exchange({ quorate, recorder, random }: ClientContext): Promise<void> {
  const [first, second, third] = random.shuffled(registerPaths);
  if (first === undefined || second === undefined || third === undefined) return;
  const holder: { modRevision: number } = { modRevision: 0 };
  const before = await recorder.call(
    { f: "get", path: first, serializable: undefined, revision: 0 },
    async () => {
      const entry = await quorate.get(first);
      holder.modRevision = entry?.modRevision ?? 0;
      return { f: "get", entry, revision: undefined };
    },
  );
  if (before === undefined) return;
  const { modRevision } = holder;
  const value = recorder.freshValue();
  const other = random.chance(0.8) ? recorder.freshValue() : undefined;
  await recorder.call(
    {
      f: "txn",
      compares: [{ path: first, modRevision }],
      reads: [third],
      writes: [
        { path: first, value },
        { path: second, value: other },
      ],
      fence: undefined,
    },
    async () => {
      const outcome = await quorate.txn({
        compares: [compare.modRevision(first).equals(modRevision)],
        then: [
          op.get(third),
          op.put(first, value),
          other === undefined ? op.delete(second) : op.put(second, other),
        ],
        otherwise: [op.get(third)],
      });
      const [result] = outcome.results;
      const entry = result !== undefined && "entry" in result ? result.entry : undefined;
      return { f: "txn", succeeded: outcome.succeeded, revision: outcome.revision, reads: [entry] };
    },
  );
}
