import { existsSync, mkdtempSync, readFileSync, rmSync } from "node:fs";
import { constants, tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from "vitest";
import { eventually, LocalCluster } from "../cluster/local-cluster.js";
import { type CliEnd, CliProcess, cli, isAlive } from "./cli-run.js";

let cluster: LocalCluster;
let dir: string;

beforeAll(async () => {
  cluster = await LocalCluster.start();
});

afterAll(async () => {
  await cluster[Symbol.asyncDispose]();
});

beforeEach(() => {
  dir = mkdtempSync(join(tmpdir(), "quorate-cli-"));
});

afterEach(() => {
  rmSync(dir, { recursive: true, force: true });
});

async function quorate(...args: readonly string[]): Promise<CliEnd> {
  return await cli(args, { endpoints: cluster.endpoints });
}

function start(...args: readonly string[]): CliProcess {
  return new CliProcess(args, { endpoints: cluster.endpoints, env: { DIR: dir } });
}

/** The text of a file of the test's folder; empty while it does not exist. */
function read(name: string): string {
  try {
    return readFileSync(join(dir, name), "utf8");
  } catch {
    return "";
  }
}

describe("lock KEY -- command", () => {
  it("runs the command with key and token in its environment, and exits with its code", async () => {
    const end = await quorate(
      ...["lock", "/locks/env", "--", "sh", "-c"],
      'echo "$QUORATE_LOCK_KEY $QUORATE_FENCING_TOKEN"; exit 7',
    );
    expect(end.code).toBe(7);
    expect(end.stderr).toBe("");
    expect(end.stdout).toMatch(/^\/locks\/env [1-9]\d*\n$/);
  });

  it("says that a command does not exist, and leaves the lock free", async () => {
    const end = await quorate("lock", "/locks/absent", "--", "no-such-command-anywhere");
    expect(end).toMatchObject({ code: 127, stderr: "quorate: no-such-command-anywhere: no such command\n" });
    expect((await quorate("lock", "/locks/absent", "--wait", "5s", "--", "true")).code).toBe(0);
  });

  it("never runs two commands at once, and their tokens rise", async () => {
    // The directory can be made by one at a time only: whoever finds it there overlaps.
    const work =
      'mkdir "$DIR/held" || echo overlap >> "$DIR/log"; echo "$QUORATE_FENCING_TOKEN" >> "$DIR/log"; sleep 0.3; rmdir "$DIR/held"';
    const contenders = Array.from({ length: 4 }, () => start("lock", "/locks/both", "--", "sh", "-c", work));
    const codes = (await Promise.all(contenders.map((contender) => contender.end()))).map(({ code }) => code);
    expect(codes).toEqual([0, 0, 0, 0]);
    const tokens = read("log").trimEnd().split("\n").map(Number);
    expect(tokens).toHaveLength(4);
    expect(tokens).toEqual([...new Set(tokens)].sort((a, b) => a - b));
  });

  it("gives up after --wait, and fences a write under a token of the past", async () => {
    await using holder = start("lock", "/locks/waited");
    await holder.prints(/^\d+\n$/);
    const token = holder.stdout.trim();
    const late = await quorate("lock", "/locks/waited", "--wait", "500ms", "--", "true");
    expect(late).toMatchObject({ code: 1, stderr: "quorate: the lock was not free within --wait\n" });

    const fence = ["--fence-key", "/locks/waited", "--fence-token", token];
    expect((await quorate("put", "/fenced", "under the lock", ...fence)).code).toBe(0);
    holder.signal("SIGINT");
    expect(await holder.end()).toMatchObject({ code: 0, stderr: "" });
    const fenced = await quorate("put", "/fenced", "too late", ...fence);
    expect(fenced.code).toBe(5);
    expect(fenced.stderr).toMatch(/^quorate: .*not held under/);
    expect((await quorate("get", "/fenced")).stdout).toBe("under the lock\n");
  });

  it("passes a signal on to the command and exits as it does", async () => {
    await using held = start(
      ...["lock", "/locks/signal", "--", "sh", "-c"],
      'trap "exit 9" TERM; echo ready; while :; do sleep 0.05; done',
    );
    await held.prints(/ready/);
    held.signal("SIGTERM");
    expect((await held.end()).code).toBe(9);
    expect((await quorate("lock", "/locks/signal", "--wait", "5s", "--", "true")).code).toBe(0);
  });

  it.each(["SIGQUIT", "SIGUSR1", "SIGUSR2", "SIGALRM", "SIGHUP"] as const)(
    "passes %s on, and never leaves the command behind",
    async (signal) => {
      await using held = start("lock", `/locks/${signal}`, "--", "sh", "-c", 'echo "$$"; exec sleep 1000');
      await held.prints(/^\d+\n$/);
      held.signal(signal);
      const { code, stderr } = await held.end();
      expect(code).toBe(128 + constants.signals[signal]);
      expect(stderr).toBe("");
      expect(isAlive(Number(held.stdout))).toBe(false);
      expect((await quorate("lock", `/locks/${signal}`, "--wait", "5s", "--", "true")).code).toBe(0);
    },
  );

  it("lets the command deal with a signal, and goes on", async () => {
    await using held = start(
      ...["lock", "/locks/deals", "--", "sh", "-c"],
      'trap "echo again" USR1 USR2; trap "exit 3" TERM; echo ready; while :; do sleep 0.05; done',
    );
    await held.prints(/ready/);
    held.signal("SIGUSR1");
    await held.prints(/again/);
    held.signal("SIGUSR2");
    await held.prints(/again\nagain/);
    held.signal("SIGTERM");
    expect((await held.end()).code).toBe(3);
  });

  it.each(["SIGKILL", "SIGSEGV"] as const)("takes the command along when %s ends it", async (signal) => {
    // Also what it started itself, and though it ignores being told to stop.
    await using held = start(
      ...["lock", `/locks/orphan-${signal}`, "--kill-grace", "200ms", "--", "sh", "-c"],
      'trap "" TERM; sleep 1000 & echo "$$ $!"; while :; do sleep 0.05; done',
    );
    await held.prints(/^\d+ \d+\n$/);
    const [command, child] = held.stdout.trim().split(" ").map(Number);
    held.signal(signal);
    await eventually(() => !isAlive(command ?? 0) && !isAlive(child ?? 0), "the command to be gone");
  });

  it("ends the command when the process that watches over it is killed, and says so", async () => {
    await using held = start(
      "lock",
      "/locks/unwatched",
      "--",
      "sh",
      "-c",
      'echo "$$ $PPID"; exec sleep 1000',
    );
    await held.prints(/^\d+ \d+\n$/);
    const [command, guardian] = held.stdout.trim().split(" ").map(Number);
    process.kill(guardian ?? 0, "SIGKILL");
    const { code, stderr } = await held.end();
    expect(code).toBe(1);
    expect(stderr).toMatch(/^quorate: sh: the process that watches over it was killed/);
    await eventually(() => !isAlive(command ?? 0), "the command to be gone");
  });

  it("refuses an empty command instead of holding for ever", async () => {
    for (const command of [[], [""], [" "]]) {
      const end = await quorate("lock", "/locks/empty", "--", ...command);
      expect(end.code).toBe(2);
      expect(end.stderr).toMatch(/^quorate: the command after -- is empty/);
    }
    expect((await quorate("elect", "/leader/empty", "me", "--", "")).code).toBe(2);
  });

  it.each(["SIGTERM", "SIGINT", "SIGHUP", "SIGQUIT"] as const)(
    "says by its exit code that the command never ran when %s came first",
    async (signal) => {
      const [lock, election] = [`/locks/queued-${signal}`, `/leader/queued-${signal}`];
      await using holder = start("lock", lock);
      await using leader = start("elect", election, "first");
      await holder.prints(/^\d+\n$/);
      await leader.prints(/^\d+\n$/);
      const queued = [
        start("lock", lock, "--", "touch", join(dir, "ran")),
        start("elect", election, "second", "--", "touch", join(dir, "ran")),
        start("lock", lock),
      ];
      await eventually(async () => {
        const entries = await Promise.all([lock, election].map((key) => quorate("ls", key)));
        const lines = entries.map(({ stdout }) => stdout.trimEnd().split("\n").length);
        return (lines[0] ?? 0) >= 3 && (lines[1] ?? 0) >= 2;
      }, "all of them to queue");
      for (const each of queued) each.signal(signal);
      for (const each of queued) {
        const { code, stderr } = await each.end();
        expect(code).toBe(128 + constants.signals[signal]);
        expect(stderr).toMatch(
          new RegExp(`^quorate: ${signal} came before the (lock|leadership) was held\n$`),
        );
      }
      expect(existsSync(join(dir, "ran"))).toBe(false);
    },
  );

  it("kills the command and exits 5 when it slept through its lock", async () => {
    await using held = start(
      ...["lock", "/locks/slept", "--ttl", "1s", "--", "sh", "-c"],
      'echo "$$"; while :; do sleep 0.05; done',
    );
    await held.prints(/^\d+\n$/);
    const command = Number(held.stdout);
    held.signal("SIGSTOP");
    expect((await quorate("lock", "/locks/slept", "--wait", "20s", "--", "true")).code).toBe(0);
    expect(isAlive(command)).toBe(true);
    held.signal("SIGCONT");
    const { code, stderr } = await held.end();
    expect(code).toBe(5);
    expect(stderr).toMatch(/^quorate: \/locks\/slept: the lock may have been lost[^\n]*\n$/);
    expect(isAlive(command)).toBe(false);
  });

  it("kills the command and exits 5 when the cluster is gone for too long", async () => {
    await using held = start(
      ...["lock", "/locks/cut", "--ttl", "1s", "--kill-grace", "1s", "--", "sh", "-c"],
      'trap "" TERM; echo "$$"; while :; do sleep 0.05; done',
    );
    await held.prints(/^\d+\n$/);
    const command = Number(held.stdout);
    await cluster.kill(1);
    await cluster.kill(2);
    // It ignores SIGTERM, so that only SIGKILL after the grace ends it.
    const { code, stderr } = await held.end();
    expect(code).toBe(5);
    expect(stderr).toMatch(/may have been lost/);
    expect(isAlive(command)).toBe(false);
    cluster.launch(1);
    cluster.launch(2);
    await cluster.waitForLeader();
    await cluster.waitForAgreement();
  });
});

describe("elect KEY NAME -- command", () => {
  it("runs the command while leading, tells others who leads, and lets the next one lead", async () => {
    const nobody = await quorate("elect", "/leader/x");
    expect(nobody).toMatchObject({ code: 1, stderr: "quorate: /leader/x: nobody leads\n" });
    await using observer = start("elect", "/leader/x", "--observe", "--output", "json");
    await observer.prints(/null/);

    await using first = start(
      ...["elect", "/leader/x", "first", "--", "sh", "-c"],
      'echo "$QUORATE_ELECTION_KEY $QUORATE_FENCING_TOKEN"; while :; do sleep 0.05; done',
    );
    await first.prints(/^\/leader\/x [1-9]\d*\n$/);
    const token = Number(first.stdout.split(" ")[1]);
    await using second = start("elect", "/leader/x", "second");
    expect((await quorate("elect", "/leader/x")).stdout).toBe("first\n");
    expect(JSON.parse((await quorate("elect", "/leader/x", "--output", "json")).stdout)).toEqual({
      key: "/leader/x",
      name: "first",
      token,
    });
    expect(second.stdout).toBe("");
    first.signal("SIGTERM");
    expect((await first.end()).code).toBe(143);
    await second.prints(/^\d+\n$/);
    expect(Number(second.stdout)).toBeGreaterThan(token);
    second.signal("SIGINT");
    expect((await second.end()).code).toBe(0);
    await eventually(() => observer.stdout.trimEnd().split("\n").length >= 4, "the observer to see all");
    observer.signal("SIGINT");
    const seen = (await observer.end()).stdout.trimEnd().split("\n");
    const names = seen.map((line) => (JSON.parse(line) as { name: string | null }).name);
    expect(names.filter((name) => name !== null)).toEqual(["first", "second"]);
    expect(names.at(-1)).toBeNull();
  });
});
