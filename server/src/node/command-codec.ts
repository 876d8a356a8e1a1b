import { fromBinary, toBinary } from "@bufbuild/protobuf";
import { type CommandBatch, CommandBatchSchema, type Command as CommandMessage } from "@quorate/proto";
import type { Command, CommandBody } from "../state-machine/command.js";
import { keyFromBytes, keyToBytes } from "../storage/state-store-results.js";
import { COMMAND_FORMAT, formatOf, UnknownFormat } from "./command-codec-format.js";
import {
  deleteFromMessage,
  deleteToMessage,
  putFromMessage,
  putToMessage,
} from "./command-codec-operations.js";
import { txnFromMessage, txnToMessage } from "./command-codec-txn.js";

/** Commands that one node collected: the data of one log entry. */
export interface CommandBatchData {
  /** Random number of the run of the node that collected them. */
  readonly origin: bigint;
  /** Number of the batch at its origin. */
  readonly batchId: number;
  readonly commands: readonly Command[];
}

/** The bytes of a batch, as the log and every peer get them. */
export function encodeBatch(batch: CommandBatchData): Uint8Array {
  const message: CommandBatch = {
    $typeName: CommandBatchSchema.typeName,
    format: batch.commands.reduce((format, { body }) => Math.max(format, formatOf(body)), 1),
    origin: batch.origin,
    batchId: BigInt(batch.batchId),
    commands: batch.commands.map(commandToMessage),
  };
  return toBinary(CommandBatchSchema, message);
}

/**
 * The batch of these bytes, of a format up to `known`. Keeps no reference to them: values are copied, since a view would
 * pin the whole entry.
 * @throws UnknownFormat when a newer version wrote it: the node must stop, not guess.
 */
export function decodeBatch(bytes: Uint8Array, known = COMMAND_FORMAT): CommandBatchData {
  // Fields of bytes become views of the input's own class, and a Buffer's are the quickest to make keys of.
  const buffer =
    bytes instanceof Buffer ? bytes : Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const { format, origin, batchId, commands } = fromBinary(CommandBatchSchema, buffer);
  if (format > known || format === 0) throw new UnknownFormat(`command format ${format}`, known);
  return { origin, batchId: Number(batchId), commands: commands.map(commandFromMessage) };
}

function commandToMessage(command: Command): CommandMessage {
  const { fence } = command;
  return {
    $typeName: "quorate.v1.Command",
    sessionId: BigInt(command.sessionId),
    sequence: BigInt(command.sequence),
    lowestPending: BigInt(command.lowestPending),
    fence:
      fence === undefined
        ? undefined
        : { $typeName: "quorate.v1.FenceCommand", key: keyToBytes(fence.key), token: BigInt(fence.token) },
    command: bodyToCase(command.body),
  };
}

function commandFromMessage(message: CommandMessage): Command {
  const { fence } = message;
  return {
    sessionId: Number(message.sessionId),
    sequence: Number(message.sequence),
    lowestPending: Number(message.lowestPending),
    fence: fence === undefined ? undefined : { key: keyFromBytes(fence.key), token: Number(fence.token) },
    body: bodyFromCase(message.command),
  };
}

function bodyToCase(body: CommandBody): CommandMessage["command"] {
  switch (body.kind) {
    case "put":
      return { case: "put", value: putToMessage(body) };
    case "delete":
      return { case: "deleteRange", value: deleteToMessage(body) };
    case "txn":
      return { case: "txn", value: txnToMessage(body) };
    case "grant":
      return {
        case: "grant",
        value: {
          $typeName: "quorate.v1.GrantCommand",
          ttlMs: BigInt(body.ttlMs),
          leaseId: BigInt(body.lease),
          session: body.session,
        },
      };
    case "revoke":
      return {
        case: "revoke",
        value: { $typeName: "quorate.v1.RevokeCommand", leaseId: BigInt(body.lease) },
      };
    case "expire":
      return {
        case: "expire",
        value: {
          $typeName: "quorate.v1.ExpireCommand",
          term: BigInt(body.term),
          leaseIds: body.leases.map((id) => BigInt(id)),
          asOfIndex: BigInt(body.asOfIndex),
        },
      };
    case "checkpoint":
      return {
        case: "checkpoint",
        value: {
          $typeName: "quorate.v1.CheckpointCommand",
          term: BigInt(body.term),
          leaseIds: body.leases.map(({ id }) => BigInt(id)),
          remainingMs: body.leases.map(({ remainingMs }) => BigInt(remainingMs)),
          asOfIndex: BigInt(body.asOfIndex),
        },
      };
    case "compact":
      return {
        case: "compact",
        value: { $typeName: "quorate.v1.CompactCommand", revision: BigInt(body.revision) },
      };
    case "member":
      return {
        case: "member",
        value: {
          $typeName: "quorate.v1.MemberCommand",
          memberId: BigInt(body.memberId),
          name: body.name,
          peerAddress: body.peerAddress,
          clientEndpoint: body.clientEndpoint,
          format: body.format,
          incarnation: body.incarnation,
        },
      };
    case "quota":
      return {
        case: "quota",
        value: {
          $typeName: "quorate.v1.QuotaCommand",
          key: keyToBytes(body.key),
          keysMax: BigInt(body.keysMax),
          bytesMax: BigInt(body.bytesMax),
        },
      };
    case "limits":
      return {
        case: "limits",
        value: {
          $typeName: "quorate.v1.LimitsCommand",
          spaceBytesMax: BigInt(body.spaceBytesMax),
          sessionResultBytesMax: BigInt(body.sessionResultBytesMax),
        },
      };
    case "historyId":
      return { case: "historyId", value: { $typeName: "quorate.v1.HistoryIdCommand", id: body.id } };
  }
}

function bodyFromCase(command: CommandMessage["command"]): CommandBody {
  switch (command.case) {
    case "put":
      return putFromMessage(command.value);
    case "deleteRange":
      return deleteFromMessage(command.value);
    case "txn":
      return txnFromMessage(command.value);
    case "grant": {
      const { ttlMs, leaseId, session } = command.value;
      return { kind: "grant", ttlMs: Number(ttlMs), lease: Number(leaseId), session };
    }
    case "revoke":
      return { kind: "revoke", lease: Number(command.value.leaseId) };
    case "expire":
      return {
        kind: "expire",
        term: Number(command.value.term),
        leases: command.value.leaseIds.map(Number),
        asOfIndex: Number(command.value.asOfIndex),
      };
    case "checkpoint": {
      const { term, leaseIds, remainingMs, asOfIndex } = command.value;
      return {
        kind: "checkpoint",
        term: Number(term),
        leases: leaseIds.map((id, at) => ({ id: Number(id), remainingMs: Number(remainingMs[at] ?? 0n) })),
        asOfIndex: Number(asOfIndex),
      };
    }
    case "compact":
      return { kind: "compact", revision: Number(command.value.revision) };
    case "member": {
      const { memberId, name, peerAddress, clientEndpoint, format, incarnation } = command.value;
      const id = Number(memberId);
      return { kind: "member", memberId: id, name, peerAddress, clientEndpoint, format, incarnation };
    }
    case "quota": {
      const { key, keysMax, bytesMax } = command.value;
      return {
        kind: "quota",
        key: keyFromBytes(key),
        keysMax: Number(keysMax),
        bytesMax: Number(bytesMax),
      };
    }
    case "limits": {
      const { spaceBytesMax, sessionResultBytesMax } = command.value;
      return {
        kind: "limits",
        spaceBytesMax: Number(spaceBytesMax),
        sessionResultBytesMax: Number(sessionResultBytesMax),
      };
    }
    case "historyId":
      return { kind: "historyId", id: command.value.id };
    case undefined:
      throw new UnknownFormat("a command of unknown kind");
  }
}
