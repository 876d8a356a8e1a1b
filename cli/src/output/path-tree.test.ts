import { describe, expect, it } from "vitest";
import { entry } from "../testing/entry.js";
import { pathTree, treeLines } from "./path-tree.js";

const names = (root: string, paths: readonly string[]): string[] =>
  treeLines(
    pathTree(
      root,
      paths.map((path) => entry(path, "")),
    ),
    ({ entry: own }) => (own === undefined ? "" : " *"),
  );

describe("a tree of paths", () => {
  it("makes the directories that no key stands for", () => {
    expect(names("/", ["/a/b/c", "/a/d", "/e"])).toEqual([
      "/",
      "├── a",
      "│   ├── b",
      "│   │   └── c *",
      "│   └── d *",
      "└── e *",
    ]);
  });

  it("shows a key that is also a directory once, and leaves out what is not below the root", () => {
    expect(names("/a", ["/a", "/a/b", "/ab", "/c"])).toEqual(["/a *", "└── b *"]);
  });
});
