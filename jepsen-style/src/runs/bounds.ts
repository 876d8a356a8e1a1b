/** The bounds of a run. What a person chooses is between a minimum and a maximum; the rest is fixed. */
export const RUN_BOUNDS = {
  /** Seconds of load and faults. At most an hour: the history is held in memory. */
  timeLimitS: { min: 5, max: 3_600, standard: 60 },
  /** Operations per second over all workers. More would load a small machine rather than find faults. */
  rate: { min: 1, max: 5_000, standard: 200 },
  /** Workers, each with a client of its own. Above a few per key a checker's work explodes. */
  concurrency: { min: 1, max: 100, standard: 10 },
  /** Registers. */
  keys: { min: 1, max: 1_000, standard: 5 },
} as const;

/** How long one operation may take, in milliseconds: a few elections would fit, a fault often does not. */
export const OPERATION_TIMEOUT_MS = 2_000;
/** How long the first start of a cluster may take, in milliseconds. */
export const START_TIMEOUT_MS = 30_000;
/** How long a healed cluster may take until every node is ready, in milliseconds. */
export const RECOVERY_TIMEOUT_MS = 60_000;
/** How long final reads and convergence may take, in milliseconds. */
export const FINAL_TIMEOUT_MS = 30_000;
/** How long the check of a run may take, in milliseconds. */
export const CHECK_TIMEOUT_MS = 300_000;
/** Pause between two attempts at something that is not there yet, in milliseconds. */
export const RETRY_PAUSE_MS = 200;
/** Time between two lines about progress, in milliseconds. */
export const PROGRESS_INTERVAL_MS = 5_000;

/** A run proves nothing when fewer than this share of the operations asked for by rate and time succeeded. */
export const OK_SHARE_MIN = 0.1;
