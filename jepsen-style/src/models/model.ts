/**
 * One operation of a history on one object, as a checker sees it: what was called, what came back, and when.
 * Times are positions in one total order of events (for a file, line numbers): only their order matters.
 */
export interface Operation<Call> {
  /** Position of the operation in the history's list of operations. */
  readonly id: number;
  /** What was called, with what it returned where the outcome is known. */
  readonly call: Call;
  /** When it was invoked. */
  readonly invokedAt: number;
  /** When it completed; undefined when nobody knows whether it happened: it may take effect at any later time, or never. */
  readonly completedAt: number | undefined;
}

/** What {@link Machine.step} answers when the operation cannot have returned what it did in that state. */
export const ILLEGAL = -1;

/**
 * A model made ready for the operations of one partition. States and operations are small integers, so that a
 * search compares and stores nothing else. Operation `op` is the position in the list given to `compile`.
 */
export interface Machine {
  /** The state before any operation. */
  readonly initial: number;
  /**
   * The state that stands for all values which no operation of the partition can tell apart from each other,
   * because nobody ever observed one of them.
   */
  readonly unobserved: number;
  /** The state after `op`, or {@link ILLEGAL}. */
  step(state: number, op: number): number;
  /** Whether `op` leaves every state as it is. */
  readOnly(op: number): boolean;
  /** A number shared by exactly the operations that act alike in every state. */
  classOf(op: number): number;
}

/** What one kind of object does, as a pure value. */
export interface Model<Call> {
  /** The name people choose it by. */
  readonly name: string;
  /** The partition of a call: operations of different partitions never affect each other. */
  partition(call: Call): string;
  /**
   * Leaves out operations that cannot change the verdict of their partition; each model argues in its comment why.
   * Every definite mutation stays.
   */
  prune(operations: readonly Operation<Call>[]): Operation<Call>[];
  /** Prepares the operations of one pruned partition. */
  compile(operations: readonly Operation<Call>[]): Machine;
  /** The call for people, such as `write 3`. */
  describe(call: Call): string;
  /**
   * The state for people after these calls took effect in this order, from the object's beginning. It follows what the
   * calls mean, not the machine, whose states put values together that no operation tells apart.
   */
  describeStateAfter(calls: readonly Call[]): string;
}
