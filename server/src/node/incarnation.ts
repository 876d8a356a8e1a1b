import { randomBytes } from "node:crypto";

/** The random number of a new data directory, in hexadecimal digits. */
export function freshIncarnation(): string {
  return randomBytes(16).toString("hex");
}

/** The random number of a start, in hexadecimal digits: tells apart the few starts of copies of one directory. */
export function freshNonce(): string {
  return randomBytes(4).toString("hex");
}

/** The random id of a new history, 16 hexadecimal digits. */
export function freshHistoryId(): string {
  return randomBytes(8).toString("hex");
}
