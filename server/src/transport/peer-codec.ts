import { create, type MessageInitShape } from "@bufbuild/protobuf";
import { type PeerMessage, PeerMessageSchema } from "@quorate/proto";
import type { LogEntry, Message } from "../raft/index.js";
import { entryKindFromWire, entryKindToWire } from "./entry-kind.js";

type Wire = PeerMessage["message"];

/** A Raft message in its wire form. Snapshots travel by a call of their own. */
export function toPeerMessage(message: Message): PeerMessage {
  return create(PeerMessageSchema, { message: toWire(message) });
}

function toWire(message: Message): NonNullable<MessageInitShape<typeof PeerMessageSchema>["message"]> {
  switch (message.kind) {
    case "appendEntries":
      return {
        case: "appendEntries",
        value: {
          term: BigInt(message.term),
          previousIndex: BigInt(message.previousIndex),
          previousTerm: BigInt(message.previousTerm),
          commitIndex: BigInt(message.commitIndex),
          entries: message.entries.map((entry) => ({
            index: BigInt(entry.index),
            term: BigInt(entry.term),
            kind: entryKindToWire(entry.kind),
            data: entry.data,
          })),
        },
      };
    case "appendEntriesResult":
      return {
        case: "appendEntriesResult",
        value: {
          term: BigInt(message.term),
          rejected: message.rejected,
          index: BigInt(message.index),
          hintIndex: BigInt(message.hintIndex),
          hintTerm: BigInt(message.hintTerm),
        },
      };
    case "heartbeat":
      return {
        case: "heartbeat",
        value: {
          term: BigInt(message.term),
          commitIndex: BigInt(message.commitIndex),
          readRound: BigInt(message.readRound),
          ...(message.heardTick === undefined ? {} : { heardTick: BigInt(message.heardTick) }),
        },
      };
    case "heartbeatResult":
      return {
        case: "heartbeatResult",
        value: {
          term: BigInt(message.term),
          readRound: BigInt(message.readRound),
          tick: BigInt(message.tick),
        },
      };
    case "requestVote":
      return {
        case: "requestVote",
        value: {
          term: BigInt(message.term),
          preVote: message.preVote,
          lastIndex: BigInt(message.lastIndex),
          lastTerm: BigInt(message.lastTerm),
          transfer: message.transfer,
        },
      };
    case "timeoutNow":
      return { case: "timeoutNow", value: { term: BigInt(message.term) } };
    case "requestVoteResult":
      return {
        case: "requestVoteResult",
        value: { term: BigInt(message.term), preVote: message.preVote, granted: message.granted },
      };
    case "readIndex":
      return { case: "readIndex", value: { context: BigInt(message.context) } };
    case "readIndexResult":
      return {
        case: "readIndexResult",
        value: { context: BigInt(message.context), index: BigInt(message.index), rejected: message.rejected },
      };
    case "installSnapshot":
      throw new Error("a snapshot is announced by SendSnapshot, not by a message");
  }
}

/** The Raft message in a wire message; undefined when it is none. */
export function toRaftMessage(wire: Wire): Message | undefined {
  switch (wire.case) {
    case "appendEntries": {
      const { value } = wire;
      const entries: LogEntry[] = [];
      for (const entry of value.entries) {
        entries.push({
          index: Number(entry.index),
          term: Number(entry.term),
          kind: entryKindFromWire(entry.kind),
          data: entry.data,
        });
      }
      return {
        kind: "appendEntries",
        term: Number(value.term),
        previousIndex: Number(value.previousIndex),
        previousTerm: Number(value.previousTerm),
        commitIndex: Number(value.commitIndex),
        entries,
      };
    }
    case "appendEntriesResult":
      return {
        kind: "appendEntriesResult",
        term: Number(wire.value.term),
        rejected: wire.value.rejected,
        index: Number(wire.value.index),
        hintIndex: Number(wire.value.hintIndex),
        hintTerm: Number(wire.value.hintTerm),
      };
    case "heartbeat":
      return {
        kind: "heartbeat",
        term: Number(wire.value.term),
        commitIndex: Number(wire.value.commitIndex),
        readRound: Number(wire.value.readRound),
        heardTick: wire.value.heardTick === undefined ? undefined : Number(wire.value.heardTick),
      };
    case "heartbeatResult":
      return {
        kind: "heartbeatResult",
        term: Number(wire.value.term),
        readRound: Number(wire.value.readRound),
        tick: Number(wire.value.tick),
      };
    case "requestVote":
      return {
        kind: "requestVote",
        term: Number(wire.value.term),
        preVote: wire.value.preVote,
        lastIndex: Number(wire.value.lastIndex),
        lastTerm: Number(wire.value.lastTerm),
        transfer: wire.value.transfer,
      };
    case "timeoutNow":
      return { kind: "timeoutNow", term: Number(wire.value.term) };
    case "requestVoteResult":
      return {
        kind: "requestVoteResult",
        term: Number(wire.value.term),
        preVote: wire.value.preVote,
        granted: wire.value.granted,
      };
    case "readIndex":
      return { kind: "readIndex", context: Number(wire.value.context) };
    case "readIndexResult":
      return {
        kind: "readIndexResult",
        context: Number(wire.value.context),
        index: Number(wire.value.index),
        rejected: wire.value.rejected,
      };
    default:
      return undefined;
  }
}
