import { Closed } from "@quorate/sdk";
import { currentWorld } from "../world/world.js";
import { onAbort } from "./abort-signal.js";
import { type ClientContext, sessionRunner } from "./client.js";
import { SharedKeepalives } from "./shared-keepalives.js";

/** Chance that some leases are renewed together, rather than one by the SDK. */
const sharedChance = 0.3;
/** Chance that a key leaves its lease and comes back, as the last one then. */
const leavesChance = 0.3;

/** Leases with keys on them: kept alive for a while, then revoked, or let go to run out. */
export async function runLeases(context: ClientContext): Promise<void> {
  const { quorate, recorder, random, thinkMs, stopping, sleep } = context;
  for (let round = 0; !stopping(); round++) {
    await sleep(random.exponential(thinkMs * 2));
    if (stopping()) return;
    const runner = random.chance(sharedChance) ? sessionRunner() : undefined;
    if (runner !== undefined) {
      await new SharedKeepalives(context, runner).run();
      continue;
    }
    const sentMs = currentWorld().nowMs;
    try {
      const lease = await quorate.lease(random.pick([1_000, 2_000, 4_000]));
      recorder.tell({ kind: "leaseGranted", lease: lease.id, ttlMs: lease.ttlMs, sentMs });
      onAbort(lease.signal, () => {
        recorder.tell({ kind: "leaseLost", lease: lease.id });
        // Who is told so keeps it alive no more, even if it lives on.
        recorder.tell({ kind: "leaseLetGo", lease: lease.id });
      });
      // In no order of their names: the keys of a lease end in one that every node must find by itself.
      const keys = random.shuffled(["a", "b", "c"]).map((key) => `/k/${recorder.client}-${round}-${key}`);
      const [first = "", ...others] = keys.slice(0, random.integer(1, 3));
      for (const key of [first, ...others]) await quorate.put(key, "leased", { lease });
      if (random.chance(leavesChance)) {
        await quorate.put(first, "left");
        await quorate.put(first, "back", { lease });
      }
      await sleep(random.exponential(1_000));
      if (random.chance(0.5)) {
        await lease.revoke();
        recorder.tell({ kind: "leaseRevoked", lease: lease.id });
      } else {
        lease.end(new Closed("the lease was let go"));
        recorder.tell({ kind: "leaseLetGo", lease: lease.id });
      }
    } catch (error) {
      recorder.failed("lease", error);
    }
  }
}
