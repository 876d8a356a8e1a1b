import { CommandFailure } from "../command-failure.js";
import { type ExitCode, signalExitCode } from "../exit-code.js";
import { type EndingSignal, endingSignals } from "./signals.js";

/** Listens for ending signals until `stop` is called. */
export interface Interruption {
  /** Aborted at the first ending signal; its reason is the {@link EndingSignal}. */
  readonly signal: AbortSignal;
  /** The first ending signal; undefined while there was none. */
  readonly by: EndingSignal | undefined;
  /** Gives the signals their usual effect again. */
  stop(): void;
}

/** Starts to listen: from here on, ending signals do not end the process by themselves. */
export function listenForInterruption(onSignal: (count: number) => void = () => {}): Interruption {
  const controller = new AbortController();
  let by: EndingSignal | undefined;
  let count = 0;
  const listener = (signal: NodeJS.Signals): void => {
    const known = endingSignals.find((each) => each === signal);
    if (known === undefined) return;
    count += 1;
    by ??= known;
    controller.abort(known);
    onSignal(count);
  };
  for (const signal of endingSignals) process.on(signal, listener);
  return {
    signal: controller.signal,
    get by() {
      return by;
    },
    stop() {
      for (const signal of endingSignals) process.off(signal, listener);
    },
  };
}

/** The failure of a command that a signal ended before its work was done. Its exit code is that of shells. */
export function interruptedBefore(work: string, by: EndingSignal): CommandFailure {
  const code: ExitCode = signalExitCode(by);
  return new CommandFailure(code, `${by} came before ${work}`);
}
