import { readFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { applyEdits, root } from "../build/bundle.js";
import { findMutation, mutations } from "./registry.js";

describe("the registry of mutations", () => {
  it("has a name for each, once", () => {
    const names = mutations.map(({ name }) => name);
    expect(new Set(names).size).toBe(names.length);
    expect(names.length).toBeGreaterThanOrEqual(55);
    expect(() => findMutation("no-such-mutation")).toThrow("no mutation");
  });

  it.each(mutations.map((mutation) => [mutation.name, mutation] as const))(
    "%s fits the source",
    (_, mutation) => {
      for (const file of new Set(mutation.edits.map((edit) => edit.file))) {
        const source = readFileSync(join(root, file), "utf8");
        expect(applyEdits(mutation, file, source)).not.toBe(source);
      }
    },
  );
});
