import type { World } from "../world/world.js";
import type { Network } from "./network.js";

/** Milliseconds after which a message comes once more: within a term, or when some have gone by. */
const REPLAY_MIN_MS = 100;
const REPLAY_MAX_MS = 5_000;
/** Messages of one host to another that wait to come once more: the newest are as good as any. */
const WAITING_MAX = 16;

/** Delivers a message over the call that it belongs to, if that is still there. */
export type Carry = (message: unknown) => void;

interface Pair {
  /** Over the newest call: what is replayed survives the connection that it was first sent on. */
  present: Carry;
  waiting: number;
}

/** Raft's messages of long ago that come once more, in another term and over another connection than they were sent. */
export class Replays {
  readonly #world: World;
  readonly #network: Network;
  readonly #pairs = new Map<string, Pair>();
  count = 0;

  constructor(world: World, network: Network) {
    this.#world = world;
    this.#network = network;
  }

  /** A message was sent from host to host over a call that `carry` delivers on. */
  sent(from: string, to: string, message: unknown, carry: Carry): void {
    const { random } = this.#network;
    const { replayRate } = this.#network.messageFaults;
    if (replayRate === 0) return;
    const pair = this.#pairOf(`${from} ${to}`, carry);
    if (pair.waiting >= WAITING_MAX || !random.chance(replayRate)) return;
    pair.waiting++;
    this.#world.after(random.between(REPLAY_MIN_MS, REPLAY_MAX_MS), undefined, "replay", () => {
      pair.waiting--;
      // Everything is healed.
      if (this.#network.messageFaults.replayRate === 0) return;
      this.count++;
      pair.present(message);
    });
  }

  #pairOf(key: string, carry: Carry): Pair {
    const known = this.#pairs.get(key);
    if (known !== undefined) {
      known.present = carry;
      return known;
    }
    const pair: Pair = { present: carry, waiting: 0 };
    this.#pairs.set(key, pair);
    return pair;
  }
}
