import { WatchHub } from "../../../server/src/node/watch-hub.js";
import type { Process } from "../world/process.js";
import { currentProcess } from "../world/world.js";

const hubs = new WeakMap<Process, WatchHub>();
const plainAdd = WatchHub.prototype.add;

/** Lets `watchesAt` find each server's watches. */
export function captureWatches(): void {
  WatchHub.prototype.add = function (this: WatchHub, ...given) {
    hubs.set(currentProcess(), this);
    return plainAdd.apply(this, given);
  };
}

/** How many watches a server's process serves. */
export function watchesAt(process: Process): number {
  return hubs.get(process)?.count ?? 0;
}
