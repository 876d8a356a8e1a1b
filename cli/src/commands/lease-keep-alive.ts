import { LeaseNotFound, type Quorate } from "@quorate/sdk";
import { withClient } from "../client.js";
import type { RegisterCommand } from "../command.js";
import { readGlobalOptions } from "../global-options.js";
import { leaseId, noSuchLease } from "../lease-id.js";
import { writeJsonLine } from "../output/json.js";
import { interruptedBefore } from "../signals/interruption.js";
import { untilInterrupted } from "../signals/until-interrupted.js";

/** Keepalives per time to live: two may fail before the lease ends. */
const keepAlivesPerTtl = 3;

/** `quorate lease keep-alive ID`: gives a lease its full time again and again, until Ctrl-C or its end. */
export const registerLeaseKeepAlive: RegisterCommand = (cli, { terminal }) =>
  cli.command(
    "keep-alive <id>",
    "Keep a lease alive until Ctrl-C; exits 1 once it does not exist",
    (command) =>
      command
        .positional("id", { type: "string", demandOption: true, describe: "The lease's id" })
        .option("once", { type: "boolean", default: false, describe: "Give it its full time again, once" })
        .example("$0 lease keep-alive 42", "Until Ctrl-C")
        .example("$0 lease keep-alive 42 --once", "From a script that comes by often enough"),
    async (argv) => {
      const options = readGlobalOptions(argv, terminal.env);
      const id = leaseId(argv.id);
      let keptAlive = false;
      const interruptedBy = await untilInterrupted(terminal, (signal) =>
        withClient(options, { session: "none", signal }, async (client) => {
          for (;;) {
            const ttlMs = await keepAlive(client, id, signal);
            keptAlive = true;
            if (options.output === "json") writeJsonLine(terminal, { id, ttlMs });
            else terminal.out(`lease ${id} has ${ttlMs}ms again\n`);
            if (argv.once) return;
            await pause(ttlMs / keepAlivesPerTtl, signal);
          }
        }),
      );
      // Ctrl-C is how keeping it alive ends; but it must have been, once.
      if (interruptedBy !== undefined && !keptAlive) {
        throw interruptedBefore("the lease was kept alive", interruptedBy);
      }
    },
  );

async function keepAlive(client: Quorate, id: number, signal: AbortSignal): Promise<number> {
  try {
    return await client.keepLeaseAlive(id, { signal });
  } catch (error) {
    if (error instanceof LeaseNotFound) throw noSuchLease(id);
    throw error;
  }
}

/** Resolves after `ms`; rejects when the signal is aborted. */
async function pause(ms: number, signal: AbortSignal): Promise<void> {
  await new Promise<void>((resolve, reject) => {
    const abort = (): void => {
      clearTimeout(timer);
      reject(signal.reason);
    };
    const timer = setTimeout(() => {
      signal.removeEventListener("abort", abort);
      resolve();
    }, ms);
    signal.addEventListener("abort", abort, { once: true });
  });
}
