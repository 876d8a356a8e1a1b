import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { createInterface } from "node:readline";
import { fileURLToPath } from "node:url";
import { eventually } from "./local-cluster.js";

/** One line that a program printed. */
export type Report = Readonly<Record<string, unknown>>;

/** A client in a process of its own, to be paused or killed, which reports in JSON lines on its standard output. */
export class ChildProgram implements AsyncDisposable {
  readonly reports: Report[] = [];
  private readonly child: ChildProcess;
  private errors = "";
  private readonly killAtExit = (): void => {
    this.child.kill("SIGKILL");
  };

  /** Runs `name` of this folder, as compiled by `tsc -b`. */
  constructor(name: string, args: readonly string[]) {
    const script = fileURLToPath(new URL(`../dist/cluster/${name}.js`, import.meta.url));
    this.child = spawn(process.execPath, [script, ...args], { stdio: ["ignore", "pipe", "pipe"] });
    process.on("exit", this.killAtExit);
    const { stdout, stderr } = this.child;
    if (stdout !== null) createInterface(stdout).on("line", (line) => this.reports.push(JSON.parse(line)));
    stderr?.on("data", (data) => {
      this.errors += String(data);
    });
  }

  signal(signal: NodeJS.Signals): void {
    this.child.kill(signal);
  }

  /** Ends it without warning and waits until it is gone. */
  async kill(): Promise<void> {
    if (this.child.exitCode !== null || this.child.signalCode !== null) return;
    const gone = once(this.child, "exit");
    this.child.kill("SIGKILL");
    await gone;
  }

  /** Waits for a report of a kind, and returns the first that came after the first `skip` reports. */
  async report(kind: string, skip = 0): Promise<Report> {
    let found: Report | undefined;
    await eventually(() => {
      found = this.reports.slice(skip).find((report) => report.kind === kind);
      if (found === undefined && this.child.exitCode !== null) {
        throw new Error(
          `the program ended with ${this.child.exitCode} before it said ${kind}: ${this.errors}`,
        );
      }
      return found !== undefined;
    }, `the program to say ${kind}`);
    return found ?? {};
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.kill();
    process.off("exit", this.killAtExit);
  }
}
