/**
 * One run of a process on a data directory.
 *
 * Invariant, which Raft rests on: what a member promised, a vote in a term or an entry that it acknowledged, is never
 * forgotten under its id. The incarnation keeps out a directory that is new. A copy of a directory has the incarnation of
 * the original, and has forgotten what the original promised since. So:
 *
 * - each start counts up a number in the directory, durably before any peer is called, and draws a nonce;
 * - a peer notes the newest life that it heard of a member, durably before it heeds a message of that life;
 * - it heeds no other life from then on, unless that has a higher number.
 *
 * In the history of one directory each start has a higher number than all before, whatever crashes lie between: a node
 * that starts is always heeded. A life that is refused is therefore one of a copy, or one that ended: it must stop for good.
 * A copy made while the node ran, and started after it, cannot be told from the node's own next start.
 */
export interface Life {
  /** Which start of the directory it is. */
  readonly number: number;
  /** Random, in hexadecimal digits: tells two lives of one number apart, which begin from copies of one directory. */
  readonly nonce: string;
}

/** Whether a peer that knows one life of a member heeds another. */
export function isHeeded(life: Life, known: Life): boolean {
  return life.number > known.number || (life.number === known.number && life.nonce === known.nonce);
}

/** As it is sent and stored. */
export function lifeText({ number, nonce }: Life): string {
  return `${number}-${nonce}`;
}

/** Undefined for a text that is none. */
export function parseLife(text: string): Life | undefined {
  const [, number, nonce] = /^(\d{1,15})-([0-9a-f]{1,32})$/.exec(text) ?? [];
  return number === undefined || nonce === undefined ? undefined : { number: Number(number), nonce };
}
