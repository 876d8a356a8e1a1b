/** Calls back once when the signal is aborted, at once when it is already: a listener alone would never hear of that. */
export function onAbort(signal: AbortSignal, listener: () => void): void {
  if (signal.aborted) listener();
  else signal.addEventListener("abort", listener, { once: true });
}
