/** What is on disk is not what was written: the node must not go on with it. */
export class CorruptData extends Error {
  override readonly name = "CorruptData";
}

/** The data directory cannot be used by this node: another's, of another version, or in use. */
export class UnusableDataDirectory extends Error {
  override readonly name = "UnusableDataDirectory";
}
