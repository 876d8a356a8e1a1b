import { describe, expect, it } from "vitest";
import { Lease } from "./lease.js";
import { put, TestMachine } from "./machine.test-support.js";

/** A set of keys that counts what is done with it; a look at every key counts as many. */
class CountingSet extends Set<string> {
  steps = 0;

  override add(key: string): this {
    this.steps += 1;
    return super.add(key);
  }

  override delete(key: string): boolean {
    this.steps += 1;
    return super.delete(key);
  }

  override has(key: string): boolean {
    this.steps += 1;
    return super.has(key);
  }

  override *[Symbol.iterator](): SetIterator<string> {
    for (const key of super[Symbol.iterator]()) {
      this.steps += 1;
      yield key;
    }
    return undefined;
  }

  override values(): SetIterator<string> {
    return this[Symbol.iterator]();
  }

  override keys(): SetIterator<string> {
    return this[Symbol.iterator]();
  }

  override forEach(each: (value: string, key: string, set: Set<string>) => void): void {
    for (const key of this) each(key, key, this);
  }
}

/** The steps that a put onto a lease costs, and another one that moves the key off it, with so many keys on it. */
function stepsWith(keyCount: number): { steps: number; records: number } {
  const machine = new TestMachine();
  const id = machine.lease();
  for (let i = 0; i < keyCount; i += 1) machine.run(put(`/k/${i}`, "", { lease: id }));
  machine.flush();
  const lease = machine.machine.leaseInfo(id);
  if (!(lease instanceof Lease)) throw new Error("no lease");
  const counting = new CountingSet(lease.keys());
  counting.steps = 0;
  lease.attached = counting;
  machine.run(put("/new", "", { lease: id }));
  machine.run(put("/new", "1", { lease: id }));
  machine.run(put("/new"));
  const { leases } = machine.machine.takeDelta();
  return { steps: counting.steps, records: leases.length };
}

describe("a put on a lease", () => {
  it("costs the same whether the lease has one key or ten thousand", () => {
    const few = stepsWith(1);
    expect(few.steps).toBeGreaterThan(0);
    expect(stepsWith(10_000)).toEqual(few);
  });
});
