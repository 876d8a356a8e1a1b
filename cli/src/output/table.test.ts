import { describe, expect, it } from "vitest";
import { nodeTable } from "./node-table.js";
import { tableLines } from "./table.js";

describe("a table", () => {
  it("aligns names left and numbers right, without trailing spaces", () => {
    const columns = [
      { heading: "NAME", align: "left" },
      { heading: "N", align: "right" },
      { heading: "NOTE", align: "left" },
    ] as const;
    expect(
      tableLines(columns, [
        ["a", "100", "x"],
        ["longer", "1", ""],
      ]),
    ).toEqual(["NAME      N  NOTE", "a       100  x", "longer    1"]);
  });

  it("shows a dash for what an unreachable node did not tell", () => {
    const node = {
      name: null,
      endpoint: "h:1",
      role: "unreachable",
      term: null,
      revision: null,
      appliedIndex: null,
      history: null,
    };
    expect(nodeTable([{ ...node, role: "unreachable" }])[1]).toBe(
      "-     h:1       unreachable     -         -        -  -",
    );
  });
});
