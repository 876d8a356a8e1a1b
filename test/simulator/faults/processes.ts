import { isOlder } from "../cluster/simulated-node.js";
import type { Process } from "../world/process.js";
import type { World } from "../world/world.js";
import { pickSome, type Scene, someLive, touchable } from "./scene.js";

/**
 * One node, or now and then all of them at once: a data centre that loses its power has no majority left to ask. One node
 * dies some events later, if it has so many.
 */
export function killSome(scene: Scene, power: boolean): boolean {
  const { cluster, random, options, happened } = scene;
  const drawDownMs = (): number => 20 + random.exponential(random.pick([200, 1_500, 6_000]) * options.tempo);
  if (random.chance(0.15)) {
    // At one moment: nobody does anything more for having seen another one go.
    const { live } = cluster;
    for (const node of live) cluster.killForAWhile(node, power, drawDownMs());
    return live.length > 0;
  }
  const node = someLive(scene);
  const process = node?.process;
  if (node === undefined || process === undefined) return false;
  const downMs = drawDownMs();
  // Between two events of the process, rather than at a moment of the world's.
  process.stepAlarm = {
    at: process.steps + random.integer(1, 30),
    run: () => {
      happened(power ? "power" : "kill");
      cluster.killForAWhile(node, power, downMs);
    },
  };
  return false;
}

/** How many pauses each process is in: it goes on after the last one. */
const pauses = new WeakMap<Process, number>();

function pauseFor({ world, network, later }: Scene, process: Process, ms: number): void {
  // Everything was healed meanwhile, which ended whatever pauses there were.
  if (process.blockedUntilMs !== Number.POSITIVE_INFINITY) pauses.delete(process);
  pauses.set(process, (pauses.get(process) ?? 0) + 1);
  world.pause(process);
  network.paused(process);
  later(ms, "resume", () => {
    const left = (pauses.get(process) ?? 1) - 1;
    pauses.set(process, left);
    if (left === 0) world.resume(process);
  });
}

export function pauseSome(scene: Scene): boolean {
  const { random, options } = scene;
  const process = someLive(scene)?.process;
  if (process === undefined) return false;
  pauseFor(scene, process, random.exponential(random.pick([300, 1_500, 5_000]) * options.tempo));
  return true;
}

/** Milliseconds after a node that hung goes on before another one may: it catches up, and clients find back. */
const HANG_PAUSE_MS = 3_000;

/** Where nobody hangs before this, in true milliseconds. */
const hangFreeMs = new WeakMap<World, { atMs: number }>();

/** One node at a time, for longer than any session's time without a keepalive. */
export function hangOne(scene: Scene): boolean {
  const { world, random, options, cluster } = scene;
  const free = hangFreeMs.get(world) ?? { atMs: 0 };
  hangFreeMs.set(world, free);
  const process = someLive(scene)?.process;
  if (world.nowMs < free.atMs || process === undefined || cluster.leader === undefined) return false;
  const ms = options.sessionTtlMs * random.pick([0.5, 1.5, 3]);
  free.atMs = world.nowMs + ms + HANG_PAUSE_MS;
  pauseFor(scene, process, ms);
  return true;
}

export function pauseClient(scene: Scene): boolean {
  const { random, clients } = scene;
  const process = pickSome(clients(), random);
  if (process === undefined) return false;
  pauseFor(scene, process, random.exponential(2_000));
  return true;
}

export function killSomeClient({ random, clients, killClient }: Scene): boolean {
  const process = pickSome(clients(), random);
  if (process === undefined) return false;
  killClient(process);
  return true;
}

/** One node of an older version, stopped and started again with the newest. */
export function upgradeSome(scene: Scene): boolean {
  const { cluster, random } = scene;
  const node = pickSome(touchable(scene).filter(isOlder), random);
  if (node === undefined) return false;
  const downMs = 20 + random.exponential(500);
  cluster.upgrade(node, downMs);
  return true;
}

export function changeClockRate(scene: Scene): boolean {
  const { random, world, options } = scene;
  const process = someLive(scene)?.process;
  if (process === undefined || options.clockDriftMax === 0) return false;
  const drift = options.clockDriftMax;
  process.setClockRate(random.between(1 - drift, 1 + drift), world.nowMs);
  return true;
}

export function jumpWallClock(scene: Scene): boolean {
  const process = someLive(scene)?.process;
  if (process === undefined) return false;
  process.jumpWallClock(scene.random.between(-1, 1) * 60_000);
  return true;
}
