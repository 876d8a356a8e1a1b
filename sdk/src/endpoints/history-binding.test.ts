import { describe, expect, it } from "vitest";
import { HistoryChanged } from "../errors/quorate-error.js";
import { HistoryBinding } from "./history-binding.js";

const [a, b] = ["aaaaaaaaaaaaaaaa", "bbbbbbbbbbbbbbbb"];

describe("a client's binding to a history", () => {
  it("is to that of the first answer that tells one", () => {
    const binding = new HistoryBinding();
    expect(binding.strange("", "", "n1")).toBeUndefined();
    expect(binding.id).toBe("");
    expect(binding.strange(a, "", "n1")).toBeUndefined();
    expect([binding.id, binding.named(undefined)]).toEqual([a, a]);
    expect(binding.strange(b, a, "n2")).toBeInstanceOf(HistoryChanged);
    // Asked before anything was known, and answered after: no less of another history.
    expect(binding.strange(b, "", "n2")).toBeInstanceOf(HistoryChanged);
    expect(binding.id).toBe(a);
  });

  it("is to the one that the application named, before any answer", () => {
    const binding = new HistoryBinding(a);
    expect(binding.named(undefined)).toBe(a);
    expect(binding.strange(b, a, "n1")).toBeInstanceOf(HistoryChanged);
    expect(binding.strange(a, a, "n1")).toBeUndefined();
  });

  it("takes no answer without a history for a request that named one: its node knows of none", () => {
    const binding = new HistoryBinding(a);
    expect(binding.strange("", a, "n1")).toBeInstanceOf(HistoryChanged);
    // Sent before the history was known, to a node that had not applied its id yet.
    expect(binding.strange("", "", "n1")).toBeUndefined();
  });

  it("goes on from no other history in any call, and is not bound by one that a call merely names", () => {
    const binding = new HistoryBinding();
    expect(binding.named(b)).toBe(b);
    expect(binding.id).toBe("");
    expect(binding.strange(a, b, "n1")).toBeInstanceOf(HistoryChanged);
    expect(binding.strange(a, "", "n1")).toBeUndefined();
    expect(() => binding.named(b)).toThrow(HistoryChanged);
    expect(binding.named(a)).toBe(a);
  });
});
