/** What the process's exit code says about a check or a run. */
export const EXIT_CODES = {
  /** Linearizable. */
  ok: 0,
  /** Not linearizable. */
  illegal: 1,
  /** Undecided, or a run that proves nothing. */
  unknown: 2,
  /** The input cannot be used. */
  input: 3,
} as const;
