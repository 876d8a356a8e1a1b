import { withClient } from "../client.js";
import type { CommandContext, RegisterCommand } from "../command.js";
import { CommandFailure } from "../command-failure.js";
import { exitCode } from "../exit-code.js";
import { type GlobalOptions, readGlobalOptions } from "../global-options.js";
import { writeJson, writeJsonLine } from "../output/json.js";
import { holdWhileRunning } from "../ownership/hold.js";
import { type HoldTimes, holdOptions, readHeldCommand, readHoldTimes } from "../ownership/hold-options.js";
import { untilInterrupted } from "../signals/until-interrupted.js";

/** `quorate elect KEY NAME -- command`: runs a command while leading; or shows or follows who leads. */
export const registerElect: RegisterCommand = (cli, context) =>
  cli.command(
    "elect <key> [name]",
    "Run a command only while leading: elect KEY NAME -- COMMAND…; or show who leads",
    (command) =>
      command
        .usage(
          "$0 elect <key> [name] [-- command…]\n\nWith NAME: stands for election and runs the command while leading, with QUORATE_ELECTION_KEY and QUORATE_FENCING_TOKEN in its environment; it is killed (exit 5) when the leadership may have been lost. Without a command: prints the token and leads until Ctrl-C. Without NAME: prints who leads, exit 1 if nobody does.",
        )
        .positional("key", { type: "string", demandOption: true, describe: "The election, an absolute path" })
        .positional("name", { type: "string", describe: "This candidate's name, for others to see" })
        .option("observe", {
          type: "boolean",
          default: false,
          describe: "Print every change of leader until Ctrl-C",
        })
        .options(holdOptions)
        .example("$0 elect /leader/scheduler $(hostname) -- ./scheduler", "One scheduler among many machines")
        .example("$0 elect /leader/scheduler", "Who leads now")
        .example("$0 elect /leader/scheduler --observe", "Who leads, whenever it changes"),
    async (argv) => {
      const options = readGlobalOptions(argv, context.terminal.env);
      const { key, name, observe } = argv;
      if (name === undefined && context.afterDashes !== undefined) {
        throw new CommandFailure(exitCode.usage, "give the candidate's name: elect KEY NAME -- COMMAND…");
      }
      if (observe) {
        if (name !== undefined) throw new CommandFailure(exitCode.usage, "--observe takes no NAME");
        return observeLeaders(key, options, context);
      }
      return name === undefined
        ? printLeader(key, options, context)
        : lead(key, name, options, readHoldTimes(argv), context);
    },
  );

async function lead(
  key: string,
  name: string,
  options: GlobalOptions,
  { sessionTtlMs, waitMs, killGraceMs }: HoldTimes,
  context: CommandContext,
): Promise<void> {
  const command = readHeldCommand(context.afterDashes);
  await withClient(options, { session: "lasting", sessionTtlMs }, async (client) => {
    const code = await holdWhileRunning(
      client,
      {
        noun: "leadership",
        keyVariable: "QUORATE_ELECTION_KEY",
        waitMs,
        command,
        killGraceMs,
        async acquire(signal) {
          const leadership = await client.campaign(key, name, { signal });
          const { token } = leadership;
          return { key, token, signal: leadership.signal, giveUp: () => leadership.resign() };
        },
      },
      options,
      context.terminal,
    );
    context.exitWith(code);
  });
}

async function printLeader(key: string, options: GlobalOptions, { terminal }: CommandContext): Promise<void> {
  const leader = await withClient(options, { session: "none" }, (client) => client.leader(key));
  if (leader === undefined) throw new CommandFailure(exitCode.failed, `${key}: nobody leads`);
  const { name, token } = leader;
  if (options.output === "json") writeJson(terminal, { key, name, token });
  else terminal.out(`${name}\n`);
}

async function observeLeaders(
  key: string,
  options: GlobalOptions,
  { terminal }: CommandContext,
): Promise<void> {
  await untilInterrupted(terminal, (signal) =>
    withClient(options, { session: "none", signal }, async (client) => {
      for await (const leader of client.observe(key, { signal })) {
        const { name, token } = leader ?? { name: null, token: null };
        if (options.output === "json") writeJsonLine(terminal, { key, name, token });
        else terminal.out(name === null ? "(nobody leads)\n" : `${name}\t${token}\n`);
      }
    }),
  );
}
