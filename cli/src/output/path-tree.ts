import type { Entry } from "@quorate/sdk";

/** A place in the hierarchy with everything below it. */
export interface PathTree {
  /** Its last segment; the whole path for the root of the tree. */
  readonly name: string;
  /** Its absolute path. */
  readonly path: string;
  /** Its entry; undefined for a pure directory. */
  entry: Entry | undefined;
  /** What is directly below, by segment, in the order of the entries. */
  readonly children: Map<string, PathTree>;
}

/** Folds entries, all at or below `root`, into a tree. Directories are implicit, so they are made on the way. */
export function pathTree(root: string, entries: Iterable<Entry>): PathTree {
  const tree: PathTree = { name: root, path: root, entry: undefined, children: new Map() };
  const prefix = root === "/" ? "/" : `${root}/`;
  for (const entry of entries) {
    if (entry.path === root) tree.entry = entry;
    if (!entry.path.startsWith(prefix)) continue;
    let place = tree;
    let path = root === "/" ? "" : root;
    for (const name of entry.path.slice(prefix.length).split("/")) {
      path = `${path}/${name}`;
      let child = place.children.get(name);
      if (child === undefined) {
        child = { name, path, entry: undefined, children: new Map() };
        place.children.set(name, child);
      }
      place = child;
    }
    place.entry = entry;
  }
  return tree;
}

/** The lines of a drawn tree; `label` gives what follows a name, for example its value. */
export function treeLines(tree: PathTree, label: (tree: PathTree) => string): string[] {
  return [tree.name + label(tree), ...branchLines(tree, "", label)];
}

function branchLines(tree: PathTree, indent: string, label: (tree: PathTree) => string): string[] {
  const children = [...tree.children.values()];
  return children.flatMap((child, at) => {
    const last = at === children.length - 1;
    return [
      `${indent}${last ? "└── " : "├── "}${child.name}${label(child)}`,
      ...branchLines(child, indent + (last ? "    " : "│   "), label),
    ];
  });
}
