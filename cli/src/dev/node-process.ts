import { type ChildProcess, spawn } from "node:child_process";
import { closeSync, openSync, readFileSync } from "node:fs";
import { serverMainPath } from "../server-main.js";
import type { NodePlan } from "./node-plan.js";

/** How a node ended. */
export interface NodeExit {
  readonly code: number | null;
  readonly signal: NodeJS.Signals | null;
  /** The last thing it said, for people. */
  readonly lastWords: string;
}

/** How long a node may take to stop after SIGTERM before SIGKILL, in milliseconds. */
export const stopGraceMs = 5_000;
/** How much of the end of a log is looked at for last words, in characters. */
const lastWordsWindow = 4_096;

/** One node of a local cluster: a server process whose output goes to its log. */
export class NodeProcess {
  readonly plan: NodePlan;
  /** Resolves when it has ended. */
  readonly ended: Promise<NodeExit>;
  readonly #child: ChildProcess;
  #exit: NodeExit | undefined;

  constructor(plan: NodePlan) {
    this.plan = plan;
    const log = openSync(plan.logPath, "a");
    try {
      const preload = new URL("./follow-parent.js", import.meta.url).href;
      this.#child = spawn(process.execPath, ["--import", preload, serverMainPath(), ...plan.flags], {
        stdio: ["pipe", log, log],
        // A group of its own: Ctrl-C in the terminal reaches only the parent, which stops the nodes in order.
        detached: true,
        env: nodeEnvironment(process.env),
      });
    } finally {
      closeSync(log);
    }
    this.ended = new Promise((resolve) => {
      const end = (code: number | null, signal: NodeJS.Signals | null, words?: string): void => {
        this.#exit ??= { code, signal, lastWords: words ?? lastWords(plan.logPath) };
        resolve(this.#exit);
      };
      this.#child.once("exit", end);
      this.#child.once("error", (error) => end(null, null, error.message));
    });
    this.#child.stdin?.on("error", () => {});
  }

  /** How it ended; undefined while it runs. */
  get exit(): NodeExit | undefined {
    return this.#exit;
  }

  /** Asks it to stop, and after {@link stopGraceMs} makes it. Resolves when it has ended. */
  async stop(): Promise<void> {
    if (this.#exit !== undefined) return;
    this.#child.kill("SIGTERM");
    const timer = setTimeout(() => this.kill(), stopGraceMs);
    await this.ended;
    clearTimeout(timer);
  }

  /** Ends it at once. */
  kill(): void {
    if (this.#exit === undefined) this.#child.kill("SIGKILL");
  }
}

/** The environment without what belongs to one node or to the command line: it must not reach every node alike. */
export function nodeEnvironment(env: NodeJS.ProcessEnv): NodeJS.ProcessEnv {
  const own = new Set(
    ["NAME", "DATA_DIR", "INITIAL_CLUSTER", "CLIENT_LISTEN", "PEER_LISTEN", "HTTP_LISTEN", "CLIENT_ADVERTISE"]
      .concat("ENDPOINTS", "DEBUG")
      .map((name) => `QUORATE_${name}`),
  );
  return Object.fromEntries(Object.entries(env).filter(([name]) => !own.has(name)));
}

/** The message of the last line of a log, whether it is one of JSON or plain text. */
export function lastWords(logPath: string): string {
  let end: string;
  try {
    end = readFileSync(logPath, "utf8").slice(-lastWordsWindow);
  } catch {
    return "";
  }
  const line = end.trimEnd().split("\n").at(-1) ?? "";
  try {
    const record: unknown = JSON.parse(line);
    if (typeof record === "object" && record !== null && "msg" in record) return String(record.msg);
  } catch {
    // Not JSON, so it is the message itself.
  }
  return line;
}
