import { describe, expect, it, vi } from "vitest";
import { runCli } from "./program.js";
import { memoryTerminal } from "./testing/memory-terminal.js";

/** Nothing listens on port 1 of this machine. */
const nowhere = ["--endpoints", "127.0.0.1:1", "--timeout", "300ms"];

async function run(
  argv: readonly string[],
  env = {},
): Promise<{ code: number; stdout: string; stderr: string }> {
  const terminal = memoryTerminal(env);
  const code = await runCli(argv, terminal);
  return { code, stdout: terminal.stdout(), stderr: terminal.stderr() };
}

describe("the command line", () => {
  it.each([
    [[], /Name a command/],
    [["nonsense"], /nonsense/],
    [["statu"], /Did you mean status/],
    [["get"], /argument is missing/],
    [["get", "/a", "/b"], /Unknown argument: \/b/],
    [["get", "/a", "--nonsense"], /nonsense/],
    [["get", "/a", "--", "x"], /nothing after --/],
    [["get", "/a", "--revision", "x"], /--revision/],
    [["get", "/a", "--output", "yaml"], /yaml/],
    [["get", "/a", "--endpoints"], /endpoints/],
    [["get", "/a", "--endpoints", "a"], /host:port/],
    [["get", "/a", "--timeout", "soon"], /--timeout/],
    [["put", "/a"], /give a value/],
    [["put", "/a", "1", "--", "2"], /one value/],
    [["put", "/a", "1", "--fence-key", "/l"], /go together/],
    [["watch", "/a", "--initial", "--from-revision", "1"], /exclude each other/],
    [["elect", "/e", "--", "true"], /candidate's name/],
    [["elect", "/e", "me", "--observe"], /takes no NAME/],
    [["dev", "--nodes", "4"], /nodes/],
    [["dev", "--port", "65530"], /65530/],
  ])("%j is a usage error on one line", async (argv, message) => {
    const { code, stdout, stderr } = await run(argv);
    expect(code).toBe(2);
    expect(stdout).toBe("");
    expect(stderr).toMatch(message);
    expect(stderr).toMatch(/^quorate: [^\n]*\n$/);
  });

  it.each([
    ["get", "/a"],
    ["put", "/a", "1"],
    ["del", "/a"],
    ["ls"],
    ["tree"],
    ["lock", "/l", "--", "true"],
    ["elect", "/e", "me", "--", "true"],
    ["status"],
  ])("%s without a cluster says so, without a stack trace, exit 3", async (...argv) => {
    const dashes = argv.indexOf("--");
    const at = dashes < 0 ? argv.length : dashes;
    const { code, stderr } = await run([...argv.slice(0, at), ...nowhere, ...argv.slice(at)]);
    expect(code).toBe(3);
    expect(stderr).toMatch(/^quorate: [^\n]*--endpoints[^\n]*\n$/);
  });

  it("prints a stack trace when asked to", async () => {
    expect((await run(["get", "/a", ...nowhere], { QUORATE_DEBUG: "1" })).stderr).toContain("\n    at ");
  });

  it("lists unreachable nodes in the one JSON document of status", async () => {
    const { stdout } = await run(["status", "--output", "json", ...nowhere]);
    expect(JSON.parse(stdout)).toEqual({
      nodes: [
        {
          name: null,
          endpoint: "127.0.0.1:1",
          role: "unreachable",
          term: null,
          revision: null,
          appliedIndex: null,
          history: null,
        },
      ],
      strangers: [],
    });
  });

  it.each(["dev", "get", "put", "del", "ls", "tree", "watch", "lock", "elect", "status"])(
    "quorate %s --help explains itself with examples",
    async (command) => {
      const log = vi.spyOn(console, "log").mockImplementation(() => {});
      try {
        expect((await run([command, "--help"])).code).toBe(0);
        expect(String(log.mock.calls.flat())).toContain(`quorate ${command}`);
        expect(String(log.mock.calls.flat())).toContain("Examples:");
      } finally {
        log.mockRestore();
      }
    },
  );

  it("documents its exit codes", async () => {
    const log = vi.spyOn(console, "log").mockImplementation(() => {});
    try {
      await run(["--help"]);
      expect(String(log.mock.calls.flat())).toContain("4  outcome unknown");
    } finally {
      log.mockRestore();
    }
  });
});
