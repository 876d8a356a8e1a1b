/** Who is told of each signal. */
const listeners = new WeakMap<AbortSignal, Set<() => void>>();

/**
 * Calls `listener` when the signal is aborted, not when it is already; the returned function takes that back.
 *
 * However many calls wait on a signal, it has one listener of this library: the runtime warns of a leak from eleven on, and
 * adding one to many takes time in proportion.
 */
export function onAbort(signal: AbortSignal, listener: () => void): () => void {
  const own = () => listener();
  let told = listeners.get(signal);
  if (told === undefined) {
    told = listen(signal);
    listeners.set(signal, told);
  }
  told.add(own);
  const waiting = told;
  return () => {
    if (!waiting.delete(own) || waiting.size > 0) return;
    if (listeners.get(signal) === waiting) stop(signal);
  };
}

/** How to take the one listener away again. */
const stops = new WeakMap<AbortSignal, () => void>();

function listen(signal: AbortSignal): Set<() => void> {
  const told = new Set<() => void>();
  const tell = (): void => {
    stop(signal);
    for (const listener of [...told]) if (told.delete(listener)) listener();
  };
  stops.set(signal, () => signal.removeEventListener("abort", tell));
  signal.addEventListener("abort", tell, { once: true });
  return told;
}

function stop(signal: AbortSignal): void {
  stops.get(signal)?.();
  stops.delete(signal);
  listeners.delete(signal);
}
