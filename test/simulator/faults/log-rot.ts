import { CorruptData } from "../../../server/src/storage/errors.js";
import { SECTOR_BYTES } from "../../../server/src/storage/log/group-header.js";
import { type LogContents, readLog } from "../disk/log-contents.js";
import { PlainFile } from "../disk/plain-file.js";
import type { Decay, LogFile, SimulatedDisk } from "../disk/simulated-disk.js";
import type { Random } from "../world/random.js";
import { pickSome, type Scene } from "./scene.js";

/** Milliseconds at most until the node is started again on what is left. */
const DOWN_MAX_MS = 2_000;

type FileDecay = Exclude<Decay, { readonly kind: "state" }>;

/**
 * One node loses its power, and a part of its log rots. Where that can be told, it must refuse to start, and is replaced;
 * where it starts, it must hold all that it ever synced.
 */
export function rotLog(scene: Scene): boolean {
  const { cluster, random, administration } = scene;
  const nodes = [...cluster.nodes.values()].filter(({ retired }) => !retired);
  if (nodes.some(({ damaged }) => damaged)) return false;
  const node = pickSome(nodes, random);
  if (node === undefined || node.leaving || node.disk.logFiles.length === 0) return false;
  const { disk } = node;
  cluster.killForAWhile(node, true, random.between(50, DOWN_MAX_MS));
  const decay = drawDecay(disk, random);
  if (decay === undefined) return false;
  if (!isRefused(disk, decay)) {
    disk.decay(decay);
    return true;
  }
  // Unless another still waits to be replaced: then a majority might be lost.
  if (!administration.replaceLost(node)) return false;
  cluster.destroy(node, () => disk.decay(decay));
  return true;
}

/** Anything that befalls files, but for what takes back the last write as if it had never reached the disk. */
function drawDecay(disk: SimulatedDisk, random: Random): FileDecay | undefined {
  const log = contentsOf(disk);
  const file = pickSome(disk.logFiles, random);
  if (log === undefined || file === undefined) return undefined;
  const drawn = random.next();
  if (drawn < 0.4) return bitsInLastGroup(disk, log, random);
  if (drawn < 0.75) return bitsAnywhere(file, random);
  if (drawn < 0.9) return { kind: "end", path: file.path, length: random.integer(0, file.bytes.length - 1) };
  return sectorBeforeLastGroup(file, log, random);
}

function bitsAnywhere({ path, bytes }: LogFile, random: Random): FileDecay {
  // The beginning of a sector is where a header may be.
  const sector = SECTOR_BYTES * random.integer(0, bytes.length / SECTOR_BYTES - 1);
  const offset = sector + random.integer(0, random.chance(0.5) ? 60 : SECTOR_BYTES - 1);
  return { kind: "bits", path, offset, bits: random.integer(1, 255) };
}

function bitsInLastGroup(
  disk: SimulatedDisk,
  { scanned }: LogContents,
  random: Random,
): FileDecay | undefined {
  const { segment, offset, bytes } = scanned.lastGroup;
  const path = disk.logFiles.find(({ number }) => number === segment)?.path;
  if (path === undefined) return undefined;
  return {
    kind: "bits",
    path,
    offset: offset + random.integer(0, bytes.length - 1),
    bits: random.integer(1, 255),
  };
}

function sectorBeforeLastGroup(
  file: LogFile,
  { scanned }: LogContents,
  random: Random,
): FileDecay | undefined {
  const { segment, offset } = scanned.lastGroup;
  const end = file.number < segment ? file.bytes.length : file.number === segment ? offset : 0;
  if (end < SECTOR_BYTES) return undefined;
  return {
    kind: "sector",
    path: file.path,
    offset: SECTOR_BYTES * random.integer(0, end / SECTOR_BYTES - 1),
  };
}

function isRefused(disk: SimulatedDisk, decay: FileDecay): boolean {
  const files = new Map<number, Uint8Array>();
  for (const { path, number, bytes } of disk.logFiles) {
    const file = new PlainFile(bytes);
    if (path === decay.path) befall(file, decay);
    files.set(number, file.bytes);
  }
  return isDamaged(() => readLog(files));
}

function befall(file: PlainFile, decay: FileDecay): void {
  if (decay.kind === "bits") file.rot(decay.offset, decay.bits);
  else if (decay.kind === "sector") file.blank(decay.offset);
  else file.shorten(decay.length);
}

function contentsOf(disk: SimulatedDisk): LogContents | undefined {
  let contents: LogContents | undefined;
  // What an earlier fault damaged is not damaged further.
  isDamaged(() => {
    contents = disk.log();
  });
  return contents;
}

function isDamaged(read: () => void): boolean {
  try {
    read();
    return false;
  } catch (error) {
    if (error instanceof CorruptData) return true;
    throw error;
  }
}
