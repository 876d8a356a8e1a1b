import { create } from "@bufbuild/protobuf";
import type { handleUnaryCall } from "@grpc/grpc-js";
import {
  type Event,
  EventKind,
  type HistoryRequest,
  type HistoryResponse,
  HistoryResponseSchema,
} from "@quorate/proto";
import { bounds } from "../config.js";
import type { Node } from "../node/node.js";
import type { Change, ErrorResult, HistoryRange, StateMachine } from "../state-machine/index.js";
import { AnswerRoom, ENTRY_OVERHEAD_BYTES } from "./answer-room.js";
import { problemOf, toGrpcError } from "./errors.js";
import { keyOf, pathOf } from "./path.js";
import { revision, wholeNumber } from "./requests.js";
import { toEntry } from "./responses.js";

/** The call KVService.History. */
export function historyCall(
  node: Pick<Node, "machine" | "read">,
): handleUnaryCall<HistoryRequest, HistoryResponse> {
  return ({ request }, callback) => {
    try {
      const range = toHistoryRange(request);
      const limit = wholeNumber(request.limit, "a limit");
      node.read((failure) => {
        const page = failure ?? historyPage(node.machine, range, limit);
        if ("kind" in page) callback(toGrpcError(page));
        else callback(null, page);
      });
    } catch (thrown) {
      callback(toGrpcError(problemOf(thrown)));
    }
  };
}

function toHistoryRange(request: HistoryRequest): HistoryRange {
  return {
    key: keyOf(request.path),
    from: revision(request.fromRevision),
    to: revision(request.toRevision),
  };
}

/** As many of the changes as one answer has room for, one at least. Old versions are read from disk one by one. */
export function historyPage(
  machine: Pick<StateMachine, "history" | "revision">,
  range: HistoryRange,
  limit: number,
): HistoryResponse | ErrorResult {
  const changes = machine.history(range);
  if ("kind" in changes) return changes;
  const max = limit === 0 ? bounds.historyVersionsMax : Math.min(limit, bounds.historyVersionsMax);
  const room = new AnswerRoom();
  const events: Event[] = [];
  let more = false;
  for (const change of changes) {
    const bytes = change.key.length + (change.entry?.value.length ?? 0) + ENTRY_OVERHEAD_BYTES;
    more = events.length >= max || (!room.take(bytes) && events.length > 0);
    if (more) break;
    events.push(toEvent(change));
  }
  return create(HistoryResponseSchema, { revision: BigInt(machine.revision), events, more });
}

function toEvent({ key, revision: changedAt, entry }: Change): Event {
  if (entry !== undefined) {
    return { $typeName: "quorate.v1.Event", kind: EventKind.PUT, entry: toEntry(entry) };
  }
  return {
    $typeName: "quorate.v1.Event",
    kind: EventKind.DELETE,
    entry: {
      $typeName: "quorate.v1.Entry",
      path: pathOf(key),
      value: new Uint8Array(0),
      createRevision: 0n,
      modRevision: BigInt(changedAt),
      version: 0n,
      leaseId: 0n,
      valueOmitted: false,
    },
  };
}
