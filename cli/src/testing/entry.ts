import type { Entry } from "@quorate/sdk";

/** An entry at revision 3, for tests of what is printed. */
export function entry(path: string, value: string | Uint8Array): Entry {
  const bytes = typeof value === "string" ? new TextEncoder().encode(value) : value;
  return {
    path,
    value: bytes,
    createRevision: 2,
    modRevision: 3,
    version: 2,
    lease: 0,
    valueOmitted: false,
    text: () => new TextDecoder().decode(bytes),
    json: () => JSON.parse(new TextDecoder().decode(bytes)),
  };
}
