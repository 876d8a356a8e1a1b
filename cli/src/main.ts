#!/usr/bin/env node
import { runServer } from "./commands/server.js";
import { runCli } from "./program.js";
import { processTerminal } from "./terminal.js";

const argv = process.argv.slice(2);
if (argv[0] === "server") {
  // The server has its own options and help, and takes the process over, signals and exit code included.
  await runServer(argv.slice(1));
} else {
  process.exitCode = await runCli(argv, processTerminal());
}
