import { readFileSync } from "node:fs";
import type { CommandModule } from "yargs";
import { HistoryError } from "../history/history-error.js";
import { EXIT_CODES } from "./exit-codes.js";
import { checkHistory, MODEL_NAMES, type ModelName } from "./history-check.js";

interface CheckArguments {
  readonly file: string;
  readonly model: ModelName;
  readonly "time-limit": number | undefined;
  readonly output: "human" | "json";
}

/** `quorate-jepsen check`: the verdict on a history file. */
export const checkCommand: CommandModule<object, CheckArguments> = {
  command: "check <file>",
  describe: "Check a history file for linearizability",
  builder: (yargs) =>
    yargs
      .positional("file", {
        type: "string",
        demandOption: true,
        describe: "History in JSON Lines; - for stdin",
      })
      .option("model", { choices: MODEL_NAMES, demandOption: true, describe: "What the history is about" })
      .option("time-limit", {
        type: "number",
        describe: "Seconds after which the verdict is unknown; without it, as long as memory lasts",
      })
      .option("output", {
        choices: ["human", "json"] as const,
        default: "human" as const,
        describe: "Format",
      })
      .example("$0 check --model register history.jsonl", "prints ok, illegal or unknown")
      .epilogue(
        "Each line: {process, type: invoke|ok|fail|info, f, key?, value, time}. The order of lines is the order of events.\n" +
          "register (starts null): read, write, cas with [from, to]; a cas that compared false is ok with result: false.\n" +
          'append (starts ""): get, put, append of strings.\n' +
          "Exit codes: 0 ok, 1 illegal, 2 unknown, 3 input error.",
      ),
  handler: ({ file, model, "time-limit": timeLimitS, output }) => {
    const { exitCode, line } = checkFile(file, model, timeLimitS, output);
    (exitCode === EXIT_CODES.input ? console.error : console.log)(line);
    process.exitCode = exitCode;
  },
};

/** What the command prints, and its exit code. */
export interface CheckOutcome {
  readonly exitCode: number;
  readonly line: string;
}

/** Checks a file, or stdin for `-`. An input that cannot be used is an outcome too. */
export function checkFile(
  file: string,
  model: ModelName,
  timeLimitS: number | undefined,
  output: "human" | "json",
): CheckOutcome {
  if (timeLimitS !== undefined && !(timeLimitS > 0)) {
    return { exitCode: EXIT_CODES.input, line: "--time-limit: expected a number of seconds above 0" };
  }
  const stopAt = timeLimitS === undefined ? Number.POSITIVE_INFINITY : performance.now() + timeLimitS * 1_000;
  try {
    const text = readFileSync(file === "-" ? 0 : file, "utf8");
    const report = checkHistory(model, text, { shouldStop: () => performance.now() > stopAt });
    const line = output === "json" ? JSON.stringify(report) : report.explanation;
    return { exitCode: EXIT_CODES[report.verdict], line };
  } catch (error) {
    if (!(error instanceof HistoryError) && !isFileError(error)) throw error;
    return { exitCode: EXIT_CODES.input, line: `${file === "-" ? "stdin" : file}: ${error.message}` };
  }
}

function isFileError(error: unknown): error is NodeJS.ErrnoException {
  return error instanceof Error && "syscall" in error;
}
