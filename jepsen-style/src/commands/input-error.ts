/** A flag with a value that cannot be used. The message names the flag and what was expected. */
export class InputError extends Error {
  override readonly name = "InputError";
}
