import { randomBytes } from "node:crypto";

/** The random number of a new data directory, in hexadecimal digits. */
export function freshIncarnation(): string {
  return randomBytes(16).toString("hex");
}

/** The random number of a process, in hexadecimal digits. */
export function freshNonce(): string {
  return randomBytes(8).toString("hex");
}
