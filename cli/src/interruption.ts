/** Signals that end a command in order: Ctrl-C, a supervisor's stop, a closed terminal. */
const endingSignals = ["SIGINT", "SIGTERM", "SIGHUP"] as const;

/** A signal of the operating system that ends a command. */
export type EndingSignal = (typeof endingSignals)[number];

/** Listens for ending signals until `stop` is called. */
export interface Interruption {
  /** Aborted at the first ending signal; its reason is the {@link EndingSignal}. */
  readonly signal: AbortSignal;
  /** Gives the signals their usual effect again. */
  stop(): void;
}

/** Starts to listen: from here on, ending signals do not end the process by themselves. */
export function listenForInterruption(
  onSignal: (signal: EndingSignal, count: number) => void = () => {},
): Interruption {
  const controller = new AbortController();
  let count = 0;
  const listener = (signal: NodeJS.Signals): void => {
    const known = endingSignals.find((each) => each === signal);
    if (known === undefined) return;
    count += 1;
    controller.abort(known);
    onSignal(known, count);
  };
  for (const signal of endingSignals) process.on(signal, listener);
  return {
    signal: controller.signal,
    stop() {
      for (const signal of endingSignals) process.off(signal, listener);
    },
  };
}
