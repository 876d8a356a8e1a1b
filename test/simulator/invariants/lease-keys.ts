import type { Change } from "../../../server/src/state-machine/index.js";
import { violated } from "./violation.js";

/** LEASE: no key outlives its lease. Checked after each command that changed keys or ended leases. */
export class LeaseKeys {
  readonly #keys = new Map<number, Set<string>>();

  /** The changes of a command were made. */
  changed(changes: readonly Change[], alive: (lease: number) => boolean): void {
    for (const { key, entry, previous } of changes) {
      const before = previous?.lease ?? 0;
      const after = entry?.lease ?? 0;
      if (before !== 0) this.#keys.get(before)?.delete(key);
      if (after === 0) continue;
      if (!alive(after)) {
        violated("LEASE", `${key} is put on lease ${after}, which does not exist`, { key, lease: after });
      }
      const keys = this.#keys.get(after);
      if (keys === undefined) this.#keys.set(after, new Set([key]));
      else keys.add(key);
    }
  }

  /** Leases ended in an entry that is done. */
  ended(leases: readonly number[], alive: (lease: number) => boolean): void {
    for (const lease of leases) {
      if (alive(lease)) continue;
      const [key] = this.#keys.get(lease) ?? [];
      this.#keys.delete(lease);
      if (key !== undefined) violated("LEASE", `${key} outlives its lease ${lease}`, { key, lease });
    }
  }
}
