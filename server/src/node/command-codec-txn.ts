import type { CompareCommand, TxnCommand, TxnOperationCommand } from "@quorate/proto";
import type { Compare, Relation, Txn, TxnOperation } from "../state-machine/command.js";
import { keyFromBytes, keyToBytes } from "../storage/state-store-results.js";
import { UnknownFormat } from "./command-codec-format.js";
import {
  deleteFromMessage,
  deleteToMessage,
  endFromBytes,
  endToBytes,
  putFromMessage,
  putToMessage,
  rangeFromMessage,
  rangeToMessage,
} from "./command-codec-operations.js";

/** Relations as quorate.v1.Relation numbers them. */
const relationNumbers: Record<Relation, number> = { equal: 1, notEqual: 2, less: 3, greater: 4 };

export function txnToMessage(txn: Txn): TxnCommand {
  return {
    $typeName: "quorate.v1.TxnCommand",
    compares: txn.compares.map(compareToMessage),
    then: txn.then.map(operationToMessage),
    otherwise: txn.otherwise.map(operationToMessage),
  };
}

export function txnFromMessage(message: TxnCommand): Txn {
  return {
    kind: "txn",
    compares: message.compares.map(compareFromMessage),
    then: message.then.map(operationFromMessage),
    otherwise: message.otherwise.map(operationFromMessage),
  };
}

function operationToMessage(operation: TxnOperation): TxnOperationCommand {
  return { $typeName: "quorate.v1.TxnOperationCommand", operation: operationToCase(operation) };
}

function operationToCase(operation: TxnOperation): TxnOperationCommand["operation"] {
  switch (operation.kind) {
    case "range":
      return { case: "range", value: rangeToMessage(operation) };
    case "put":
      return { case: "put", value: putToMessage(operation) };
    case "delete":
      return { case: "deleteRange", value: deleteToMessage(operation) };
    case "txn":
      return { case: "txn", value: txnToMessage(operation) };
  }
}

function operationFromMessage({ operation }: TxnOperationCommand): TxnOperation {
  switch (operation.case) {
    case "range":
      return rangeFromMessage(operation.value);
    case "put":
      return putFromMessage(operation.value);
    case "deleteRange":
      return deleteFromMessage(operation.value);
    case "txn":
      return txnFromMessage(operation.value);
    case undefined:
      throw new UnknownFormat("a transaction with an operation of unknown kind");
  }
}

function compareToMessage(compare: Compare): CompareCommand {
  return {
    $typeName: "quorate.v1.CompareCommand",
    key: keyToBytes(compare.key),
    rangeEnd: endToBytes(compare.end),
    subtree: compare.subtree,
    relation: relationNumbers[compare.relation],
    target: targetToCase(compare.target),
  };
}

function targetToCase(target: Compare["target"]): CompareCommand["target"] {
  switch (target.kind) {
    case "value":
      return { case: "value", value: target.value };
    case "lease":
      return { case: "leaseId", value: BigInt(target.number) };
    case "version":
    case "createRevision":
    case "modRevision":
      return { case: target.kind, value: BigInt(target.number) };
  }
}

function compareFromMessage(message: CompareCommand): Compare {
  return {
    key: keyFromBytes(message.key),
    end: endFromBytes(message.rangeEnd),
    subtree: message.subtree,
    relation: relationFromNumber(message.relation),
    target: targetFromCase(message.target),
  };
}

function relationFromNumber(number: number): Relation {
  switch (number) {
    case relationNumbers.equal:
      return "equal";
    case relationNumbers.notEqual:
      return "notEqual";
    case relationNumbers.less:
      return "less";
    case relationNumbers.greater:
      return "greater";
    default:
      throw new UnknownFormat(`a compare with relation ${number}`);
  }
}

function targetFromCase(target: CompareCommand["target"]): Compare["target"] {
  switch (target.case) {
    case "value":
      return { kind: "value", value: new Uint8Array(target.value) };
    case "leaseId":
      return { kind: "lease", number: Number(target.value) };
    case "version":
    case "createRevision":
    case "modRevision":
      return { kind: target.case, number: Number(target.value) };
    case undefined:
      throw new UnknownFormat("a compare with a target of unknown kind");
  }
}
