import type { NodeLine } from "../cluster-status.js";
import { type Column, tableLines } from "./table.js";

const columns: readonly Column[] = [
  { heading: "NAME", align: "left" },
  { heading: "ENDPOINT", align: "left" },
  { heading: "ROLE", align: "left" },
  { heading: "TERM", align: "right" },
  { heading: "REVISION", align: "right" },
  { heading: "APPLIED", align: "right" },
  { heading: "HISTORY", align: "left" },
];

/** The nodes of a cluster as a table. */
export function nodeTable(nodes: readonly NodeLine[]): string[] {
  return tableLines(
    columns,
    nodes.map((node) => [
      node.name ?? "-",
      node.endpoint === "" ? "-" : node.endpoint,
      node.role,
      ...[node.term, node.revision, node.appliedIndex, node.history].map((value) =>
        value === null ? "-" : String(value),
      ),
    ]),
  );
}
