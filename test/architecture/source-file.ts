import { readdirSync, readFileSync } from "node:fs";
import { join, relative, sep } from "node:path";

/** A source file of the repository. */
export interface SourceFile {
  /** From the root of the repository, with slashes. */
  readonly path: string;
  readonly source: string;
}

/** What a rule found, and what to do instead. */
export interface Violation {
  readonly path: string;
  /** From 1; 0 for the file as a whole. */
  readonly line: number;
  readonly message: string;
}

/** Folders that hold no source of ours. */
const passedOver = new Set(["node_modules", "dist", "gen", "docs", ".git", ".quorate", "jepsen-runs"]);
const sourceEnding = /\.(?:ts|mts|cts|js|mjs|cjs)$/;

/** Every TypeScript and JavaScript file below `root`, generated and compiled code left out. */
export function readSources(root: string): SourceFile[] {
  return filesBelow(root).map((file) => ({
    path: relative(root, file).split(sep).join("/"),
    source: readFileSync(file, "utf8"),
  }));
}

function filesBelow(folder: string): string[] {
  return readdirSync(folder, { withFileTypes: true }).flatMap((item) => {
    const path = join(folder, item.name);
    if (item.isDirectory()) return passedOver.has(item.name) ? [] : filesBelow(path);
    return item.isFile() && sourceEnding.test(item.name) ? [path] : [];
  });
}

/** Whether a file exists for tests only: a test, or something in a `testing` folder or named `*.test-*`. */
export function isTestFile(path: string): boolean {
  return /\.test\.|\.test-|\/testing\//.test(path) || path.startsWith("test/");
}
