/**
 * Stops the node when something that must hold does not: going on would let its state part from the other nodes'.
 * @throws Error when `condition` is false.
 */
export function invariant(condition: boolean, message: string): asserts condition {
  if (!condition) throw new Error(`state machine invariant broken: ${message}`);
}
