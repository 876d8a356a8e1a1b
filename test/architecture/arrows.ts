import { posix } from "node:path";
import { type Import, importsOf } from "./imports.js";
import { isTestFile, type SourceFile, type Violation } from "./source-file.js";
import { tokenize } from "./tokens.js";

/** The workspaces, and which others each may import. */
const workspaces: ReadonlyMap<string, readonly string[]> = new Map([
  ["proto", []],
  ["server", ["proto"]],
  ["sdk", ["proto"]],
  ["cli", ["sdk"]],
  ["jepsen-style", ["sdk"]],
  ["test", ["proto", "sdk", "cli", "jepsen-style"]],
]);

/** Who may start the server, as a process or in its own, without importing anything from it. */
const launchers = new Set(["cli", "jepsen-style", "test"]);
const serverMain = "@quorate/server/main";

/** The folders of the server, and which others each may import. Files beside them (main, server) may import all. */
const serverFolders: ReadonlyMap<string, readonly string[]> = new Map([
  ["raft", []],
  ["state-machine", []],
  ["storage", ["raft", "state-machine", "config"]],
  ["transport", ["raft", "config"]],
  ["node", ["raft", "state-machine", "storage", "transport", "config"]],
  ["observability", ["node", "raft", "config"]],
  ["rpc", ["node", "state-machine", "raft", "config", "version"]],
  ["etcd", ["node", "state-machine", "rpc", "config", "version"]],
  ["config", []],
  ["version", []],
]);

/** Folders whose code takes time, chance and effects as arguments. */
const pureFolders = ["server/src/raft/", "server/src/state-machine/"];

/** The part of `test` that runs the real insides of server and SDK in one process, under virtual time. */
const simulator = "test/simulator/";

/** Whether `path` must be pure. Its tests need not be: they read scripts and use the test runner. */
export function isPure(path: string): boolean {
  return pureFolders.some((folder) => path.startsWith(folder)) && !isTestFile(path);
}

/** Every import of a file that goes against the arrows between workspaces and between the server's folders. */
export function arrowViolations(file: SourceFile): Violation[] {
  const workspace = file.path.split("/", 1)[0] ?? "";
  const allowed = workspaces.get(workspace);
  if (allowed === undefined) return [];
  return importsOf(tokenize(file.source)).flatMap((each) => {
    const message = each.specifier.startsWith(".")
      ? relativeProblem(file.path, workspace, each)
      : packageProblem(file.path, workspace, allowed, each);
    return message === undefined ? [] : [{ path: file.path, line: each.line, message }];
  });
}

function packageProblem(
  path: string,
  workspace: string,
  allowed: readonly string[],
  { specifier, kind }: Import,
): string | undefined {
  if (isPure(path)) {
    return `imports "${specifier}": raft and state-machine are pure; take what you need as an argument instead`;
  }
  const [, target, inside] = /^@quorate\/([^/]+)(\/.*)?$/.exec(specifier) ?? [];
  if (target === undefined) return undefined;
  if (target === "server") {
    if (specifier !== serverMain)
      return `imports "${specifier}": nobody imports the server; start "${serverMain}" instead`;
    if (!launchers.has(workspace)) return `starts the server: only ${[...launchers].join(", ")} may`;
    return kind === "static"
      ? `imports "${specifier}" statically: import.meta.resolve() it and start it, or import() it to become it`
      : undefined;
  }
  if (inside !== undefined)
    return `imports "${specifier}" past its door: import "@quorate/${target}", and export there what you need`;
  if (allowed.includes(target)) return undefined;
  const may =
    allowed.length === 0
      ? "no other workspace"
      : `only ${allowed.map((name) => `@quorate/${name}`).join(", ")}`;
  return `imports "${specifier}": ${workspace} may import ${may}`;
}

function relativeProblem(path: string, workspace: string, { specifier }: Import): string | undefined {
  const target = posix.normalize(posix.join(posix.dirname(path), specifier));
  if (path.startsWith(simulator) && /^(?:server|sdk)\/src\//.test(target)) return undefined;
  if (target.split("/", 1)[0] !== workspace) {
    return `imports "${specifier}" out of ${workspace}/: import the package by its name instead`;
  }
  if (workspace !== "server") return undefined;
  const from = serverFolder(path);
  const to = serverFolder(target);
  if (to === "main") return `imports "${specifier}": nothing imports main; move what you need into a folder`;
  const may = serverFolders.get(from);
  if (from === to || may === undefined || may.includes(to)) return undefined;
  const others = may.length === 0 ? "only their own folder" : `only ${may.join(", ")} beside its own`;
  return `imports "${specifier}": files of ${from} may import ${others}; let the caller pass it, or declare an interface in ${from}`;
}

/** The folder of the server a file is in, or its name when it lies beside them. */
function serverFolder(path: string): string {
  const [, , first = ""] = path.split("/");
  return first.replace(/\.(?:ts|js)$/, "");
}
