import { readdirSync, readFileSync, writeFileSync } from "node:fs";
import { describe, expect, test } from "vitest";
import { runScript } from "./script.test-support.js";

const folder = new URL("scenarios/", import.meta.url);
const names = readdirSync(folder).filter((name) => name.endsWith(".txt"));

/** QUORATE_REWRITE_SCENARIOS=1 writes the output that the scenarios have into them: read the difference before keeping it. */
const rewrite = process.env.QUORATE_REWRITE_SCENARIOS === "1";

describe("scenarios", () => {
  test("there are some", () => {
    expect(names.length).toBeGreaterThanOrEqual(16);
  });

  test.each(names)("%s", (name) => {
    const file = new URL(name, folder);
    const script = readFileSync(file, "utf8");
    const run = runScript(script);
    if (rewrite) writeFileSync(file, run);
    else expect(run).toBe(script);
  });

  test.each(names)("%s says which section of the paper or the thesis it checks", (name) => {
    const [comment = ""] = readFileSync(new URL(name, folder), "utf8").split("\n\n");
    expect(comment).toMatch(/^# .*(?:[Pp]aper|[Tt]hesis|erratum)/s);
  });
});
