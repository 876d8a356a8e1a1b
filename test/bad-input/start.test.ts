import {
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { eventually, LocalCluster } from "../cluster/local-cluster.js";
import { runServer, type ServerEnd, withFlags } from "./server-run.js";
import { expectHealthy } from "./unchanged.js";

let cluster: LocalCluster;
let dir: string;
/** Flags with which a fresh server would start. */
let sound: string[];

beforeAll(async () => {
  cluster = await LocalCluster.start({ nodes: 1 });
  dir = mkdtempSync(join(tmpdir(), "quorate-start-"));
  sound = withFlags(cluster.flags(0), {
    "data-dir": join(dir, "fresh"),
    "client-listen": "127.0.0.1:0",
    "peer-listen": "127.0.0.1:0",
    "http-listen": "127.0.0.1:0",
  });
});

afterAll(async () => {
  await cluster[Symbol.asyncDispose]();
  rmSync(dir, { recursive: true, force: true });
});

/** It ended with exit code 2, and said why in one line. */
function expectRefusal({ code, stderr }: ServerEnd, says: RegExp): void {
  expect(stderr).toMatch(says);
  expect(stderr.trimEnd().split("\n")).toHaveLength(1);
  expect(stderr).toMatch(/^quorate server: /);
  expect(code).toBe(2);
}

describe("a server refuses to start with", () => {
  const badFlags: readonly (readonly [what: string, changed: Record<string, string>, says: RegExp])[] = [
    ["an unknown flag", { nonsense: "1" }, /nonsense/],
    ["a name that is not in the cluster", { name: "n9" }, /n9 is not in --initial-cluster \(n1\)/],
    [
      "a listen address without a port",
      { "client-listen": "localhost" },
      /--client-listen must be host:port/,
    ],
    ["a listen port out of range", { "peer-listen": "127.0.0.1:70000" }, /--peer-listen must be host:port/],
    ["an http address that is none", { "http-listen": ":" }, /--http-listen must be host:port/],
    [
      "an advertised endpoint that is none",
      { "client-advertise": "here" },
      /--client-advertise must be host:port/,
    ],
    [
      "a cluster that is no list of names",
      { "initial-cluster": "127.0.0.1:7401" },
      /--initial-cluster must be name=host:port/,
    ],
    [
      "a member without a port",
      { "initial-cluster": "n1=localhost" },
      /--initial-cluster n1 must be host:port/,
    ],
    ["a member twice", { "initial-cluster": "n1=a:1,n1=b:2" }, /names "n1" twice/],
    [
      "an election timeout below five heartbeats",
      { "election-timeout-ms": "499" },
      /at least five heartbeats \(500\)/,
    ],
    ["a heartbeat that is no number", { "heartbeat-ms": "soon" }, /--heartbeat-ms must be between/],
    ["a heartbeat of nothing", { "heartbeat-ms": "0" }, /--heartbeat-ms must be between/],
    [
      "a shorter history than the minimum",
      { "history-kept-ms": "999" },
      /--history-kept-ms must be 0 for no bound, or a whole number from 1000/,
    ],
    [
      "less space than the minimum",
      { "space-bytes-max": "1048575" },
      /--space-bytes-max must be 0 for no bound, or a whole number from 1048576/,
    ],
    [
      "less history than the minimum",
      { "history-revisions-kept": "99" },
      /--history-revisions-kept must be a whole number from 100/,
    ],
    [
      "a shorter log than the minimum",
      { "log-entries-kept": "99" },
      /--log-entries-kept must be a whole number from 100/,
    ],
    ["an unknown log level", { "log-level": "loud" }, /log-level/],
    [
      "an address that is not of this machine",
      { "client-listen": "192.0.2.1:7400" },
      /cannot listen on 192\.0\.2\.1:7400 \(--client-listen\)/,
    ],
  ];

  for (const [what, changed, says] of badFlags) {
    it(what, async () => {
      expectRefusal(await runServer(withFlags(sound, changed)), says);
    });
  }

  it("an argument that belongs to no flag", async () => {
    expectRefusal(await runServer([...sound, "nonsense"]), /nonsense/);
  });

  it("no name", async () => {
    expectRefusal(await runServer(["--initial-cluster", "n1=127.0.0.1:1"]), /name/);
  });

  it("a wrong environment variable", async () => {
    expectRefusal(
      await runServer(sound, { QUORATE_HEARTBEAT_MS: "never" }),
      /--heartbeat-ms must be between/,
    );
  });

  for (const flag of ["client-listen", "peer-listen", "http-listen"] as const) {
    it(`a port in use for --${flag}`, async () => {
      const taken = `127.0.0.1:${cluster.node(0).clientPort}`;
      const end = await runServer(withFlags(sound, { [flag]: taken }));
      expectRefusal(end, new RegExp(`cannot listen on ${taken} \\(--${flag}\\): the port is in use`));
    });
  }
});

describe("a server refuses a data directory", () => {
  it("that a running node uses, and does not disturb that node", async () => {
    expectRefusal(
      await runServer(withFlags(sound, { "data-dir": cluster.node(0).dataDir })),
      /is in use by another process/,
    );
    await expectHealthy(cluster);
  });

  it("that is a file", async () => {
    const file = join(dir, "file");
    writeFileSync(file, "");
    expectRefusal(
      await runServer(withFlags(sound, { "data-dir": file })),
      /cannot create the data directory/,
    );
  });

  it("that cannot be made", async () => {
    const nowhere = join(dir, "file-again", "below");
    writeFileSync(join(dir, "file-again"), "");
    expectRefusal(
      await runServer(withFlags(sound, { "data-dir": nowhere })),
      /cannot create the data directory/,
    );
  });

  it("of another cluster", async () => {
    const changed = { "data-dir": cluster.node(0).dataDir, "cluster-token": "another" };
    expectRefusal(await runServer(withFlags(sound, changed)), /belongs to another cluster/);
  });

  it("of another node", async () => {
    const both = "n1=127.0.0.1:1,n2=127.0.0.1:2";
    const identity = JSON.parse(readFileSync(join(cluster.node(0).dataDir, "identity.json"), "utf8"));
    // The identity that n1 of a cluster of two would have is learnt from n1 of it refusing the one of the cluster of one.
    const end = await runServer(
      withFlags(sound, { "data-dir": cluster.node(0).dataDir, "initial-cluster": both }),
    );
    const clusterId = Number(/this one is (\d+)/.exec(end.stderr)?.[1]);
    const path = withIdentity("other-node", { ...identity, clusterId });
    expectRefusal(
      await runServer(withFlags(sound, { "data-dir": path, "initial-cluster": both, name: "n2" })),
      /belongs to node "n1", not to "n2"/,
    );
  });

  it("of another format", async () => {
    const identity = JSON.parse(readFileSync(join(cluster.node(0).dataDir, "identity.json"), "utf8"));
    const path = withIdentity("format", { ...identity, format: 4 });
    expectRefusal(
      await runServer(withFlags(sound, { "data-dir": path })),
      /has data format 4, this version of Quorate reads formats 2 to 3/,
    );
  });

  it("whose identity cannot be read", async () => {
    const path = withIdentity("unreadable", undefined);
    expectRefusal(await runServer(withFlags(sound, { "data-dir": path })), /identity\.json cannot be read/);
  });
});

function withIdentity(name: string, identity: object | undefined): string {
  const path = join(dir, name);
  mkdirSync(path);
  writeFileSync(join(path, "identity.json"), identity === undefined ? "{" : JSON.stringify(identity));
  return path;
}

describe("a data directory", () => {
  it("holds nothing that other users could read", async () => {
    await eventually(() => existsSync(join(cluster.node(0).dataDir, "state.db")), "the state to be there");
    const files = readdirSync(cluster.node(0).dataDir, { recursive: true, encoding: "utf8" });
    const open = files.filter((file) => (statSync(join(cluster.node(0).dataDir, file)).mode & 0o077) !== 0);
    expect(files.length).toBeGreaterThan(2);
    expect(open).toEqual([]);
  });
});
