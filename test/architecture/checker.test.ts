import { describe, expect, it } from "vitest";
import { arrowViolations } from "./arrows.js";
import { banViolations } from "./bans.js";
import { dependencyViolations } from "./dependencies.js";
import { importsOf } from "./imports.js";
import { tokenize } from "./tokens.js";

// Put together here, so that this file does not break the rules it tests.
const [ignored, focus, typeAny] = ["@ts-" + "ignore", "on" + "ly", "a" + "ny"].map(String);

const specifiers = (source: string): string[] =>
  importsOf(tokenize(source)).map(({ kind, specifier, line }) => `${line} ${kind} ${specifier}`);

describe("finding imports", () => {
  it("sees every form of import", () => {
    const source = `import a from "a";
import "b";
import type { C } from 'c';
import {
  d,
  type e as from,
} from "d";
export * from "e";
export { f } from "f";
const g = await import("g");
type H = import("h").H;
const i = require("i");
const j = import.meta.resolve("j");
const k = \`\${await import("k")}\`;`;
    expect(specifiers(source)).toEqual([
      "1 static a",
      "2 static b",
      "3 static c",
      "7 static d",
      "8 static e",
      "9 static f",
      "10 dynamic g",
      "11 dynamic h",
      "12 static i",
      "13 resolve j",
      "14 dynamic k",
    ]);
  });

  it("is not fooled by comments, strings, templates and regular expressions", () => {
    const source = `// import "a";
/* import "b"; */
const c = 'import "c"';
const d = \`import "d" \${c} from "d"\`;
const e = /import "e"/.test(c) ? 4 / 2 : Array.from("e");
const f = c.replace(/["'\`]/g, "") + "import";
import "g";`;
    expect(specifiers(source)).toEqual(["7 static g"]);
  });
});

const arrows = (path: string, source: string): string[] =>
  arrowViolations({ path, source }).map(({ message }) => message);

describe("the arrows", () => {
  it.each([
    ["sdk/src/a.ts", 'import "@quorate/server/main";'],
    ["sdk/src/a.ts", 'import.meta.resolve("@quorate/server/main");'],
    ["sdk/src/a.ts", 'import "@quorate/cli";'],
    ["server/src/rpc/a.ts", 'import "@quorate/sdk";'],
    ["server/src/rpc/a.test.ts", 'import "@quorate/sdk";'],
    ["proto/src/a.ts", 'import "@quorate/sdk";'],
    ["cli/src/a.ts", 'import "@quorate/proto";'],
    ["cli/src/a.ts", 'import "@quorate/server/main";'],
    ["cli/src/a.ts", 'import("@quorate/server/dist/node/node.js");'],
    ["cli/src/a.ts", 'import("@quorate/server");'],
    ["cli/src/a.ts", 'import "@quorate/sdk/dist/session/session.js";'],
    ["cli/src/a.ts", 'import "../../sdk/src/index.js";'],
    ["cli/src/a.ts", 'import "../../node_modules/yargs/index.mjs";'],
    ["jepsen-style/src/a.ts", 'import "@quorate/cli";'],
    ["test/cluster/a.ts", 'import "../../server/src/node/node.js";'],
    ["server/src/raft/a.ts", 'import "../state-machine/index.js";'],
    ["server/src/raft/a.ts", 'import "../config.js";'],
    ["server/src/raft/a.ts", 'import "node:fs";'],
    ["server/src/raft/a.ts", 'import "@quorate/proto";'],
    ["server/src/state-machine/a.ts", 'export * from "../raft/index.js";'],
    ["server/src/state-machine/deep/a.ts", 'import "../../raft/index.js";'],
    ["server/src/storage/a.ts", 'import type { Node } from "../node/node.js";'],
    ["server/src/transport/a.ts", 'import "../node/node.js";'],
    ["server/src/node/a.ts", 'import "../rpc/executor.js";'],
    ["server/src/rpc/a.ts", 'import "../storage/log-store.js";'],
    ["server/src/config.ts", 'import "./node/node.js";'],
    ["server/src/rpc/a.ts", 'import "../main.js";'],
    ["server/src/server.ts", 'import "./main.js";'],
  ])("refuse %s: %s", (path, source) => {
    expect(arrows(path, source)).toHaveLength(1);
  });

  it.each([
    ["server/src/rpc/a.ts", 'import "@quorate/proto";'],
    ["sdk/src/a.ts", 'import "@quorate/proto";'],
    ["cli/src/a.ts", 'import "@quorate/sdk"; import.meta.resolve("@quorate/server/main");'],
    ["jepsen-style/src/a.ts", 'import("@quorate/server/main");'],
    ["test/cluster/a.ts", 'import "@quorate/sdk"; import.meta.resolve("@quorate/server/main");'],
    ["test/simulator/a.ts", 'import "../../server/src/node/node.js";'],
    ["server/src/raft/a.ts", 'import "./log.js";'],
    ["server/src/raft/a.test.ts", 'import "vitest"; import "node:fs";'],
    [
      "server/src/node/a.ts",
      'import "../raft/index.js"; import "../state-machine/index.js"; import "node:fs";',
    ],
    ["server/src/server.ts", 'import "./rpc/kv-service.js"; import "./storage/data-directory.js";'],
    ["server/src/main.ts", 'import "./server.js";'],
  ])("allow %s: %s", (path, source) => {
    expect(arrows(path, source)).toEqual([]);
  });
});

const bans = (path: string, source: string): string[] =>
  banViolations({ path, source }).map(({ message }) => message);

describe("the bans", () => {
  it.each([
    ["cli/src/a.ts", `let a: ${typeAny};`],
    ["cli/src/a.ts", `const a = b as ${typeAny};`],
    ["cli/src/a.ts", `const a: Map<string, ${typeAny}[]> = b;`],
    ["cli/src/a.ts", `// ${ignored}\nlet a: string = 1;`],
    ["cli/src/a.ts", "// biome-ignore lint/style/useConst\nlet a = 1;"],
    ["cli/src/a.ts", "// biome-ignore lint/style/useConst: yes\nlet a = 1;"],
    ["cli/src/a.test.ts", `it.${focus}("works", () => {});`],
    ["cli/src/a.test.ts", 'describe.skip("works", () => {});'],
    ["cli/src/a.test.ts", 'test.todo("works");'],
    ["cli/src/utils.ts", ""],
    ["cli/src/helpers/a.ts", ""],
    ["cli/src/common.test.ts", ""],
    ["server/src/raft/a.ts", "const now = Date.now();"],
    ["server/src/raft/a.ts", "const now = new Date();"],
    ["server/src/raft/a.ts", "const r = Math.random();"],
    ["server/src/state-machine/a.ts", "const r = performance.now();"],
    ["server/src/state-machine/a.ts", "setTimeout(f, 1);"],
    ["server/src/state-machine/a.ts", "const r = process.env.X;"],
    ["server/src/state-machine/a.ts", "const r = Buffer.alloc(1);"],
  ])("refuse %s: %s", (path, source) => {
    expect(bans(path, source)).toHaveLength(1);
  });

  it.each([
    ["cli/src/a.ts", "const a = await Promise.any(b); const c = { any: 1 };"],
    ["cli/src/a.ts", "// in any case\nconst a = 'any';"],
    ["cli/src/a.ts", "// biome-ignore lint/style/useConst: the loop below assigns it\nlet a = 1;"],
    ["cli/src/a.test.ts", 'it.each([1])("works", () => {}); list.skip(1);'],
    ["cli/src/command.ts", "const now = Date.now(); setTimeout(f, 1);"],
    ["server/src/raft/a.ts", "// Buffer, process\nconst max = Math.max(1, this.process);"],
    ["server/src/raft/a.test.ts", "const r = process.env.X;"],
  ])("allow %s: %s", (path, source) => {
    expect(bans(path, source)).toEqual([]);
  });
});

describe("declared packages", () => {
  const declared = new Map([
    ["", new Set(["vitest"])],
    ["sdk", new Set(["@grpc/grpc-js"])],
  ]);
  const undeclared = (path: string, source: string): number =>
    dependencyViolations({ path, source }, declared).length;

  it("are the only ones imported", () => {
    expect(undeclared("sdk/src/a.ts", 'import "pino";')).toBe(1);
    expect(undeclared("sdk/src/a.ts", 'import "@grpc/proto-loader/deep.js";')).toBe(1);
    expect(
      undeclared("sdk/src/a.ts", 'import "@grpc/grpc-js/deep.js"; import "node:fs"; import "./b.js";'),
    ).toBe(0);
  });

  it("include the root's tools in tests only", () => {
    expect(undeclared("sdk/src/a.ts", 'import "vitest";')).toBe(1);
    expect(undeclared("sdk/src/a.test.ts", 'import "vitest";')).toBe(0);
  });
});
