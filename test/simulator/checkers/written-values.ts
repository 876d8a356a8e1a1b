import type { ReferenceHistory } from "../invariants/reference-history.js";
import { violated } from "../invariants/violation.js";
import type { Call } from "../observation.js";
import type { OperationRecord } from "./operation-book.js";
import { textOf } from "./revision-order.js";

interface Written {
  readonly path: string;
  readonly value: string;
}

/**
 * LIN: what a client was told did not happen never happens. EO: no value and no tag is written twice. Both rest on
 * each value being written by one operation only.
 */
export function checkWrittenValues(records: Iterable<OperationRecord>, history: ReferenceHistory): void {
  const counts = new Map<string, number>();
  const writers = [...records].filter(({ call }) => writtenBy(call).length > 0);
  const tagged = new Set(writers.flatMap(({ call }) => (call.f === "append" ? [call.path] : [])));
  for (const path of new Set(writers.flatMap(({ call }) => writtenBy(call).map((written) => written.path)))) {
    if (tagged.has(path)) countTags(path, history, counts);
    else countValues(path, history, counts);
  }
  for (const { id, client, call, ending } of writers) {
    for (const written of writtenBy(call)) {
      const count = counts.get(nameOf(written)) ?? 0;
      const details = { operation: id, client, call, ending, count };
      if (count > 0 && ending.kind === "failed") {
        violated("LIN", `operation ${id} failed for certain with ${ending.code}, and took effect`, details);
      }
      if (count > 1) violated("EO", `operation ${id} took effect ${count} times`, details);
    }
  }
}

function writtenBy(call: Call): Written[] {
  switch (call.f) {
    case "get":
    case "list":
    case "delete":
      return [];
    case "put":
      return [{ path: call.path, value: call.value }];
    case "cas":
      return [{ path: call.path, value: call.to }];
    case "append":
      return [{ path: call.path, value: call.tag }];
    case "txn":
      return call.writes.flatMap(({ path, value }) => (value === undefined ? [] : [{ path, value }]));
  }
}

function nameOf({ path, value }: Written): string {
  return `${path} ${value}`;
}

function countValues(path: string, history: ReferenceHistory, counts: Map<string, number>): void {
  for (const { entry } of history.versions(path)) {
    const value = textOf(entry);
    if (value !== undefined) count(nameOf({ path, value }), counts);
  }
}

/** Counts the tags in the versions of a string that are no beginning of the next one. */
function countTags(path: string, history: ReferenceHistory, counts: Map<string, number>): void {
  const versions = history.versions(path);
  for (const [at, { entry }] of versions.entries()) {
    const value = textOf(entry);
    if (value === undefined || textOf(versions[at + 1]?.entry)?.startsWith(value) === true) continue;
    for (const tag of value.match(/[^;]*;/g) ?? []) count(nameOf({ path, value: tag }), counts);
  }
}

function count(name: string, counts: Map<string, number>): void {
  counts.set(name, (counts.get(name) ?? 0) + 1);
}
