import { constants } from "node:os";

/** Signals that end a command in order: Ctrl-C, a supervisor's stop, a closed terminal, Ctrl-\. */
export const endingSignals = ["SIGINT", "SIGTERM", "SIGHUP", "SIGQUIT"] as const;

/** A signal of the operating system that ends a command. */
export type EndingSignal = (typeof endingSignals)[number];

/** Signals that mean something to a command only, and would end a process that does not listen. */
const otherSignals = [
  ...(["SIGUSR1", "SIGUSR2", "SIGALRM", "SIGVTALRM", "SIGWINCH"] as const),
  ...(["SIGXCPU", "SIGXFSZ", "SIGPWR", "SIGIO", "SIGURG"] as const),
];

/** Signals that a command under an ownership is told of. SIGKILL and SIGSTOP cannot be caught. */
export const forwardedSignals: readonly NodeJS.Signals[] = [...endingSignals, ...otherSignals].filter(
  (signal) => signal in constants.signals,
);
