import { expect, it } from "vitest";
import { tripped } from "./hand-made-run.test-support.js";
import { Lives } from "./lives.js";

it("goes on with what descends from the life that was heard", () => {
  const lives = new Lives();
  for (const life of ["1-aa", "1-aa", "2-bb.aa", "4-cc.ff.bb.aa", "4-cc.ff.bb.aa"])
    lives.taken("7", "8", life);
  for (const life of ["4-dd", "3-aa", "2-bb.aa", "5-ee.dd", "6-ab.ee.dd", ""]) {
    expect(tripped(() => lives.taken("7", "8", life))).toBe("ID");
  }
  // Another node may have heard less.
  lives.taken("9", "8", "3-aa");
});
