import { durabilityMutations } from "./durability.js";
import { electionMutations } from "./elections.js";
import { hearingMutations } from "./hearing.js";
import { historyMutations } from "./histories.js";
import { leaseMutations } from "./leases.js";
import type { Mutation } from "./mutation.js";
import { ownershipMutations } from "./ownership.js";
import { readMutations } from "./reads.js";
import { replicationMutations } from "./replication.js";
import { serviceMutations } from "./service.js";
import { sessionMutations } from "./sessions.js";
import { stateMutations } from "./state.js";
import { storageMutations } from "./storage.js";
import { watchMutations } from "./watches.js";

/** Every known wrong behaviour. */
export const mutations: readonly Mutation[] = [
  ...electionMutations,
  ...replicationMutations,
  ...readMutations,
  ...durabilityMutations,
  ...stateMutations,
  ...leaseMutations,
  ...ownershipMutations,
  ...watchMutations,
  ...sessionMutations,
  ...hearingMutations,
  ...serviceMutations,
  ...historyMutations,
  ...storageMutations,
];

/** @throws Error for an unknown name. */
export function findMutation(name: string): Mutation {
  const mutation = mutations.find((each) => each.name === name);
  if (mutation === undefined) {
    throw new Error(`no mutation "${name}": npm run mutations -- --list shows them all`);
  }
  return mutation;
}
