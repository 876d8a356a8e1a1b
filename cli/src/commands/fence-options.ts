import type { Ownership } from "@quorate/sdk";
import { CommandFailure } from "../command-failure.js";
import { exitCode } from "../exit-code.js";
import { wholeNumber } from "../whole-number.js";

/** The options by which a mutation names the ownership it depends on. */
export const fenceOptions = {
  "fence-key": {
    type: "string",
    requiresArg: true,
    group: "Fencing:",
    describe: "Refuse unless this lock or election is held … (inside `lock -- command`: $QUORATE_LOCK_KEY)",
  },
  "fence-token": {
    type: "string",
    requiresArg: true,
    group: "Fencing:",
    describe: "… under this token ($QUORATE_FENCING_TOKEN)",
  },
} as const;

/** The fence named by the options; undefined when there is none. */
export function readFence(key: string | undefined, tokenText: string | undefined): Ownership | undefined {
  if (key === undefined && tokenText === undefined) return undefined;
  const token = wholeNumber("fence-token", tokenText, 1);
  if (key === undefined || token === undefined) {
    throw new CommandFailure(exitCode.usage, "--fence-key and --fence-token go together");
  }
  return { key, token };
}
