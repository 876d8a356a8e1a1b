/** This node's member was removed from the cluster for good: the process has nothing left to do. */
export class MemberRemoved extends Error {
  override readonly name = "MemberRemoved";
}
