import type { Key } from "../state-machine/index.js";

/** Keys from `key` on, up to but without `end`, or to the last there is. */
export interface KeyRange {
  readonly key: Key;
  readonly end: Key | undefined;
}

/** Whether a key lies in a range. */
export function inRange({ key: start, end }: KeyRange, key: Key): boolean {
  return key >= start && (end === undefined || key < end);
}

interface Group<Watch> extends KeyRange {
  readonly watches: Set<Watch>;
  /** The furthest end of this group and of all before it; undefined when one of them has none. */
  reach: Key | undefined;
}

/**
 * Watches by the range of keys they watch, one group a range, sorted by where it begins. Those that hold a key are among
 * the groups that begin at or before it; walked backwards, they end where no group before reaches as far as the key. So
 * a change costs what it concerns, and not what is watched elsewhere, but for ranges that lie below a wide one.
 */
export class RangeWatches<Watch> {
  private readonly groups: Group<Watch>[] = [];

  get isEmpty(): boolean {
    return this.groups.length === 0;
  }

  add(range: KeyRange, watch: Watch): void {
    const at = this.position(range);
    const group = this.groups[at];
    if (group !== undefined && isSame(group, range)) {
      group.watches.add(watch);
      return;
    }
    const { key, end } = range;
    this.groups.splice(at, 0, { key, end, watches: new Set([watch]), reach: end });
    this.updateReach(at);
  }

  delete(range: KeyRange, watch: Watch): void {
    const at = this.position(range);
    const group = this.groups[at];
    if (group === undefined || !isSame(group, range)) return;
    if (!group.watches.delete(watch) || group.watches.size > 0) return;
    this.groups.splice(at, 1);
    this.updateReach(at);
  }

  /** The watches of every range that holds `key`. */
  *holding(key: Key): Generator<Set<Watch>> {
    for (let at = this.countUpTo(key) - 1; at >= 0; at--) {
      const group = this.groups[at];
      if (group === undefined || (group.reach !== undefined && group.reach <= key)) return;
      if (inRange(group, key)) yield group.watches;
    }
  }

  *all(): Generator<Watch> {
    // Of a copy: what is done with a watch may take it, and its group, away.
    for (const { watches } of [...this.groups]) yield* watches;
  }

  /** Where the group of a range is, or would be: by its start, then by its end, no end being the last. */
  private position(range: KeyRange): number {
    return this.partition((group) => isBefore(group, range));
  }

  /** How many groups begin at or before `key`. */
  private countUpTo(key: Key): number {
    return this.partition((group) => group.key <= key);
  }

  /** How many groups satisfy what those at the front do and those behind them do not. */
  private partition(satisfies: (group: KeyRange) => boolean): number {
    let low = 0;
    let high = this.groups.length;
    while (low < high) {
      const middle = (low + high) >>> 1;
      const group = this.groups[middle];
      if (group !== undefined && satisfies(group)) low = middle + 1;
      else high = middle;
    }
    return low;
  }

  private updateReach(from: number): void {
    let before = this.groups[from - 1];
    for (const group of this.groups.slice(from)) {
      group.reach = before === undefined ? group.end : further(before.reach, group.end);
      before = group;
    }
  }
}

function isSame(a: KeyRange, b: KeyRange): boolean {
  return a.key === b.key && a.end === b.end;
}

function isBefore(a: KeyRange, b: KeyRange): boolean {
  if (a.key !== b.key) return a.key < b.key;
  if (a.end === undefined || b.end === undefined) return a.end !== undefined && b.end === undefined;
  return a.end < b.end;
}

function further(a: Key | undefined, b: Key | undefined): Key | undefined {
  if (a === undefined || b === undefined) return undefined;
  return a > b ? a : b;
}
