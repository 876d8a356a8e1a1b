#!/usr/bin/env node
import "./signals/debugger-signal.js";

// Loaded only now: with a static import everything would be loaded before the first line runs, signals unheard.
const argv = process.argv.slice(2);
if (argv[0] === "server") {
  const { runServer } = await import("./commands/server.js");
  // The server has its own options and help, and takes the process over, signals and exit code included.
  await runServer(argv.slice(1));
} else {
  const [{ runCli }, { processTerminal }] = await Promise.all([
    import("./program.js"),
    import("./terminal.js"),
  ]);
  process.exitCode = await runCli(argv, processTerminal());
}
