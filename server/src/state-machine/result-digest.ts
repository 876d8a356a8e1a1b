import type { Entry } from "./entry.js";
import type { Digest } from "./hash.js";
import type { Result } from "./result.js";

/**
 * Feeds what a kept result would tell its caller, so that nodes that would answer a retry differently do not pass for
 * equal. Of an entry its revisions and lease stand for the value, which the history says. Not the text of a refusal:
 * that may be worded otherwise in another version.
 */
export function feedResult(digest: Digest, result: Result): void {
  digest.text(result.kind);
  switch (result.kind) {
    case "error":
      digest.text(result.code);
      digest.number(result.revision);
      return;
    case "put":
      digest.number(result.revision);
      digest.text(result.key);
      feedEntry(digest, result.previous);
      return;
    case "delete":
      digest.number(result.revision);
      digest.number(result.deleted);
      digest.number(result.previous.length);
      for (const entry of result.previous) feedEntry(digest, entry);
      return;
    case "txn":
      digest.number(result.succeeded ? 1 : 0);
      digest.number(result.revision);
      digest.number(result.results.length);
      for (const part of result.results) feedResult(digest, part);
      return;
    case "range":
      digest.number(result.revision);
      digest.number(result.count);
      digest.number(result.more ? 1 : 0);
      digest.number(result.entries.length);
      for (const { key, entry, childCount } of result.entries) {
        digest.text(key);
        digest.number(childCount);
        feedEntry(digest, entry);
      }
      return;
    case "grant":
      digest.number(result.lease);
      digest.number(result.ttlMs);
      return;
    case "done":
      digest.number(result.revision);
      return;
  }
}

function feedEntry(digest: Digest, entry: Entry | undefined): void {
  digest.number(entry === undefined ? 0 : entry.modRevision);
  if (entry === undefined) return;
  digest.text(entry.key);
  digest.number(entry.createRevision);
  digest.number(entry.version);
  digest.number(entry.lease);
  digest.number(entry.value.length);
}
