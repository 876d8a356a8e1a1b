import { describe, expect, it } from "vitest";
import { HistoryBook } from "./history-book.js";

const old = { name: "c1", era: 1, history: "aa" };

describe("the judge of histories", () => {
  it("takes a value of the client's own era and history alone", () => {
    const book = new HistoryBook();
    expect(() => book.seen(old, book.valueOf(old, 7), "get")).not.toThrow();
    expect(() => book.seen(old, "2/aa/7", "get")).toThrow("HISTORY");
    expect(() => book.seen(old, "1/bb/7", "get")).toThrow("HISTORY");
  });

  it("takes no answer to what was asked after the era, and any to what was asked before", () => {
    const book = new HistoryBook();
    expect(() => book.answered(old, 5, "get")).not.toThrow();
    book.ended(1, 10);
    expect(() => book.answered(old, 9, "get")).not.toThrow();
    expect(() => book.answered(old, 10, "get")).toThrow("HISTORY");
    expect(() => book.answered({ ...old, era: 2 }, 11, "get")).not.toThrow();
  });

  it("takes news of a change after the era alone, and then nothing else in its place", () => {
    const book = new HistoryBook();
    expect(() => book.toldOfChange(old, "get")).toThrow("HISTORY");
    expect(() => book.endedBy(old, "SESSION_EXPIRED", "session")).not.toThrow();
    book.ended(1, 10);
    expect(() => book.toldOfChange(old, "get")).not.toThrow();
    expect(() => book.endedBy(old, "HISTORY_CHANGED", "session")).not.toThrow();
    expect(() => book.endedBy(old, "SESSION_EXPIRED", "session")).toThrow("HISTORY");
    expect(() => book.endedBy(old, "", "watch")).toThrow("HISTORY");
  });
});
