import type { ErrorResult, RefusalCode } from "./result.js";

/** The result of a command or read that was refused; nothing was changed. `revision` as ErrorResult says. */
export function refuse(code: RefusalCode, message: string, revision = 0): ErrorResult {
  return { kind: "error", code, message, revision };
}
