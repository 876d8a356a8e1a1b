import { type FaultKind, faultKinds } from "../run/fault-kinds.js";
import { contestedRemoval } from "./contested-removal.js";
import { copyDirectory } from "./copies.js";
import { destroy, failDisk, loseDiskEarly, rotState } from "./disks.js";
import {
  blockOneWay,
  congestion,
  cutOffNextLeader,
  isolateLeader,
  partitionSome,
  slowLink,
} from "./links.js";
import { rotLog } from "./log-rot.js";
import { cutOffMinority } from "./minority.js";
import { forgetConnections, oneConnection } from "./one-connection.js";
import {
  changeClockRate,
  hangOne,
  jumpWallClock,
  killSome,
  killSomeClient,
  pauseClient,
  pauseSome,
  upgradeSome,
} from "./processes.js";
import type { Scene, Victims } from "./scene.js";

export type { Administration, Victims } from "./scene.js";

type Inject = (scene: Scene) => boolean;

/** How each kind of fault is done. Returns whether it has happened: what is only prepared is told when it does. */
const injections: Readonly<Record<FaultKind, Inject>> = {
  kill: (scene) => killSome(scene, false),
  power: (scene) => killSome(scene, true),
  pause: pauseSome,
  partition: partitionSome,
  isolateLeader,
  newLeader: cutOffNextLeader,
  oneWay: blockOneWay,
  oneConnection,
  halfOpen: forgetConnections,
  slowLink,
  congestion,
  diskCrash: (scene) => failDisk(scene, { crashBefore: 0.02, crashUnsynced: 0.02, crashAfter: 0.02 }),
  diskError: (scene) => failDisk(scene, { syncError: 0.05 }),
  diskFull: (scene) => failDisk(scene, { full: 0.05 }),
  diskStall: (scene) => failDisk(scene, { slow: 1, slowMsMin: 100, slowMsMax: 3_000 }),
  clockRate: changeClockRate,
  wallJump: jumpWallClock,
  transfer: ({ administration }) => administration.transfer(),
  membership: ({ administration }) => administration.changeMembership(),
  move: ({ administration }) => administration.move(),
  contestedRemoval,
  copy: copyDirectory,
  wipe: (scene) => destroy(scene, (node) => node.disk.wipe()),
  bitRot: (scene) => (scene.random.chance(0.3) ? destroy(scene, rotState) : rotLog(scene)),
  clientPause: pauseClient,
  clientKill: killSomeClient,
  upgrade: upgradeSome,
  hang: hangOne,
  minority: cutOffMinority,
};

/** Brings about faults, each kind on its own schedule, several at once. */
export class Nemesis {
  readonly counts = new Map<FaultKind, number>();
  readonly #scene: Scene;
  /** What was prepared before it was stopped, and started again, is called off. */
  #starts = 0;
  #stopped = true;

  constructor(victims: Victims) {
    this.#scene = {
      ...victims,
      later: (delayMs, label, run) => {
        const preparedIn = this.#starts;
        victims.world.after(delayMs, undefined, label, () => {
          if (!this.#stopped && preparedIn === this.#starts) run();
        });
      },
      happened: (kind) => this.counts.set(kind, (this.counts.get(kind) ?? 0) + 1),
    };
  }

  start(): void {
    this.#stopped = false;
    this.#starts += 1;
    const { options, network } = this.#scene;
    for (const kind of faultKinds) {
      const meanMs = options.faults[kind];
      if (meanMs !== undefined) this.#next(kind, meanMs);
    }
    const { lossRate, duplicationRate, reorderingRate, replayRate } = options;
    network.messageFaults = { lossRate, duplicationRate, reorderingRate, replayRate };
  }

  /** As soon as a leader is known to all first members, before the log says anything of them, one loses its disk. */
  loseDiskEarly(): void {
    loseDiskEarly(this.#scene);
  }

  #next(kind: FaultKind, meanMs: number): void {
    const { random, later, happened } = this.#scene;
    later(random.exponential(meanMs), kind, () => {
      if (injections[kind](this.#scene)) happened(kind);
      this.#next(kind, meanMs);
    });
  }

  /** Until it is started again, nothing goes wrong from now on, neither what was prepared nor what was to end by itself: whoever stops it heals. */
  stop(): void {
    this.#stopped = true;
    const { cluster, administration } = this.#scene;
    cluster.onNextLeader = undefined;
    cluster.endCopies();
    administration.askAnybody();
    for (const { process } of cluster.live) if (process !== undefined) process.stepAlarm = undefined;
  }
}
