import type { Random } from "./random.js";

/** What was due while a process stood still. */
export interface Waiting {
  /** The connection that it came over; undefined for the process's own timers and turns. */
  readonly lane: object | undefined;
  readonly run: () => void;
}

/**
 * The order in which a process that stood still gets what piled up. No kernel promises that of arrival: it wakes up with
 * many sockets readable and many timers due, of which it takes one after the other, each socket's bytes in their order.
 * Sometimes that of arrival all the same; sometimes one connection after the other with the timers first, as an event
 * loop does; sometimes any that keeps each connection's own.
 */
export function interleaved(waiting: readonly Waiting[], random: Random): readonly Waiting[] {
  const shape = random.next();
  if (shape < 0.3) return waiting;
  const byLane = new Map<object | undefined, Waiting[]>();
  for (const each of waiting) {
    const lane = byLane.get(each.lane);
    if (lane === undefined) byLane.set(each.lane, [each]);
    else lane.push(each);
  }
  if (shape < 0.6) {
    const own = byLane.get(undefined) ?? [];
    byLane.delete(undefined);
    return [...own, ...random.shuffled([...byLane.values()]).flat()];
  }
  // Every merge of the lanes is as likely as any other: the next is of a lane as likely as that has much left.
  const lanes = [...byLane.values()].map((items) => ({ items, at: 0 }));
  const merged: Waiting[] = [];
  while (merged.length < waiting.length) {
    let left = random.integer(1, waiting.length - merged.length);
    for (const lane of lanes) {
      left -= lane.items.length - lane.at;
      const next = lane.items[lane.at];
      if (left > 0 || next === undefined) continue;
      lane.at += 1;
      merged.push(next);
      break;
    }
  }
  return merged;
}
