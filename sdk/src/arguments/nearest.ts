/** Edits between two names that still count as a slip. */
const editsMax = 2;

/** The name that was probably meant; undefined when none is near. */
export function nearest(name: string, known: readonly string[]): string | undefined {
  // A long name is none that somebody mistyped, and comparing takes its length squared.
  if (name.length > 64) return undefined;
  const lower = name.toLowerCase();
  let best: { readonly name: string; readonly distance: number } | undefined;
  for (const each of known) {
    const distance = distanceBetween(lower, each.toLowerCase());
    if (distance !== undefined && (best === undefined || distance < best.distance)) {
      best = { name: each, distance };
    }
  }
  return best?.name;
}

/** How far apart two names are; undefined when too far. The unit or qualifier left out, as in `timeout`, is near. */
function distanceBetween(given: string, known: string): number | undefined {
  if (given === known) return 0;
  const edits = editDistance(given, known);
  if (edits <= Math.min(editsMax, Math.floor(known.length / 3))) return edits;
  if (given.length >= 3 && (known.startsWith(given) || known.endsWith(given) || given.startsWith(known))) {
    return editsMax + Math.abs(known.length - given.length);
  }
  return undefined;
}

/** Insertions, deletions, replacements and swaps of neighbours that lead from one to the other. */
function editDistance(a: string, b: string): number {
  let beforeLast: number[] = [];
  let last = Array.from({ length: b.length + 1 }, (_, column) => column);
  for (let row = 1; row <= a.length; row += 1) {
    const current = [row];
    for (let column = 1; column <= b.length; column += 1) {
      const same = a[row - 1] === b[column - 1];
      let edits = Math.min(
        (last[column] ?? 0) + 1,
        (current[column - 1] ?? 0) + 1,
        (last[column - 1] ?? 0) + (same ? 0 : 1),
      );
      if (row > 1 && column > 1 && a[row - 1] === b[column - 2] && a[row - 2] === b[column - 1]) {
        edits = Math.min(edits, (beforeLast[column - 2] ?? 0) + 1);
      }
      current.push(edits);
    }
    beforeLast = last;
    last = current;
  }
  return last[b.length] ?? 0;
}
