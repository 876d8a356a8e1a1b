import type { RegisterCommand } from "../command.js";
import { serverMainPath, serverMainUrl } from "../server-main.js";

/** Lists `server` in the help. It never runs from here: main.ts hands the process over before the command line is read. */
export const registerServer: RegisterCommand = (cli) =>
  cli.command(
    "server",
    "Run one node; `quorate server --help` shows its options",
    (command) => command.help(false).strict(false),
    () => runServer([]),
  );

/** Runs the server in this process with its own arguments: its signal handling and exit code become this process's. */
export async function runServer(argv: readonly string[]): Promise<void> {
  // The server takes every QUORATE_ variable for an option; these two are the command line's.
  delete process.env.QUORATE_ENDPOINTS;
  delete process.env.QUORATE_DEBUG;
  process.argv = [process.execPath, serverMainPath(), ...argv];
  await import(serverMainUrl());
}
