#!/usr/bin/env node
import yargs from "yargs";
import { hideBin } from "yargs/helpers";
import { checkCommand } from "./commands/check.js";
import { EXIT_CODES } from "./commands/exit-codes.js";
import { InputError } from "./commands/input-error.js";
import { runCommand } from "./commands/run.js";

await yargs(hideBin(process.argv))
  .scriptName("quorate-jepsen")
  .usage("$0 <command>\n\nFaults, histories and linearizability for Quorate.")
  .command(checkCommand)
  .command(runCommand)
  .demandCommand(1, "expected a command: check or run")
  .strict()
  .recommendCommands()
  .fail((message, error, parser) => {
    if (error instanceof InputError) {
      console.error(error.message);
    } else if (error) {
      throw error;
    } else {
      parser.showHelp("error");
      console.error(`\n${message}`);
    }
    process.exit(EXIT_CODES.input);
  })
  .parseAsync();
