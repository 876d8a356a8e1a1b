import {
  type CommandResult,
  CommandResultSchema,
  ErrorCode,
  type RangeResult as RangeResultRecord,
  type StoredEntry,
} from "@quorate/proto";
import type { Entry } from "../state-machine/entry.js";
import type { Key } from "../state-machine/key.js";
import type { RangeEntry, RefusalCode, Result } from "../state-machine/result.js";
import { CorruptData } from "./errors.js";

const refusalNumbers: Record<RefusalCode, number> = {
  INVALID_ARGUMENT: ErrorCode.INVALID_ARGUMENT,
  LEASE_NOT_FOUND: ErrorCode.LEASE_NOT_FOUND,
  LEASE_EXISTS: ErrorCode.LEASE_EXISTS,
  SESSION_EXPIRED: ErrorCode.SESSION_EXPIRED,
  SEQUENCE_FORGOTTEN: ErrorCode.SEQUENCE_FORGOTTEN,
  FENCED: ErrorCode.FENCED,
  COMPACTED: ErrorCode.COMPACTED,
  FUTURE_REVISION: ErrorCode.FUTURE_REVISION,
  MEMBERSHIP_REFUSED: ErrorCode.MEMBERSHIP_REFUSED,
  QUOTA_EXCEEDED: ErrorCode.QUOTA_EXCEEDED,
  SPACE_EXCEEDED: ErrorCode.SPACE_EXCEEDED,
  SESSION_FULL: ErrorCode.SESSION_FULL,
  LEASES_EXCEEDED: ErrorCode.LEASES_EXCEEDED,
  KEY_NOT_FOUND: ErrorCode.KEY_NOT_FOUND,
};

const noBytes = new Uint8Array(0);

/** The bytes of a key. */
export function keyToBytes(key: Key): Uint8Array {
  return Buffer.from(key, "latin1");
}

/** The key of these bytes. */
export function keyFromBytes(bytes: Uint8Array): Key {
  const buffer =
    bytes instanceof Buffer ? bytes : Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  return buffer.toString("latin1");
}

/** The record of a result, as a session keeps it on disk. */
export function resultToRecord(result: Result): CommandResult {
  return { $typeName: CommandResultSchema.typeName, result: caseOf(result) };
}

function caseOf(result: Result): CommandResult["result"] {
  switch (result.kind) {
    case "error":
      return {
        case: "error",
        value: {
          $typeName: "quorate.v1.CommandError",
          code: refusalNumbers[result.code],
          message: result.message,
          revision: BigInt(result.revision),
        },
      };
    case "put":
      return {
        case: "put",
        value: {
          $typeName: "quorate.v1.PutResult",
          revision: BigInt(result.revision),
          key: keyToBytes(result.key),
          previous: result.previous === undefined ? undefined : entryToRecord(result.previous),
        },
      };
    case "delete":
      return {
        case: "deleteRange",
        value: {
          $typeName: "quorate.v1.DeleteRangeResult",
          revision: BigInt(result.revision),
          deleted: BigInt(result.deleted),
          previous: result.previous.map((entry) => entryToRecord(entry)),
        },
      };
    case "txn":
      return {
        case: "txn",
        value: {
          $typeName: "quorate.v1.TxnResult",
          succeeded: result.succeeded,
          revision: BigInt(result.revision),
          results: result.results.map(resultToRecord),
        },
      };
    case "range":
      return {
        case: "range",
        value: {
          $typeName: "quorate.v1.RangeResult",
          revision: BigInt(result.revision),
          entries: result.entries.map(rangeEntryToRecord),
          more: result.more,
          count: BigInt(result.count),
        },
      };
    case "grant":
      return {
        case: "grant",
        value: {
          $typeName: "quorate.v1.GrantResult",
          leaseId: BigInt(result.lease),
          ttlMs: BigInt(result.ttlMs),
        },
      };
    case "done":
      return {
        case: "done",
        value: { $typeName: "quorate.v1.DoneResult", revision: BigInt(result.revision) },
      };
  }
}

/**
 * The result that a record holds.
 * @throws CorruptData when it holds none that this version knows.
 */
export function resultFromRecord(record: CommandResult): Result {
  const { result } = record;
  switch (result.case) {
    case "error":
      return {
        kind: "error",
        code: refusalCode(result.value.code),
        message: result.value.message,
        revision: Number(result.value.revision),
      };
    case "put":
      return {
        kind: "put",
        revision: Number(result.value.revision),
        key: keyFromBytes(result.value.key),
        previous: result.value.previous === undefined ? undefined : entryFromRecord(result.value.previous),
      };
    case "deleteRange":
      return {
        kind: "delete",
        revision: Number(result.value.revision),
        deleted: Number(result.value.deleted),
        previous: result.value.previous.map(entryFromRecord),
      };
    case "txn":
      return {
        kind: "txn",
        succeeded: result.value.succeeded,
        revision: Number(result.value.revision),
        results: result.value.results.map(resultFromRecord),
      };
    case "range":
      return rangeFromRecord(result.value);
    case "grant":
      return { kind: "grant", lease: Number(result.value.leaseId), ttlMs: Number(result.value.ttlMs) };
    case "done":
      return { kind: "done", revision: Number(result.value.revision) };
    case undefined:
      throw new CorruptData("a session's result is of a kind this version does not know");
  }
}

function refusalCode(number: number): RefusalCode {
  switch (number) {
    case ErrorCode.INVALID_ARGUMENT:
      return "INVALID_ARGUMENT";
    case ErrorCode.LEASE_NOT_FOUND:
      return "LEASE_NOT_FOUND";
    case ErrorCode.LEASE_EXISTS:
      return "LEASE_EXISTS";
    case ErrorCode.SESSION_EXPIRED:
      return "SESSION_EXPIRED";
    case ErrorCode.SEQUENCE_FORGOTTEN:
      return "SEQUENCE_FORGOTTEN";
    case ErrorCode.FENCED:
      return "FENCED";
    case ErrorCode.COMPACTED:
      return "COMPACTED";
    case ErrorCode.FUTURE_REVISION:
      return "FUTURE_REVISION";
    case ErrorCode.MEMBERSHIP_REFUSED:
      return "MEMBERSHIP_REFUSED";
    case ErrorCode.QUOTA_EXCEEDED:
      return "QUOTA_EXCEEDED";
    case ErrorCode.SPACE_EXCEEDED:
      return "SPACE_EXCEEDED";
    case ErrorCode.SESSION_FULL:
      return "SESSION_FULL";
    case ErrorCode.LEASES_EXCEEDED:
      return "LEASES_EXCEEDED";
    case ErrorCode.KEY_NOT_FOUND:
      return "KEY_NOT_FOUND";
    default:
      throw new CorruptData(`a session's result holds the unknown error code ${number}`);
  }
}

function rangeFromRecord(record: RangeResultRecord): Result {
  return {
    kind: "range",
    revision: Number(record.revision),
    entries: record.entries.map(rangeEntryFromRecord),
    more: record.more,
    count: Number(record.count),
  };
}

function entryToRecord(entry: Entry, childCount = 0): StoredEntry {
  return {
    $typeName: "quorate.v1.StoredEntry",
    key: keyToBytes(entry.key),
    value: entry.value,
    createRevision: BigInt(entry.createRevision),
    modRevision: BigInt(entry.modRevision),
    version: BigInt(entry.version),
    leaseId: BigInt(entry.lease),
    childCount: BigInt(childCount),
    valueOmitted: entry.valueOmitted === true,
  };
}

function entryFromRecord(record: StoredEntry): Entry {
  const entry = {
    key: keyFromBytes(record.key),
    value: new Uint8Array(record.value),
    createRevision: Number(record.createRevision),
    modRevision: Number(record.modRevision),
    version: Number(record.version),
    lease: Number(record.leaseId),
  };
  return record.valueOmitted ? { ...entry, valueOmitted: true } : entry;
}

/** A pure directory is an entry of version 0. */
function rangeEntryToRecord(node: RangeEntry): StoredEntry {
  const directory = {
    key: node.key,
    value: noBytes,
    createRevision: 0,
    modRevision: 0,
    version: 0,
    lease: 0,
  };
  return entryToRecord(node.entry ?? directory, node.childCount);
}

function rangeEntryFromRecord(record: StoredEntry): RangeEntry {
  const entry = entryFromRecord(record);
  return {
    key: entry.key,
    entry: entry.version === 0 ? undefined : entry,
    childCount: Number(record.childCount),
  };
}
