import type { Entry } from "@quorate/sdk";

/** How a value stands in JSON: as text when it is UTF-8, as base64 with `encoding` saying so otherwise. */
export type ValueJson = { readonly value: string } | { readonly value: string; readonly encoding: "base64" };

/** What is known of an entry besides its value, as printed in JSON. */
export interface EntryMetadataJson {
  readonly createRevision: number;
  readonly modRevision: number;
  readonly version: number;
  /** The lease the key lives on, 0 for none. */
  readonly lease: number;
}

/** An entry as printed in JSON. */
export type EntryJson = { readonly key: string } & ValueJson & EntryMetadataJson;

/** An entry's JSON. */
export function entryJson(entry: Entry): EntryJson {
  return { key: entry.path, ...valueJson(entry.value), ...entryMetadataJson(entry) };
}

/** An entry's JSON without key and value. */
export function entryMetadataJson(entry: Entry): EntryMetadataJson {
  const { createRevision, modRevision, version, lease } = entry;
  return { createRevision, modRevision, version, lease };
}

/** A value's JSON. */
export function valueJson(value: Uint8Array): ValueJson {
  const text = utf8(value);
  return text === undefined
    ? { value: Buffer.from(value).toString("base64"), encoding: "base64" }
    : { value: text };
}

/** A value on one line for people: text with control characters escaped, or its size when it is binary. */
export function valueLine(value: Uint8Array): string {
  const text = utf8(value);
  if (text === undefined) return `(${value.byteLength} bytes, binary)`;
  // Escaped, because a value must not be able to steer the terminal of whoever looks at it.
  return text.replace(/\p{Cc}/gu, escapeControl);
}

function escapeControl(character: string): string {
  const short = { "\n": "\\n", "\r": "\\r", "\t": "\\t" }[character];
  return short ?? `\\u${character.charCodeAt(0).toString(16).padStart(4, "0")}`;
}

function utf8(value: Uint8Array): string | undefined {
  try {
    // ignoreBOM keeps a leading byte order mark: the text must encode to the same bytes again.
    return new TextDecoder("utf-8", { fatal: true, ignoreBOM: true }).decode(value);
  } catch {
    return undefined;
  }
}
