import { type Cancellable, currentProcess, currentWorld } from "./world.js";

// What the code of server, SDK and workloads gets in place of Node's globals: the running process's own time and chance.

/** A pending timer, as far as Node's is used. */
export class Timer {
  scheduled: Cancellable | undefined;

  ref(): this {
    return this;
  }

  unref(): this {
    return this;
  }

  [Symbol.dispose](): void {
    clearTimeout(this);
  }
}

export function setTimeout<Arguments extends unknown[]>(
  run: (...given: Arguments) => void,
  delayMs = 0,
  ...given: Arguments
): Timer {
  const process = currentProcess();
  const world = currentWorld();
  const timer = new Timer();
  const deadlineMs = process.monotonicMs(world.nowMs) + Math.max(1, delayMs);
  const arm = (): void => {
    const leftMs = (deadlineMs - process.monotonicMs(world.nowMs)) / process.clockRate;
    timer.scheduled = world.after(leftMs, process, "timeout", () => {
      // The clock may have been slowed since.
      if (process.monotonicMs(world.nowMs) < deadlineMs - 0.001) arm();
      else {
        timer.scheduled = undefined;
        run(...given);
      }
    });
  };
  // Node's longest delay is some 24 days; longer ones fire at once there. None of ours is longer.
  arm();
  return timer;
}

export function setInterval(run: () => void, intervalMs = 1): Timer {
  const process = currentProcess();
  const world = currentWorld();
  const timer = new Timer();
  const everyMs = Math.max(1, intervalMs);
  const arm = (): void => {
    timer.scheduled = world.after(everyMs / process.clockRate, process, "interval", () => {
      arm();
      run();
    });
  };
  arm();
  return timer;
}

export function clearTimeout(timer: Timer | undefined): void {
  if (timer?.scheduled !== undefined) timer.scheduled.cancelled = true;
}

export const clearInterval = clearTimeout;

export function setImmediate<Arguments extends unknown[]>(
  run: (...given: Arguments) => void,
  ...given: Arguments
): Cancellable {
  const process = currentProcess();
  const world = currentWorld();
  if (process.turnDelayMs === 0) return world.soon(process, "turn", () => run(...given));
  process.nextTurnMs = Math.max(
    process.nextTurnMs,
    world.nowMs + process.random.exponential(process.turnDelayMs),
  );
  return world.at(process.nextTurnMs, process, "turn", () => run(...given));
}

export function clearImmediate(immediate: Cancellable | undefined): void {
  if (immediate !== undefined) immediate.cancelled = true;
}

export const performance = {
  now(): number {
    return currentProcess().monotonicMs(currentWorld().nowMs);
  },
};

/** In place of Date.now. */
export function dateNow(): number {
  return currentProcess().wallMs(currentWorld().nowMs);
}

/** In place of Math.random. */
export function mathRandom(): number {
  return currentProcess().random.next();
}
