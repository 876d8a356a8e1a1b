/** Longest delay that setTimeout takes, in milliseconds: a longer one would fire at once, with a warning. */
export const delayMaxMs = 2 ** 31 - 1;

/** A timer that can be taken back. */
export interface LongTimer {
  cancel(): void;
}

/** Calls back after `delayMs`, however long that is; never for Infinity. Keeps the process alive meanwhile. */
export function after(delayMs: number, callback: () => void): LongTimer {
  const dueAtMs = performance.now() + delayMs;
  let timer: NodeJS.Timeout | undefined;
  const arm = (): void => {
    const leftMs = dueAtMs - performance.now();
    timer = setTimeout(leftMs > delayMaxMs ? arm : callback, Math.min(delayMaxMs, Math.max(0, leftMs)));
  };
  if (delayMs !== Number.POSITIVE_INFINITY) arm();
  return { cancel: () => clearTimeout(timer) };
}
