import type { Quota } from "@quorate/sdk";
import { type Column, tableLines } from "./table.js";

const columns: readonly Column[] = [
  { heading: "PATH", align: "left" },
  { heading: "KEYS", align: "right" },
  { heading: "OF", align: "right" },
  { heading: "BYTES", align: "right" },
  { heading: "OF", align: "right" },
];

/** Quotas and what their subtrees hold, as a table. */
export function quotaTable(quotas: readonly Quota[]): string[] {
  return tableLines(
    columns,
    quotas.map(({ path, keys, keysMax, bytes, bytesMax }) => [
      path,
      String(keys),
      maximum(keysMax),
      String(bytes),
      maximum(bytesMax),
    ]),
  );
}

function maximum(value: number): string {
  return value === 0 ? "-" : String(value);
}
