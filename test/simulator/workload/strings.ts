import type { ClientContext } from "./client.js";

export const stringPaths = ["/s/a", "/s/b"] as const;

/** Strings that only grow: whatever is applied twice, or lost, shows at the end. */
export async function runStrings(context: ClientContext): Promise<void> {
  const { random, thinkMs, stopping, sleep } = context;
  while (!stopping()) {
    await sleep(random.exponential(thinkMs));
    if (stopping()) return;
    const path = random.pick(stringPaths);
    if (random.chance(0.6)) await append(context, path);
    else await read(context, path);
  }
}

/** A tag is used once: its fate is that of one operation. */
async function append({ quorate, recorder }: ClientContext, path: string): Promise<void> {
  const tag = `${recorder.freshValue()};`;
  await recorder.call({ f: "append", path, tag }, async () => {
    const entry = await quorate.get(path);
    const { revision } = await quorate.put(path, (entry?.text() ?? "") + tag, {
      ifModRevision: entry?.modRevision ?? 0,
    });
    return { f: "append", revision };
  });
}

async function read({ quorate, recorder }: ClientContext, path: string): Promise<void> {
  await recorder.call({ f: "get", path, serializable: undefined, revision: 0 }, async () => {
    const entry = await quorate.get(path);
    return { f: "get", entry, revision: undefined };
  });
}
