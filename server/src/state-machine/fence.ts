import type { Fence } from "./command.js";
import type { Entry } from "./entry.js";
import { type Key, subtreeEnd, subtreeStart } from "./key.js";
import type { Mvcc } from "./mvcc.js";
import { refuse } from "./refusal.js";
import type { ErrorResult } from "./result.js";

/**
 * The entry that owns the lock or election at `key`: the first of its subtree. Contenders queue there with sequential
 * puts, so the first is the one that came first; its create revision is its fencing token.
 */
export function ownerOf(mvcc: Mvcc, key: Key): Entry | undefined {
  const first = mvcc.live.ceiling(subtreeStart(key));
  return first === undefined || first >= subtreeEnd(key) ? undefined : mvcc.get(first);
}

/** FENCED unless the ownership is held under its token now. */
export function checkFence(mvcc: Mvcc, fence: Fence): ErrorResult | undefined {
  const owner = ownerOf(mvcc, fence.key);
  if (owner !== undefined && owner.createRevision === fence.token) return undefined;
  return refuse("FENCED", `"${fence.key}" is not held under token ${fence.token}`);
}
