import { expect, it } from "vitest";
import { KeyTable } from "./key-table.js";

it("holds what a map would, for keys that are short, alike or equal at their ends", () => {
  const table = new KeyTable<number>();
  const map = new Map<string, number>();
  const keys = ["", "/", "/a", "/b", "/a/b", "/b/b", "/\xff\xff\xff\xff"];
  for (let i = 0; i < 3_000; i += 1) keys.push(`/${i}/same`, `/same/${i}`);
  for (const [at, key] of keys.entries()) {
    table.set(key, at);
    map.set(key, at);
  }
  for (const key of keys.filter((_, at) => at % 3 === 0)) {
    table.delete(key);
    map.delete(key);
  }
  table.set("/a", -1);
  map.set("/a", -1);
  for (const key of keys) expect(table.get(key)).toBe(map.get(key));
});
