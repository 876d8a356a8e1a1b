import type { Random } from "../world/random.js";

/** A stretch of a run in which nothing goes wrong, in the middle of all that does. */
export interface Calm {
  /** Milliseconds with faults before it. */
  readonly afterMs: number;
  /** Milliseconds in which nothing but service may be seen, once everything has settled. */
  readonly judgedMs: number;
}

/** Any number that no other fork of the options' source has. */
const CALMS_SALT = 5;
/** How many of the runs have a calm: it makes one about as long again. */
const CALMS_SHARE = 0.2;

/** Few runs have one; in a theme of its own, all. Drawn aside, so that it shifts nothing else that is drawn. */
export function drawCalms(random: Random, safetyMs: number): readonly Calm[] {
  const own = random.fork(CALMS_SALT);
  if (!own.chance(CALMS_SHARE)) return [];
  return [{ afterMs: Math.round(own.between(0.3, 0.8) * safetyMs), judgedMs: own.pick([4_000, 8_000]) }];
}
