import type { SimulatedNode } from "../cluster/simulated-node.js";
import type { DiskFaults } from "../disk/disk-faults.js";
import { usualDisk } from "../disk/usual-disk.js";
import { pickSome, type Scene, touchable } from "./scene.js";

type Trouble = Partial<DiskFaults>;

/** What is wrong with each disk at the moment: one trouble's end leaves the others. */
const troubles = new WeakMap<SimulatedNode, Set<Trouble>>();

/**
 * For a while the disk of one node has these faults, beside those that it has already. Returns whether anything is wrong
 * from now on: what befalls single writes is told when it does.
 */
export function failDisk(scene: Scene, trouble: Trouble): boolean {
  const { random, options, later, happened } = scene;
  const node = pickSome(touchable(scene), random);
  if (node === undefined) return false;
  const held = troubles.get(node) ?? new Set();
  troubles.set(node, held);
  const change = (): void => {
    node.disk.faults = worst(usualDisk(options), held);
  };
  held.add(trouble);
  node.disk.onFault = happened;
  change();
  later(random.exponential(3_000), "disk mended", () => {
    held.delete(trouble);
    change();
  });
  return trouble.slow !== undefined;
}

/** Nothing is wrong with the node's disk any more. */
export function mend(node: SimulatedNode, options: { readonly syncMs: number }): void {
  troubles.delete(node);
  node.disk.faults = usualDisk(options);
}

/** Every fault at its highest rate or longest time of all. */
function worst(usual: DiskFaults, held: Iterable<Trouble>): DiskFaults {
  const all = [usual, ...held];
  const highest = (of: (faults: Trouble) => number | undefined): number =>
    Math.max(...all.map((each) => of(each) ?? 0));
  return {
    crashBefore: highest(({ crashBefore }) => crashBefore),
    crashUnsynced: highest(({ crashUnsynced }) => crashUnsynced),
    crashAfter: highest(({ crashAfter }) => crashAfter),
    syncError: highest(({ syncError }) => syncError),
    full: highest(({ full }) => full),
    slow: highest(({ slow }) => slow),
    slowMsMin: highest(({ slowMsMin }) => slowMsMin),
    slowMsMax: highest(({ slowMsMax }) => slowMsMax),
    copyMsMax: highest(({ copyMsMax }) => copyMsMax),
    liesAboutSync: usual.liesAboutSync,
  };
}

/** Damages the state, which the node needs at its next start. */
export function rotState({ disk }: SimulatedNode): void {
  if (disk.hasState) disk.decay({ kind: "state" });
  else disk.wipe();
}

/** One node loses its data for good, unless another still waits to be replaced: then a majority might. */
export function destroy(scene: Scene, ruin: (node: SimulatedNode) => void): boolean {
  const { cluster, random, administration, later } = scene;
  const nodes = [...cluster.nodes.values()].filter(({ retired }) => !retired);
  if (nodes.some(({ damaged }) => damaged)) return false;
  const node = pickSome(nodes, random);
  if (node === undefined) return false;
  if (!administration.replaceLost(node)) return false;
  cluster.destroy(node, ruin);
  // Whoever starts it again all the same, by whichever door, must be told that it cannot be.
  if (random.chance(0.5)) node.joins = !node.joins;
  later(random.between(500, 3_000), "start without data", () => cluster.boot(node));
  return true;
}

/** Milliseconds between two looks whether there is a leader yet: in two or three the log says who its members are. */
const FORMED_LOOK_MS = 0.2;
/** Milliseconds at most until the node that lost its disk is started again. */
const BACK_MAX_MS = 200;
/** Milliseconds until somebody asks for another member in its place. */
const REPLACED_MIN_MS = 1_000;
const REPLACED_MAX_MS = 3_000;

/**
 * A first member that follows the first leader has voted, and the log does not say anything of it yet: it loses its disk,
 * and its node comes back as one that joins.
 */
export function loseDiskEarly(scene: Scene): void {
  const { cluster, random, administration, later, happened } = scene;
  const nodes = [...cluster.nodes.values()];
  // Whoever has not heard of a leader may still be waiting for the others to form the cluster.
  const isFormed = nodes.every(({ view }) => view !== undefined && view.leader !== 0);
  if (!isFormed) return later(FORMED_LOOK_MS, "look", () => loseDiskEarly(scene));
  const node = random.pick(nodes.filter((each) => each !== cluster.leader));
  cluster.destroy(node, ({ disk }) => disk.wipe());
  node.joins = true;
  // Not at once: one that was removed would be refused for that.
  const replace = (): void => {
    if (!administration.replaceLost(node)) later(REPLACED_MAX_MS, "replace", replace);
  };
  later(random.between(REPLACED_MIN_MS, REPLACED_MAX_MS), "replace", replace);
  later(random.between(1, BACK_MAX_MS), "join without data", () => cluster.boot(node));
  happened("wipe");
}
