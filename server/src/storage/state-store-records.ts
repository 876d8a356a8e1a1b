import { fromBinary, toBinary } from "@bufbuild/protobuf";
import { LeaseRecordSchema, MemberCommandSchema, SessionResultRecordSchema } from "@quorate/proto";
import type { SetMember } from "../state-machine/command.js";
import type { LeaseImage } from "../state-machine/state-image.js";
import { CorruptData } from "./errors.js";
import { resultFromRecord, resultToRecord } from "./state-store-results.js";

/** The bytes of a lease's record; its id is the row's. */
export function encodeLease(lease: LeaseImage): Uint8Array {
  const { session } = lease;
  return toBinary(LeaseRecordSchema, {
    $typeName: LeaseRecordSchema.typeName,
    ttlMs: BigInt(lease.ttlMs),
    grantedIndex: BigInt(lease.grantedIndex),
    remainingMs: BigInt(lease.remainingMs),
    session: session !== undefined,
    lowestPending: BigInt(session === undefined ? 0 : session.lowestPending),
    results: (session?.results ?? []).map(([sequence, result]) => ({
      $typeName: SessionResultRecordSchema.typeName,
      sequence: BigInt(sequence),
      result: resultToRecord(result),
    })),
  });
}

/**
 * The lease of that id and record.
 * @throws CorruptData when the record makes no sense.
 */
export function decodeLease(id: number, bytes: Uint8Array): LeaseImage {
  const record = fromBinary(LeaseRecordSchema, bytes);
  const results = record.results.map(({ sequence, result }) => {
    if (result === undefined)
      throw new CorruptData(`session ${id} has an empty result at sequence ${sequence}`);
    return [Number(sequence), resultFromRecord(result)] as const;
  });
  return {
    id,
    ttlMs: Number(record.ttlMs),
    grantedIndex: Number(record.grantedIndex),
    remainingMs: Number(record.remainingMs),
    session: record.session ? { lowestPending: Number(record.lowestPending), results } : undefined,
  };
}

/** The bytes of a member's record. */
export function encodeMember(member: SetMember): Uint8Array {
  return toBinary(MemberCommandSchema, {
    $typeName: MemberCommandSchema.typeName,
    memberId: BigInt(member.memberId),
    name: member.name,
    peerAddress: member.peerAddress,
    clientEndpoint: member.clientEndpoint,
    format: member.format,
    incarnation: member.incarnation,
  });
}

/** The member of these bytes. */
export function decodeMember(bytes: Uint8Array): SetMember {
  const record = fromBinary(MemberCommandSchema, bytes);
  const { name, peerAddress, clientEndpoint, format, incarnation } = record;
  const memberId = Number(record.memberId);
  return { kind: "member", memberId, name, peerAddress, clientEndpoint, format, incarnation };
}
