/** What the exit code of a command of the simulator says. */
export const EXIT_CODES = {
  ok: 0,
  /** A promise was broken; or, of the mutations, one was not caught. */
  violated: 1,
  /** Too little happened for the run to prove anything. */
  tooLittle: 2,
  /** The arguments cannot be used, or the simulation itself failed. */
  unusable: 3,
} as const;

/** A check that each of these options, where it is given, is a whole number and no smaller than this. */
export function wholeNumbers(
  least: Readonly<Record<string, number>>,
): (given: Readonly<Record<string, unknown>>) => true {
  return (given) => {
    for (const [option, floor] of Object.entries(least)) {
      const value = given[option];
      if (value === undefined || (Number.isSafeInteger(value) && Number(value) >= floor)) continue;
      throw new Error(`--${option} takes a whole number, ${floor} or more`);
    }
    return true;
  };
}

/** Ends the command when its arguments cannot be used, or it fails otherwise than by what it looks for. */
export function fail(message: string | undefined, error?: Error): never {
  console.error(error?.message ?? message);
  console.error("--help says what can be given");
  process.exit(EXIT_CODES.unusable);
}
