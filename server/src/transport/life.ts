/**
 * One run of a process on a data directory.
 *
 * Invariant, which Raft rests on: what a member promised, a vote in a term or an entry that it acknowledged, is never
 * forgotten under its id. The incarnation keeps out a directory that is new. A copy of a directory has the incarnation of
 * the original, and has forgotten what the original promised since. So:
 *
 * - each start counts up a number in the directory and adds a nonce, durably before any peer is called;
 * - a peer notes the newest life that it heard of a member, durably before it heeds a message of that life;
 * - it heeds no other life from then on, but one that descends from it: of a higher number, with its nonce among its own.
 *
 * In the history of one directory each start has a higher number than all before, whatever crashes lie between, and keeps
 * their nonces: a node that starts is always heeded. A life that is refused is therefore one of a copy, however often that
 * was started, or one that ended: it must stop for good. A copy made while the node ran, and started after it, cannot be
 * told from the node's own next start.
 */
export interface Life {
  /** Which start of the directory it is. */
  readonly number: number;
  /** Random, in hexadecimal digits: tells two lives of one number apart, which begin from copies of one directory. */
  readonly nonce: string;
  /** The nonces of the starts before, the latest first, as far back as NONCES_MAX. */
  readonly before: readonly string[];
}

/** Nonces that a directory keeps: more starts than a copy makes before somebody tells it, few enough for a handshake. */
export const NONCES_MAX = 64;

/**
 * Whether a peer that knows one life of a member heeds another. One that began so long after it that its nonce is not
 * kept any more is heeded: the peer was away for that long.
 */
export function isHeeded({ number, nonce, before }: Life, known: Pick<Life, "number" | "nonce">): boolean {
  if (number <= known.number) return number === known.number && nonce === known.nonce;
  const kept = before[number - known.number - 1];
  return kept === undefined || kept === known.nonce;
}

/** A life as it is noted; its descendants tell what was before it. */
export function lifeText({ number, nonce }: Pick<Life, "number" | "nonce">): string {
  return `${number}-${nonce}`;
}

/** A life with all that was before, as it is sent. */
export function lineageText(life: Life): string {
  return [lifeText(life), ...life.before].join(".");
}

/** What lifeText() or lineageText() wrote; undefined for another text. */
export function parseLife(text: string): Life | undefined {
  const [own = "", ...before] = text.split(".", NONCES_MAX);
  const [, number, nonce] = /^(\d{1,15})-([0-9a-f]{1,16})$/.exec(own) ?? [];
  if (number === undefined || nonce === undefined) return undefined;
  if (!before.every((each) => /^[0-9a-f]{1,16}$/.test(each))) return undefined;
  return { number: Number(number), nonce, before };
}
