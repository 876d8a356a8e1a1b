import type { SimulatedNode } from "../cluster/simulated-node.js";
import { between } from "./links.js";
import { type Scene, touchable } from "./scene.js";

/** Voters below which no two halves can each be made a majority by removals. */
const VOTERS_MIN = 4;
/** Leaders that are cut off one after the other. */
const LEADERS_MAX = 3;

/**
 * The leader is cut off, alone or with fewer than half of the voters, and asked at once to remove one or two of those
 * on the other side; then the same happens to the leader that these elect, and to the next. Were changes of the
 * membership not kept one at a time and to leaders that have committed in their term, each side could make itself the
 * majority of a configuration of its own.
 */
export function contestedRemoval(scene: Scene): boolean {
  const { cluster, administration, random, options, later } = scene;
  const { leader } = cluster;
  if (leader === undefined || administration.busy || votersOf(scene, leader).length < VOTERS_MIN)
    return false;
  let release = (): void => undefined;
  let leadersLeft = LEADERS_MAX;
  let told = false;
  const cutOff = (next: SimulatedNode): void => {
    leadersLeft--;
    const voters = random.shuffled(votersOf(scene, next).filter((node) => node !== next));
    const companions = random.integer(0, Math.floor(voters.length / 2));
    const side = [next, ...voters.slice(0, companions)];
    const servers = touchable(scene);
    const healed = release;
    release = scene.network.block(
      between(
        side.map(({ name }) => name),
        servers.filter((node) => !side.includes(node)).map(({ name }) => name),
      ),
    );
    healed();
    const asked = administration.removeThrough(next, voters.slice(companions).slice(0, random.integer(1, 2)));
    if (asked && !told) scene.happened("contestedRemoval");
    told ||= asked;
    cluster.onNextLeader = leadersLeft > 0 ? cutOff : undefined;
  };
  cutOff(leader);
  later(random.between(2_000, 6_000) * options.tempo + 4 * options.electionTimeoutMs, "heal", () => {
    leadersLeft = 0;
    if (cluster.onNextLeader === cutOff) cluster.onNextLeader = undefined;
    release();
    administration.askAnybody();
  });
  return false;
}

/** The voters of its newest configuration that there are nodes of. */
function votersOf(scene: Scene, { view }: SimulatedNode): SimulatedNode[] {
  const { voters = [] } = view?.configuration() ?? {};
  return touchable(scene).filter(({ id }) => id !== undefined && voters.includes(id));
}
