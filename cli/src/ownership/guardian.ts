// The process that a command under an ownership is started by, and that outlives `quorate` by as much as the command
// needs to end. Its only reason: `quorate` may die in a way that it cannot notice (SIGKILL, the kernel short of memory),
// and the command must not go on without the lock. The channel to `quorate` ends with that process, however it goes.
//
// Arguments: the grace in milliseconds, whether the command leads a group of its own ("group") or stays in the
// foreground group of a terminal ("terminal"), then the command.
import "../signals/debugger-signal.js";
import { spawn } from "node:child_process";
import { forwardedSignals } from "../signals/signals.js";
import type { GuardianMessage } from "./guardian-message.js";

const [graceMs, place, program, ...args] = process.argv.slice(2);
if (program === undefined) throw new Error("the guardian needs a command");
const ownGroup = place === "group";

// Signals of the group are for the command. One that nobody listens to would end this process, and with it the watch.
for (const signal of forwardedSignals) process.on(signal, () => {});

function tell(message: GuardianMessage): Promise<void> {
  return new Promise((resolve) => {
    if (process.send === undefined || !process.connected) resolve();
    else process.send(message, () => resolve());
  });
}

// Registered before the command exists: there is no moment in which it runs and nobody watches.
let onOrphaned = (): void => process.exit(0);
process.once("disconnect", () => onOrphaned());
if (!process.connected) process.exit(0);

const child = spawn(program, args, { stdio: "inherit", detached: ownGroup });

function signalCommand(signal: NodeJS.Signals): void {
  if (child.pid === undefined) return;
  try {
    process.kill(ownGroup ? -child.pid : child.pid, signal);
  } catch {
    // It has ended in the meantime, which is what was wanted.
  }
}

onOrphaned = () => {
  signalCommand("SIGTERM");
  setTimeout(() => signalCommand("SIGKILL"), Number(graceMs));
};

child.once("error", (error: NodeJS.ErrnoException) => {
  void tell({ kind: "failed", code: error.code ?? "", reason: error.message }).then(() => process.exit(0));
});
child.once("spawn", () => {
  if (child.pid !== undefined) void tell({ kind: "started", pid: child.pid });
});
child.once("exit", (code, signal) => {
  void tell({ kind: "ended", code, signal }).then(() => {
    // An orphaned command that ended may have left others in the group: they have no lock either.
    if (!process.connected) signalCommand("SIGKILL");
    process.exit(0);
  });
});
