import { QuorateError } from "@quorate/sdk";
import type { ClientContext } from "./client.js";

/** Milliseconds without a node that serves it after which a sentinel ends, drawn for each. */
const UNSERVED_MS = [1_000, 3_000, 6_000] as const;
/** Milliseconds between two looks whether the client goes on. */
const LOOK_INTERVAL_MS = 250;

/**
 * A watch that marks its progress and is read all the time: while any node serves it, it hears something every few
 * seconds, and while none does, it ends. It is told in events of its own, which are judged while faults last.
 */
export async function runSentinels(context: ClientContext): Promise<void> {
  const { quorate, recorder, random, stopping, sleep } = context;
  while (!stopping()) {
    const sentinel = recorder.nextWatch();
    const unservedMs = random.pick(UNSERVED_MS);
    const over = new AbortController();
    const options = {
      recursive: true,
      progress: true,
      unservedTimeoutMs: unservedMs,
      signal: over.signal,
    } as const;
    recorder.tell({ kind: "sentinelOpened", sentinel, unservedMs });
    const ended = (async (): Promise<"ended"> => {
      let code: string | undefined;
      try {
        for await (const _ of quorate.watch("/r", options))
          recorder.tell({ kind: "sentinelHeard", sentinel });
      } catch (error) {
        if (!(error instanceof QuorateError)) throw error;
        code = error.code;
      }
      recorder.tell({ kind: "sentinelEnded", sentinel, code });
      return "ended";
    })();
    while ((await Promise.race([ended, sleep(LOOK_INTERVAL_MS)])) !== "ended") if (stopping()) over.abort();
    await sleep(random.between(100, 300));
  }
}
