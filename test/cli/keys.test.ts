import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { startQuietCluster } from "../bad-input/unchanged.js";
import type { LocalCluster } from "../cluster/local-cluster.js";
import { type CliEnd, type CliOptions, CliProcess, cli } from "./cli-run.js";

let cluster: LocalCluster;

beforeAll(async () => {
  cluster = await startQuietCluster();
});

afterAll(async () => {
  await cluster[Symbol.asyncDispose]();
});

/** What a document says of the history that its revisions are of. */
const history = expect.stringMatching(/^[0-9a-f]{16}$/);

async function quorate(args: readonly string[], options: CliOptions = {}): Promise<CliEnd> {
  return await cli(args, { endpoints: cluster.endpoints, ...options });
}

/** Runs a command that must succeed, and returns what it printed. */
async function output(args: readonly string[], options: CliOptions = {}): Promise<string> {
  const { code, stdout, stderr } = await quorate(args, options);
  expect({ code, stderr }, args.join(" ")).toEqual({ code: 0, stderr: "" });
  return stdout;
}

async function json(args: readonly string[]): Promise<unknown> {
  return JSON.parse(await output([...args, "--output", "json"]));
}

describe("get, put and del", () => {
  it("prints the value alone, and the whole entry as JSON", async () => {
    expect(await output(["put", "/app/db", "postgres://db1"])).toMatch(/^\/app\/db at revision \d+\n$/);
    expect(await output(["get", "/app/db"])).toBe("postgres://db1\n");
    const first = await json(["get", "/app/db"]);
    expect(first).toEqual({
      key: "/app/db",
      value: "postgres://db1",
      createRevision: expect.any(Number),
      modRevision: expect.any(Number),
      version: 1,
      lease: 0,
      history,
    });
    const put = await json(["put", "/app/db", "postgres://db2"]);
    expect(put).toEqual({ key: "/app/db", revision: expect.any(Number), history });
    expect(await json(["get", "/app/db"])).toMatchObject({ value: "postgres://db2", version: 2 });
  });

  it("exits 1 with a message for a key that does not exist", async () => {
    for (const args of [
      ["get", "/nobody"],
      ["get", "/nobody", "--output", "json"],
      ["del", "/nobody"],
    ]) {
      const { code, stderr } = await quorate(args);
      expect(code).toBe(1);
      expect(stderr).toBe("quorate: /nobody: no such key\n");
    }
    expect((await quorate(["get", "/nobody"])).stdout).toBe("");
  });

  it("takes a value from stdin as it is, text or not", async () => {
    await output(["put", "/stdin", "-"], { input: "two\nlines\n" });
    expect(await output(["get", "/stdin"])).toBe("two\nlines\n\n");
    await output(["put", "/binary", "-"], { input: Uint8Array.from([0xff, 0, 0xfe]) });
    expect(await json(["get", "/binary"])).toMatchObject({ value: "/wD+", encoding: "base64" });
    await output(["put", "/empty", ""]);
    expect(await output(["get", "/empty"])).toBe("\n");
    await output(["put", "/dash", "--", "-5"]);
    expect(await output(["get", "/dash"])).toBe("-5\n");
  });

  it("writes on condition only, and says when it does not hold", async () => {
    await output(["put", "/owner", "me", "--if-mod-revision", "0"]);
    const { code, stderr } = await quorate(["put", "/owner", "you", "--if-mod-revision", "0"]);
    expect(code).toBe(1);
    expect(stderr).toMatch(/^quorate: put \/owner: mod revision is not 0: it is \d+\n$/);
    expect(await output(["get", "/owner"])).toBe("me\n");
  });

  it("deletes a key or a subtree, and says how much", async () => {
    for (const key of ["/tree", "/tree/a", "/tree/a/b", "/treehouse"]) await output(["put", key, "x"]);
    expect(await json(["del", "/tree"])).toEqual({
      key: "/tree",
      deleted: 1,
      revision: expect.any(Number),
      history,
    });
    expect(await output(["del", "/tree", "--recursive"])).toMatch(/^2 deleted at revision \d+\n$/);
    expect(await output(["get", "/treehouse"])).toBe("x\n");
  });
});

describe("ls and tree", () => {
  it("lists one level, and draws a subtree", async () => {
    for (const key of ["/svc/api/1", "/svc/api/2", "/svc/db"]) await output(["put", key, `at ${key}`]);
    expect(await output(["ls", "/svc"])).toMatch(/api\/?[\s\S]*db/);
    expect(await output(["tree", "/svc", "--values"])).toBe(
      [
        "/svc",
        "├── api",
        "│   ├── 1 = at /svc/api/1",
        "│   └── 2 = at /svc/api/2",
        "└── db = at /svc/db",
        "",
      ].join("\n"),
    );
    expect(await json(["tree", "/svc"])).toMatchObject({
      key: "/svc",
      children: [
        { key: "/svc/api", children: [{ key: "/svc/api/1" }, { key: "/svc/api/2" }] },
        { key: "/svc/db" },
      ],
    });
    expect((await quorate(["tree", "/nobody"])).code).toBe(1);
  });
});

describe("watch", () => {
  it("streams JSON Lines until it is interrupted, and exits 0", async () => {
    await output(["put", "/watched/before", "0"]);
    await using watch = new CliProcess(
      ["watch", "/watched", "--recursive", "--initial", "--output", "json"],
      {
        endpoints: cluster.endpoints,
      },
    );
    await watch.prints(/before/);
    await output(["put", "/watched/a", "1"]);
    await output(["del", "/watched/a"]);
    await watch.prints(/delete/);
    watch.signal("SIGINT");
    const { code, stdout, stderr } = await watch.end();
    expect({ code, stderr }).toEqual({ code: 0, stderr: "" });
    const events: unknown[] = stdout
      .trimEnd()
      .split("\n")
      .map((line) => JSON.parse(line));
    expect(events).toMatchObject([
      { kind: "put", key: "/watched/before", value: "0", version: 1 },
      { kind: "put", key: "/watched/a", value: "1", version: 1 },
      { kind: "delete", key: "/watched/a" },
    ]);
  });

  it("ends by itself after --count events, the past ones first", async () => {
    const first = await json(["put", "/counted", "1"]);
    const { revision } = first as { revision: number };
    await output(["put", "/counted", "2"]);
    expect(await output(["watch", "/counted", "--from-revision", String(revision), "--count", "2"])).toBe(
      `${revision}\tPUT\t/counted\t1\n${revision + 1}\tPUT\t/counted\t2\n`,
    );
  });
});

describe("--history", () => {
  it("goes on in the history of a document, and exits 7 in any other without doing anything", async () => {
    const put = await json(["put", "/of/history", "1"]);
    const { revision, history: own } = put as { revision: number; history: string };
    const from = ["watch", "/of/history", "--from-revision", String(revision), "--count", "1"];
    expect(await output([...from, "--history", own])).toBe(`${revision}\tPUT\t/of/history\t1\n`);
    const other = ["--history", "0123456789abcdef"];
    const refused = [
      [...from, ...other],
      ["put", "/of/history", "2", ...other],
      ["get", "/of/history", ...other],
      ["history", "/of/history", "--from", String(revision), ...other],
    ];
    for (const args of refused) {
      const { code, stdout, stderr } = await quorate(args);
      expect({ args, code, stdout }).toEqual({ args, code: 7, stdout: "" });
      expect(stderr).toContain(own);
    }
    expect(await output(["get", "/of/history"])).toBe("1\n");
    expect((await quorate(["get", "/x", "--history", "yesterday"])).code).toBe(2);
  });
});

describe("wrong usage", () => {
  it("exits 2 with one line that names the mistake", async () => {
    const mistakes: readonly (readonly [args: readonly string[], says: RegExp])[] = [
      [["get", "/x", "--nonsense"], /nonsense/],
      [["nonsense"], /nonsense/],
      [[], /command/],
      [["get"], /missing/],
      [["get", "no-slash"], /begins with/],
      [["get", "/x", "--revision", "-1"], /revision/],
      [["get", "/x", "--consistency", "eventual"], /consistency|eventual/],
      [["put", "/x"], /value/],
      [["put", "/x", "1", "2"], /2|Unknown/],
      [["put", "/x/", "1"], /slash/],
      [["put", "/x", "1", "--fence-key", "/l"], /go together/],
      [["watch", "/x", "--initial", "--from-revision", "1"], /exclude/],
      [["get", "/x", "--timeout", "soon"], /duration/],
      [["get", "/x", "--endpoints", "nowhere"], /host:port/],
      [["get", "/x", "--", "y"], /nothing after --/],
      [["lock", "/x", "--ttl", "0s"], /duration/],
      [["elect", "/x", "--", "true"], /name/],
      [["dev", "--nodes", "4"], /nodes|4/],
      [["dev", "--port", "65530"], /port/],
    ];
    for (const [args, says] of mistakes) {
      const { code, stdout, stderr } = await quorate(args);
      expect({ args, code, stdout }).toEqual({ args, code: 2, stdout: "" });
      expect(stderr).toMatch(says);
      expect(stderr).toMatch(/^quorate: [^\n]+\n$/);
    }
  });

  it("has help for every command, with an example each", async () => {
    for (const command of ["get", "put", "del", "ls", "tree", "watch", "lock", "elect", "status", "dev"]) {
      const help = await output([command, "--help"]);
      expect(help, command).toMatch(/Examples:/);
    }
    expect(await output(["server", "--help"])).toMatch(/--initial-cluster/);
    expect(await output(["--help"])).toMatch(/Exit codes:/);
    expect(await output(["--version"])).toMatch(/^\d+\.\d+\.\d+\n$/);
  });
});
