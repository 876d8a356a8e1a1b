import { describe, expect, it } from "vitest";
import type { TxnOperation } from "./command.js";
import { StateHash } from "./hash.js";
import { quotasMax } from "./limits.js";
import { compare, del, put, range, seeded, TestMachine, txn } from "./machine.test-support.js";
import { QuotaTable } from "./quota.js";

function withQuota(key: string, keysMax: number, bytesMax = 0): TestMachine {
  const t = new TestMachine();
  expect(t.run({ kind: "quota", key, keysMax, bytesMax })).toMatchObject({ kind: "done" });
  return t;
}

const exceeded = { kind: "error", code: "QUOTA_EXCEEDED" };

describe("quotas of subtrees", () => {
  it("refuse the put that would be one key too many, and name path and limit", () => {
    const t = withQuota("/app", 2);
    t.run(put("/app/a"));
    t.run(put("/app/b/c"));
    const { revision, hash } = t.machine;
    expect(t.run(put("/app/d"))).toEqual({
      ...exceeded,
      message: "the quota of /app is 2 keys; it holds 2, and this would add 1",
      revision: 0,
    });
    expect([t.machine.revision, t.machine.hash]).toEqual([revision, hash]);
    expect(t.run(put("/apple"))).toMatchObject({ kind: "put" });
    expect(t.run(put("/app/a", "other"))).toMatchObject({ kind: "put" });
    t.run(del("/app/a"));
    expect(t.run(put("/app/d"))).toMatchObject({ kind: "put" });
  });

  it("count the key at their root, and for the root of all every key", () => {
    const t = withQuota("/app", 1);
    t.run(put("/app"));
    expect(t.run(put("/app/a"))).toMatchObject(exceeded);
    const all = withQuota("", 1);
    all.run(put("/a"));
    expect(all.run(put("/b"))).toMatchObject({ message: expect.stringContaining("quota of / is 1 keys") });
  });

  it("count bytes of keys and values, and let pass what shrinks", () => {
    const t = withQuota("/a", 0, 10);
    expect(t.run(put("/a/b", "123456"))).toMatchObject({ kind: "put" });
    expect(t.run(put("/a/b", "1234567"))).toMatchObject(exceeded);
    expect(t.run(put("/a/c", ""))).toMatchObject(exceeded);
    t.run({ kind: "quota", key: "/a", keysMax: 0, bytesMax: 5 });
    expect(t.run(put("/a/b", "12345"))).toMatchObject({ kind: "put" });
    expect(t.run(put("/a/b", "123456"))).toMatchObject(exceeded);
    expect(t.run(put("/a/b", "54321"))).toMatchObject({ kind: "put" });
    expect(t.run(put("/a/b", "", { ignoreValue: true }))).toMatchObject({ kind: "put" });
    expect(t.machine.quota("/a")).toMatchObject({ keys: 1, bytes: 9 });
  });

  it("name a path as people write it", () => {
    const t = withQuota("/caf\xc3\xa9 100%", 1);
    t.run(put("/caf\xc3\xa9 100%/a"));
    expect(t.run(put("/caf\xc3\xa9 100%/b"))).toMatchObject({
      message: expect.stringContaining("quota of /café 100% is"),
    });
  });

  it("hold for every enclosing subtree", () => {
    const t = withQuota("/a", 3);
    t.run({ kind: "quota", key: "/a/b/c", keysMax: 1, bytesMax: 0 });
    t.run(put("/a/b/c/1"));
    expect(t.run(put("/a/b/c/2"))).toMatchObject({ message: expect.stringContaining("/a/b/c is 1 keys") });
    t.run(put("/a/1"));
    t.run(put("/a/2"));
    expect(t.run(put("/a/3"))).toMatchObject({ message: expect.stringContaining("/a is 3 keys") });
  });

  it("decide a transaction by what it comes to, before anything of it is applied", () => {
    const t = withQuota("/a", 2);
    t.run(put("/a/1"));
    t.run(put("/a/2"));
    const { revision } = t.machine;
    expect(t.run(txn([], [put("/x"), put("/a/3")]))).toMatchObject(exceeded);
    expect(t.machine.revision).toBe(revision);
    expect(t.text("/x")).toBeUndefined();
    // Two deletes of one key free it once.
    const overlapping = txn([], [del("/a/1"), del("/a/1", { end: "/a/2" }), put("/a/3"), put("/a/4")]);
    expect(t.run(overlapping)).toMatchObject(exceeded);
    expect(t.run(txn([], [put("/a/3"), del("/a/1")]))).toMatchObject({ kind: "txn" });
    // Only the branch that is taken counts, nested ones included.
    const guarded = txn([compare("/none", "version", "greater", 0)], [put("/a/9")], [put("/y")]);
    expect(t.run(guarded)).toMatchObject({ kind: "txn", succeeded: false });
    expect(t.run(txn([], [txn([], [put("/a/9")])]))).toMatchObject(exceeded);
  });

  it("refuse a sequential put where it would be", () => {
    const t = withQuota("/locks/a", 1);
    expect(t.run(put("/locks/a", "", { sequential: true }))).toMatchObject({ kind: "put" });
    expect(t.run(put("/locks/a", "", { sequential: true }))).toMatchObject(exceeded);
  });

  it("let leases end whatever is exceeded", () => {
    const t = new TestMachine();
    const lease = t.lease();
    for (const name of ["1", "2", "3"]) t.run(put(`/a/${name}`, "value", { lease }));
    t.run({ kind: "quota", key: "/a", keysMax: 1, bytesMax: 1 });
    expect(t.machine.quota("/a")).toMatchObject({ keys: 3 });
    t.run({ kind: "expire", term: 1, leases: [lease], asOfIndex: t.machine.appliedIndex });
    expect(t.machine.quota("/a")).toMatchObject({ keys: 0, bytes: 0 });
  });

  it("are set, replaced and removed, and bounded in number", () => {
    const t = withQuota("/b", 1);
    t.run({ kind: "quota", key: "/a", keysMax: 0, bytesMax: 5 });
    t.run({ kind: "quota", key: "/b", keysMax: 7, bytesMax: 0 });
    expect(t.machine.quotas().map(({ key, keysMax }) => [key, keysMax])).toEqual([
      ["/a", 0],
      ["/b", 7],
    ]);
    for (const key of ["/a", "/b", "/never"]) t.run({ kind: "quota", key, keysMax: 0, bytesMax: 0 });
    expect(t.machine.quotas()).toEqual([]);
    expect(t.run({ kind: "quota", key: "/a", keysMax: -1, bytesMax: 0 })).toMatchObject({
      code: "INVALID_ARGUMENT",
    });
    for (let n = 0; n < quotasMax; n += 1) t.run({ kind: "quota", key: `/q${n}`, keysMax: 1, bytesMax: 0 });
    const one = { kind: "quota", key: "/more", keysMax: 1, bytesMax: 0 } as const;
    expect(t.run(one)).toMatchObject({ message: expect.stringContaining(String(quotasMax)) });
  });

  it("count into the hash what their subtrees hold, each for itself", () => {
    const hash = new StateHash();
    const quotas = new QuotaTable(hash);
    const lanes = () => [hash.a, hash.b];
    const set = (key: string, keys: number, bytes: number) =>
      quotas.set({ key, keysMax: 9, bytesMax: 0 }, () => ({ keys, bytes }));
    set("/a", 0, 0);
    set("/b", 0, 0);
    const empty = lanes();
    const seen = new Set<string>();
    for (const [key, keys, bytes] of [
      ["/a", 1, 0],
      ["/a", 0, 1],
      ["/b", 1, 0],
      ["/b", 0, 1],
      ["/a", 1, 2 ** 31],
    ] as const) {
      quotas.changed(key, keys, bytes);
      seen.add(String(lanes()));
      quotas.changed(key, -keys, -bytes);
      expect(lanes()).toEqual(empty);
    }
    expect(seen.size).toBe(5);
    // Counted at once or as it comes, and whatever the maxima were meanwhile.
    quotas.changed("/a/x", 2, 70);
    const counted = lanes();
    quotas.set({ key: "/a", keysMax: 0, bytesMax: 0 }, () => ({ keys: 0, bytes: 0 }));
    set("/a", 2, 70);
    expect(lanes()).toEqual(counted);
  });

  it("are part of the hash, and leave it as it was when they are removed", () => {
    const t = new TestMachine();
    const { hash } = t.machine;
    t.run({ kind: "quota", key: "/a", keysMax: 1, bytesMax: 0 });
    const other = t.machine.hash;
    expect(other).not.toBe(hash);
    t.run({ kind: "quota", key: "/a", keysMax: 2, bytesMax: 0 });
    expect(t.machine.hash).not.toBe(other);
    t.run({ kind: "quota", key: "/a", keysMax: 0, bytesMax: 0 });
    expect(t.machine.hash).toBe(hash);
  });

  it.each([1, 2, 3, 4])(
    "count what a walk counts, and are never exceeded, across restarts (seed %i)",
    (seed) => {
      const random = seeded(seed);
      const below = (count: number) => Math.floor(random() * count);
      const t = new TestMachine();
      const roots = ["", "/a", "/a/b", "/c"];
      for (const key of roots) t.run({ kind: "quota", key, keysMax: 6 + below(6), bytesMax: 60 + below(60) });
      const lease = t.lease();
      const key = () => `/${"ac"[below(2)]}${["", "/b", `/${below(5)}`, `/b/${below(5)}`][below(4)]}`;
      const write = (): TxnOperation => {
        const dice = random();
        if (dice < 0.7) {
          const options = { lease: random() < 0.3 ? lease : 0, sequential: random() < 0.1 };
          return put(key(), "v".repeat(below(12)), options);
        }
        return del(key(), { subtree: random() < 0.2 });
      };
      const seen = new Set<string>();
      for (let step = 0; step < 1_500; step += 1) {
        const result =
          random() < 0.7 ? t.run(txn([], [write()])) : t.run(txn([], [write(), write(), txn([], [write()])]));
        seen.add(result.kind === "error" ? result.code : result.kind);
        if (random() < 0.02) {
          t.flush();
          const { hash } = t.machine;
          t.restart();
          expect(t.machine.hash).toBe(hash);
        }
        for (const quota of t.machine.quotas()) {
          const { entries } = t.range(`${quota.key}/`, { end: `${quota.key}0` });
          const own = quota.key === "" ? [] : t.range(quota.key).entries;
          const all = [...own, ...entries];
          const bytes = all.reduce((sum, each) => sum + each.key.length + (each.entry?.value.length ?? 0), 0);
          expect([quota.keys, quota.bytes]).toEqual([all.length, bytes]);
          expect(quota.keys).toBeLessThanOrEqual(quota.keysMax);
          expect(quota.bytes).toBeLessThanOrEqual(quota.bytesMax);
          expect(t.machine.measure(quota.key, t.machine.revision, undefined, 1_000)).toMatchObject({
            keys: quota.keys,
            bytes: quota.bytes,
          });
        }
      }
      expect(seen).toContain("QUOTA_EXCEEDED");
      expect(seen).toContain("txn");
    },
  );
});

describe("measuring a subtree", () => {
  it("goes on where it ended, and still sees its revision", () => {
    const t = new TestMachine();
    for (const name of ["a", "a/1", "a/2", "a/3", "ab"]) t.run(put(`/${name}`, "12"));
    const { revision } = t.machine;
    const first = t.machine.measure("/a", revision, undefined, 2);
    expect(first).toEqual({ keys: 2, bytes: 10, next: "/a/2" });
    t.run(del("/a/2"));
    t.run(put("/a/3", "longer"));
    t.run(put("/a/4"));
    expect(t.machine.measure("/a", revision, "/a/2", 9)).toEqual({ keys: 2, bytes: 12, next: undefined });
    expect(t.machine.measure("", t.machine.revision, undefined, 9)).toMatchObject({ keys: 5 });
    t.run({ kind: "compact", revision: t.machine.revision });
    expect(t.machine.measure("/a", revision, "/a/2", 9)).toMatchObject({ code: "COMPACTED" });
    expect(t.machine.read(range("/a/4"))).toMatchObject({ count: 1 });
  });
});
