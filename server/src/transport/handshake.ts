import { Metadata, status } from "@grpc/grpc-js";
import { idText } from "../raft/index.js";
import { type Life, lifeText, lineageText, parseLife } from "./life.js";

/** Version of the peers' protocol; raised when messages change in a way that an older node would misread. */
export const PEER_PROTOCOL = 1;

/** Who calls whom, in every call between peers. */
export interface Handshake {
  readonly clusterId: number;
  readonly from: number;
  readonly to: number;
  /** Random number of the caller's data directory. */
  readonly incarnation: string;
  /** host:port at which the caller can be dialled, "" when it does not know. */
  readonly address: string;
  /** Whether a change of the configuration set that address, so that it holds for every peer. */
  readonly readdressed: boolean;
  /** Which run of a process on that directory the caller is; missing in versions that do not tell. */
  readonly life?: Life;
}

/** A peer that called, and may. */
export interface Caller {
  readonly id: number;
  readonly incarnation: string;
  readonly address: string;
  readonly readdressed: boolean;
  /** Undefined for a version that does not tell. */
  readonly life: Life | undefined;
}

/** A call from somebody who is no peer of ours. */
export interface Refusal {
  readonly code: status;
  readonly details: string;
  readonly metadata?: Metadata;
}

/** What a node knows of those who may call it. */
export interface Admission {
  readonly clusterId: number;
  readonly self: number;
  /** An incarnation under which a member is known and that is not this one; undefined when there is none. */
  otherIncarnationOf(id: number, incarnation: string): string | undefined;
  /**
   * Notes durably that a member lives this life, unless it is not heeded any more: then it returns the one that is. What
   * cannot be noted throws.
   */
  meet(id: number, life: Life): Life | undefined;
  /** Whether the member belonged to the cluster once, and was removed by an entry that is committed. */
  isRemoved(id: number): boolean;
  /** Why the node does not take part yet; undefined when it does. */
  readonly absence: string | undefined;
}

const LIFE_KEY = "quorate-life";
const REMOVED_KEY = "quorate-removed";

/** The refusal that is final: the caller was removed from the cluster. */
export function removal(clusterId: number, id: number): Refusal {
  const metadata = new Metadata();
  // Anything in between may answer with this code: only these words of ours end a member for ever.
  metadata.set(REMOVED_KEY, `${clusterId}/${id}`);
  return {
    code: status.PERMISSION_DENIED,
    details: `member ${id} was removed from this cluster`,
    metadata,
  };
}

/** Whether an error of a call is the refusal of this very caller as one that was removed. */
export function isRemoval(
  error: unknown,
  { clusterId, from }: Pick<Handshake, "clusterId" | "from">,
): boolean {
  if (!(error instanceof Error) || !("code" in error) || !("metadata" in error)) return false;
  if (error.code !== status.PERMISSION_DENIED || !(error.metadata instanceof Metadata)) return false;
  return error.metadata.get(REMOVED_KEY)[0] === `${clusterId}/${from}`;
}

const ESTRANGED_KEY = "quorate-estranged";

/**
 * The refusal that ends this very process and its data directory for good: the cluster knows the member as another
 * directory, or has heard a newer copy of it.
 */
export function estrangement(clusterId: number, caller: Caller, details: string): Refusal {
  const metadata = new Metadata();
  metadata.set(ESTRANGED_KEY, estrangementText(clusterId, caller.id, caller.incarnation, caller.life));
  return { code: status.FAILED_PRECONDITION, details, metadata };
}

/** Why a life is not heeded any more, for people at both ends. */
export function overtaken(clusterId: number, caller: Caller, newest: Life): Refusal {
  const number = caller.life?.number ?? 0;
  return estrangement(
    clusterId,
    caller,
    `member ${idText(caller.id)} is heard from another process, of start ${newest.number} of its data directory, while the caller is of start ${number}: one of them runs on a copy of the directory, or on an older one that was put back`,
  );
}

/** Whether an error of a call is such a refusal of this very process. */
export function isEstrangement(
  error: unknown,
  { clusterId, from, incarnation, life }: Pick<Handshake, "clusterId" | "from" | "incarnation" | "life">,
): boolean {
  if (!(error instanceof Error) || !("metadata" in error) || !(error.metadata instanceof Metadata))
    return false;
  const told = error.metadata.get(ESTRANGED_KEY)[0];
  return told === estrangementText(clusterId, from, incarnation, life);
}

function estrangementText(
  clusterId: number,
  id: number,
  incarnation: string,
  life: Life | undefined,
): string {
  return `${clusterId}/${id}/${incarnation}/${life === undefined ? "" : lifeText(life)}`;
}

export function handshakeMetadata(handshake: Handshake): Metadata {
  const metadata = new Metadata();
  metadata.set("quorate-cluster-id", String(handshake.clusterId));
  metadata.set("quorate-from", String(handshake.from));
  metadata.set("quorate-to", String(handshake.to));
  metadata.set("quorate-protocol", String(PEER_PROTOCOL));
  metadata.set("quorate-incarnation", handshake.incarnation);
  metadata.set("quorate-address", handshake.address);
  if (handshake.readdressed) metadata.set("quorate-readdressed", "1");
  if (handshake.life !== undefined) metadata.set(LIFE_KEY, lineageText(handshake.life));
  return metadata;
}

/**
 * The caller, or why it is refused. One that this node has never heard of is let in: it may have been added by an entry
 * that this node lacks, and may even lead (thesis, section 4.1). One that is known under another incarnation is not:
 * it lost its disk, hence its votes and what it acknowledged.
 */
export function checkHandshake(metadata: Metadata, admission: Admission): Caller | Refusal {
  const caller = identify(metadata, admission);
  if ("code" in caller) return caller;
  if (admission.absence !== undefined) return { code: status.UNAVAILABLE, details: admission.absence };
  const { id, incarnation, life } = caller;
  const known = admission.otherIncarnationOf(id, incarnation);
  if (known !== undefined) {
    return estrangement(
      admission.clusterId,
      caller,
      `member ${idText(id)} is known under incarnation ${known}, the caller is ${incarnation}: it lost its data directory; remove the member and add it again`,
    );
  }
  return life === undefined ? caller : (heed(admission, caller, life) ?? caller);
}

/** Why a caller that is who it says is not heeded; undefined when it is, which is noted. */
export function heed(admission: Admission, caller: Caller, life: Life): Refusal | undefined {
  let newest: Life | undefined;
  try {
    newest = admission.meet(caller.id, life);
  } catch (error) {
    // A full disk, say: the caller tries again, and this node has other uses for the disk that will tell.
    return { code: status.UNAVAILABLE, details: `this node cannot note the caller: ${String(error)}` };
  }
  return newest === undefined ? undefined : overtaken(admission.clusterId, caller, newest);
}

/** The caller as it says it is, when it is of this cluster and means this node; its incarnation is not checked. */
export function identify(metadata: Metadata, admission: Admission): Caller | Refusal {
  const text = (key: string): string => String(metadata.get(key)[0] ?? "");
  const number = (key: string): number => Number(metadata.get(key)[0] ?? Number.NaN);
  if (number("quorate-protocol") !== PEER_PROTOCOL) {
    return refuse(
      `this node speaks peer protocol ${PEER_PROTOCOL}, the caller ${number("quorate-protocol")}`,
    );
  }
  const { clusterId, self } = admission;
  if (number("quorate-cluster-id") !== clusterId) {
    return refuse(
      `this node belongs to cluster ${clusterId}, the caller to ${number("quorate-cluster-id")}: check --cluster-token and the names in --initial-cluster`,
    );
  }
  if (number("quorate-to") !== self) {
    return refuse(
      `this node is member ${self}, the caller meant ${number("quorate-to")}: check the addresses`,
    );
  }
  const from = number("quorate-from");
  const incarnation = text("quorate-incarnation");
  if (!Number.isSafeInteger(from) || from <= 0 || from === self || !/^[0-9a-f]{1,32}$/.test(incarnation)) {
    return refuse(`member ${from} with incarnation "${incarnation}" does not belong to this cluster`);
  }
  if (admission.isRemoved(from)) {
    return removal(clusterId, from);
  }
  const said = text(LIFE_KEY);
  const life = parseLife(said);
  if (said !== "" && life === undefined) {
    return refuse(`member ${from} says that it lives "${said}": it does not belong to this cluster`);
  }
  const readdressed = text("quorate-readdressed") === "1";
  return { id: from, incarnation, address: text("quorate-address"), readdressed, life };
}

function refuse(details: string): Refusal {
  return { code: status.FAILED_PRECONDITION, details };
}
