import type { SimulatedNode } from "../cluster/simulated-node.js";
import { SimulatedDisk } from "../disk/simulated-disk.js";
import { pickSome, type Scene, touchable } from "./scene.js";

/** Milliseconds between two looks whether everybody has noted the node that goes on. */
const LOOK_INTERVAL_MS = 50;
/** Looks after which nobody waits any longer. */
const LOOKS_MAX = 100;
/** Starts of a copy: a supervisor does not give up after the first. */
const STARTS = 3;

/**
 * A node's directory is copied while it is stopped, and the node goes on. When every other one has noted its next life, the
 * copy is started: beside it, on a machine that was cloned, or in its place, as an old backup that is put back where the
 * disk was lost. What it knows of its votes is old, so nobody may take anything of it.
 *
 * Started earlier, it would be the node for all that anybody can tell.
 */
export function copyDirectory(scene: Scene): boolean {
  const { cluster, random, options, later } = scene;
  const node = pickSome(
    touchable(scene).filter(({ leaving, damaged, view }) => !leaving && !damaged && view !== undefined),
    random,
  );
  const id = node?.id;
  if (node === undefined || id === undefined) return false;
  cluster.kill(node, false);
  const disk = new SimulatedDisk({ root: node.disk.root, random: random.fork(cluster.boots).next });
  disk.copyOf(node.disk);
  const { joins, peerPort } = node;
  const copied = startsOf(disk);
  cluster.boot(node);
  let looks = 0;
  const look = (): void => {
    // Where it moved meanwhile, the copy would listen at an address that is another's by now.
    if (node.retired || node.joins !== joins || node.peerPort !== peerPort || looks++ > LOOKS_MAX) return;
    if (!isNoted(scene, node, copied)) return later(LOOK_INTERVAL_MS, "look", look);
    bring(scene, node, disk);
  };
  later(LOOK_INTERVAL_MS * options.tempo, "look", look);
  return false;
}

/** Starts the copy, again and again. */
function bring(scene: Scene, node: SimulatedNode, disk: SimulatedDisk): void {
  const { cluster, random, administration, later, happened } = scene;
  const others = [...cluster.nodes.values()].filter(({ retired }) => !retired);
  const isLost =
    random.chance(0.5) && !others.some(({ damaged }) => damaged) && administration.replaceLost(node);
  if (isLost) cluster.destroy(node, ({ disk: lost }) => lost.wipe());
  const host = isLost ? node.name : `${node.name}-copy`;
  happened("copy");
  let starts = 0;
  const start = (): void => {
    cluster.bootCopy(node, disk, host);
    if (++starts < STARTS) later(random.between(500, 3_000), "start the copy", start);
  };
  start();
}

/** Whether every node that a copy might call has noted a later life than was copied. */
function isNoted({ cluster }: Scene, { id, name }: SimulatedNode, copied: number): boolean {
  return [...cluster.nodes.values()].every(
    (other) => other.name === name || other.retired || other.damaged || notedBy(other.disk, id ?? 0) > copied,
  );
}

/** The number of the newest life of a member that a node noted; 0 for none. */
function notedBy(disk: SimulatedDisk, id: number): number {
  const lives = fieldOf(disk, "peers.json", "lives");
  const life =
    typeof lives === "object" && lives !== null ? new Map(Object.entries(lives)).get(String(id)) : "";
  return Number.parseInt(String(life), 10) || 0;
}

/** How often a process was started on a directory. */
function startsOf(disk: SimulatedDisk): number {
  return Number(fieldOf(disk, "identity.json", "starts") ?? 0);
}

function fieldOf(disk: SimulatedDisk, file: string, field: string): unknown {
  const bytes = disk.volume.find(`${disk.root}/${file}`)?.bytes;
  if (bytes === undefined) return undefined;
  const found: unknown = JSON.parse(Buffer.from(bytes).toString("utf8"));
  return typeof found === "object" && found !== null ? new Map(Object.entries(found)).get(field) : undefined;
}
