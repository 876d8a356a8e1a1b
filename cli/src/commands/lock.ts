import { withClient } from "../client.js";
import type { RegisterCommand } from "../command.js";
import { readGlobalOptions } from "../global-options.js";
import { holdWhileRunning } from "../ownership/hold.js";
import { holdOptions, readHeldCommand, readHoldTimes } from "../ownership/hold-options.js";

/** `quorate lock KEY -- command`: runs a command while a lock is held, or without one holds it until Ctrl-C. */
export const registerLock: RegisterCommand = (cli, context) =>
  cli.command(
    "lock <key>",
    "Run a command only while holding a lock: lock KEY -- COMMAND…",
    (command) =>
      command
        .usage(
          "$0 lock <key> [-- command…]\n\nRuns a command only while holding a lock, and exits with its code. It gets QUORATE_LOCK_KEY and QUORATE_FENCING_TOKEN in its environment, and is killed (exit 5) when the lock may have been lost. Without a command: prints the token and holds the lock until Ctrl-C.",
        )
        .positional("key", { type: "string", demandOption: true, describe: "The lock, an absolute path" })
        .options(holdOptions)
        .example("$0 lock /locks/backup -- ./backup.sh --full", "One backup at a time")
        .example("$0 lock /locks/backup --wait 1s -- ./backup.sh", "Or none, if another runs")
        .example(
          `$0 lock /locks/x -- sh -c 'quorate put /x done --fence-key "$QUORATE_LOCK_KEY" --fence-token "$QUORATE_FENCING_TOKEN"'`,
          "A write that is refused if the lock was lost",
        ),
    async (argv) => {
      const options = readGlobalOptions(argv, context.terminal.env);
      const { sessionTtlMs, waitMs, killGraceMs } = readHoldTimes(argv);
      const command = readHeldCommand(context.afterDashes);
      await withClient(options, { session: "lasting", sessionTtlMs }, async (client) => {
        const code = await holdWhileRunning(
          client,
          {
            noun: "lock",
            keyVariable: "QUORATE_LOCK_KEY",
            waitMs,
            command,
            killGraceMs,
            async acquire(signal) {
              const lock = await client.lock(argv.key, { signal });
              return { key: lock.key, token: lock.token, signal: lock.signal, giveUp: () => lock.release() };
            },
          },
          options,
          context.terminal,
        );
        context.exitWith(code);
      });
    },
  );
