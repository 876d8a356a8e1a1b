import type { Logger } from "pino";
import type { Raft } from "../raft/index.js";
import { heirOf } from "./administrative-decision.js";
import type { Leadership } from "./leadership.js";

/** What handing over takes of a node. */
export interface HandOverParts {
  readonly self: number;
  readonly raft: Raft;
  readonly leadership: Leadership;
  readonly logger: Logger;
  /** Raft was given something to do. */
  readonly schedule: () => void;
  /** Milliseconds after which the node stops all the same. */
  readonly patienceMs: number;
}

/**
 * Before a leader stops, another node takes over, so that nobody has to wait for an election timeout. Resolves when this
 * node leads no more, or after a bounded time.
 */
export async function handOver(parts: HandOverParts): Promise<void> {
  const { self, raft, leadership, logger, schedule, patienceMs } = parts;
  const heir = raft.leader === self ? heirOf(raft) : undefined;
  if (heir === undefined || !raft.transferLeadership(heir).accepted) return;
  await new Promise<void>((resolve) => {
    const finish = (): void => {
      clearTimeout(timer);
      forget();
      resolve();
    };
    const timer = setTimeout(finish, patienceMs);
    const forget = leadership.onChange(() => {
      // Until the new leader is known, so that clients are told where it is.
      if (raft.leader !== self && raft.leader !== 0) finish();
    });
    schedule();
  });
  logger.info({ tookOver: raft.leader !== self }, "handed leadership over before stopping");
}
