import type { DeleteRangeCommand, PutCommand, RangeCommand } from "@quorate/proto";
import type { DeleteRange, Put, Range } from "../state-machine/command.js";
import type { Key } from "../state-machine/key.js";
import { keyFromBytes, keyToBytes } from "../storage/state-store-results.js";

const oneKey = new Uint8Array(0);
const noEnd = Uint8Array.of(0);

/**
 * The end of a range on the wire: nothing for the one key, a zero byte for no end.
 * @throws RangeError for the end "\0", before which no key sorts and which would read back as no end at all.
 */
export function endToBytes(end: Key | undefined): Uint8Array {
  if (end === "\0") throw new RangeError("a range cannot end at a single zero byte");
  return end === undefined ? oneKey : end === "" ? noEnd : keyToBytes(end);
}

/** The end of a range from the wire. */
export function endFromBytes(bytes: Uint8Array): Key | undefined {
  if (bytes.length === 0) return undefined;
  return bytes.length === 1 && bytes[0] === 0 ? "" : keyFromBytes(bytes);
}

export function putToMessage(put: Put): PutCommand {
  return {
    $typeName: "quorate.v1.PutCommand",
    key: keyToBytes(put.key),
    value: put.value,
    leaseId: BigInt(put.lease),
    sequential: put.sequential,
    returnPrevious: put.returnPrevious,
    ignoreValue: put.ignoreValue,
    ignoreLease: put.ignoreLease,
  };
}

export function putFromMessage(message: PutCommand): Put {
  return {
    kind: "put",
    key: keyFromBytes(message.key),
    value: new Uint8Array(message.value),
    lease: Number(message.leaseId),
    sequential: message.sequential,
    returnPrevious: message.returnPrevious,
    ignoreValue: message.ignoreValue,
    ignoreLease: message.ignoreLease,
  };
}

export function deleteToMessage(command: DeleteRange): DeleteRangeCommand {
  return {
    $typeName: "quorate.v1.DeleteRangeCommand",
    key: keyToBytes(command.key),
    rangeEnd: endToBytes(command.end),
    returnPrevious: command.returnPrevious,
    subtree: command.subtree,
  };
}

export function deleteFromMessage(message: DeleteRangeCommand): DeleteRange {
  return {
    kind: "delete",
    key: keyFromBytes(message.key),
    end: endFromBytes(message.rangeEnd),
    subtree: message.subtree,
    returnPrevious: message.returnPrevious,
  };
}

export function rangeToMessage(range: Range): RangeCommand {
  return {
    $typeName: "quorate.v1.RangeCommand",
    key: keyToBytes(range.key),
    rangeEnd: endToBytes(range.end),
    limit: BigInt(range.limit),
    revision: BigInt(range.revision),
    keysOnly: range.keysOnly,
    countOnly: range.countOnly,
    children: range.childrenOf !== undefined,
  };
}

export function rangeFromMessage(message: RangeCommand): Range {
  const end = endFromBytes(message.rangeEnd);
  return {
    kind: "range",
    key: keyFromBytes(message.key),
    end,
    limit: Number(message.limit),
    revision: Number(message.revision),
    keysOnly: message.keysOnly,
    countOnly: message.countOnly,
    // A children range ends at "<directory>0"; with the last byte before it, "/", that is the directory.
    childrenOf: message.children && end !== undefined ? `${end.slice(0, -1)}/` : undefined,
  };
}
