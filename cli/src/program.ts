import { QuorateError } from "@quorate/sdk";
import yargs from "yargs";
import { type CommandContext, type RegisterCommand, standardInput } from "./command.js";
import { CommandFailure } from "./command-failure.js";
import { registerDel } from "./commands/del.js";
import { registerDev } from "./commands/dev.js";
import { registerElect } from "./commands/elect.js";
import { registerExport } from "./commands/export.js";
import { registerGet } from "./commands/get.js";
import { registerHistory } from "./commands/history.js";
import { registerLease } from "./commands/lease.js";
import { registerLock } from "./commands/lock.js";
import { registerLs } from "./commands/ls.js";
import { registerMember } from "./commands/member.js";
import { registerPut } from "./commands/put.js";
import { registerQuota } from "./commands/quota.js";
import { registerServer } from "./commands/server.js";
import { registerStat } from "./commands/stat.js";
import { registerStatus } from "./commands/status.js";
import { registerTree } from "./commands/tree.js";
import { registerWatch } from "./commands/watch.js";
import { adviceFor, type ExitCode, exitCode, exitCodeOf } from "./exit-code.js";
import { withGlobalOptions } from "./global-options.js";
import type { Terminal } from "./terminal.js";
import { packageVersion } from "./version.js";

const commands: readonly RegisterCommand[] = [
  registerDev,
  registerServer,
  registerGet,
  registerPut,
  registerDel,
  registerLs,
  registerTree,
  registerHistory,
  registerExport,
  registerWatch,
  registerLock,
  registerElect,
  registerLease,
  registerStatus,
  registerStat,
  registerQuota,
  registerMember,
];

/** Commands that do something with what comes after `--`. */
const commandsWithDashes: ReadonlySet<string> = new Set(["put", "lock", "elect"]);

const epilogue = `Exit codes:
  0  done
  1  not found, compare failed, nothing deleted, lock not free in time, or another failure
  2  wrong usage: command line, path or value; port in use (dev)
  3  unavailable: no quorum, nothing reachable, no answer in time; it did not happen
  4  outcome unknown: the change may or may not have been made
  5  fenced, or the lock, leadership or session was lost
  6  done, but stdout could not be written (a full disk, say)
  7  the cluster's history is another one than --history, or than when the command began
  128 and more: ended by that signal before the work was done: 130 Ctrl-C, 143 SIGTERM, 141 the reader of stdout went
  lock and elect exit with the code of the command they ran; 127 when there is no such command, 126 when it cannot run.

Environment:
  QUORATE_ENDPOINTS  nodes to connect to, host:port,…
  QUORATE_DEBUG=1    print stack traces`;

/**
 * Runs one command line and returns its exit code. Never throws: an error becomes one line on stderr.
 *
 * @example process.exitCode = await runCli(["get", "/app/db"], processTerminal());
 */
export async function runCli(argv: readonly string[], terminal: Terminal): Promise<ExitCode> {
  const dashes = argv.indexOf("--");
  let code: ExitCode = exitCode.ok;
  const context: CommandContext = {
    terminal,
    afterDashes: dashes < 0 ? undefined : argv.slice(dashes + 1),
    exitWith(chosen) {
      code = chosen;
    },
  };
  try {
    const own = dashes < 0 ? argv : argv.slice(0, dashes);
    // yargs would read a lone dash as an option without a name.
    const readable = own.map((argument) => (argument === "-" ? standardInput : argument));
    await parse(readable, context);
    // yargs prints help, version and completion by itself, to the same stdout.
    await terminal.flush();
    return code;
  } catch (error) {
    report(error, terminal);
    return exitCodeOf(error);
  }
}

async function parse(argv: readonly string[], context: CommandContext): Promise<void> {
  const base = yargs([...argv])
    .scriptName("quorate")
    .locale("en")
    .usage("$0 <command>\n\nKeys, watches, locks and elections on a Quorate cluster.")
    .parserConfiguration({
      // Keys and values are text: "007" stays "007", and --endpoints takes one argument, not all that follow.
      "parse-positional-numbers": false,
      "parse-numbers": false,
      "greedy-arrays": false,
      "duplicate-arguments-array": false,
      "dot-notation": false,
      "boolean-negation": false,
    });
  const cli = commands.reduce((all, register) => register(all, context), withGlobalOptions(base));
  const parser = cli
    .completion("completion", "Print a completion script for bash or zsh")
    .example("$0 dev", "Start a local cluster of three nodes")
    .example("$0 put /app/db postgres://db1", "Write a key")
    .example("$0 get /app/db", "Print its value")
    .example("$0 watch /app --recursive", "Print every change below /app")
    .example("$0 lock /locks/backup -- ./backup.sh", "Run a command on one machine at a time")
    .example('eval "$($0 completion)"', "Complete commands and options in this shell")
    .demandCommand(1, 1, "Name a command", "One command at a time")
    .strict()
    .recommendCommands()
    .version("version", "Print the version", packageVersion())
    .alias("help", "h")
    .epilogue(epilogue)
    .wrap(Math.min(110, process.stdout.columns ?? 110))
    .exitProcess(false)
    .middleware((argv) => {
      const name = String(argv._[0]);
      if (context.afterDashes === undefined || commandsWithDashes.has(name)) return;
      throw new CommandFailure(exitCode.usage, `${name} takes nothing after --`);
    })
    .fail((message, error) => {
      // Must throw: when this returns, yargs goes on and runs the command in spite of the mistake.
      if (error !== undefined && error !== null && error.name !== "YError") throw error;
      const said = oneLine(message ?? error?.message ?? "wrong usage");
      const mistake = said.startsWith("Not enough non-option arguments") ? "An argument is missing" : said;
      throw new CommandFailure(exitCode.usage, `${mistake}; see \`quorate --help\``, { cause: error });
    });
  await parser.parseAsync();
}

function report(error: unknown, terminal: Terminal): void {
  // A closed pipe needs no words.
  if (error instanceof CommandFailure && error.message === "") return;
  const message = error instanceof Error ? error.message : String(error);
  const advice = adviceFor(error);
  terminal.error(`quorate: ${oneLine(message)}${advice === undefined ? "" : ` (${advice})`}`);
  if (terminal.env.QUORATE_DEBUG === "1" && error instanceof Error) terminal.error(error.stack ?? "");
  const expected = error instanceof CommandFailure || error instanceof QuorateError;
  if (!expected) terminal.error("quorate: this is a defect; QUORATE_DEBUG=1 shows where it happened");
}

function oneLine(message: string): string {
  return message.trim().replace(/\s*\n\s*/g, "; ");
}
