import type { SubtreeStat } from "@quorate/sdk";
import { withClient } from "../client.js";
import type { RegisterCommand } from "../command.js";
import { readGlobalOptions } from "../global-options.js";
import { writeJson } from "../output/json.js";

/** `quorate stat [PATH]`: how much a subtree holds. */
export const registerStat: RegisterCommand = (cli, { terminal }) =>
  cli.command(
    "stat [path]",
    "Count the keys at and below a path, and their bytes",
    (command) =>
      command
        .positional("path", { type: "string", default: "/", describe: "The subtree's root" })
        .example("$0 stat /app", "Keys, bytes of keys and values, and the quota if it has one")
        .example("$0 stat --output json", "The whole store, and how much of its space is used"),
    async (argv) => {
      const options = readGlobalOptions(argv, terminal.env);
      const stat = await withClient(options, { session: "none" }, (client) => client.stat(argv.path));
      if (options.output === "json")
        writeJson(terminal, { path: argv.path, ...stat, quota: stat.quota ?? null });
      else terminal.out(`${statLines(argv.path, stat).join("\n")}\n`);
    },
  );

function statLines(path: string, stat: SubtreeStat): string[] {
  const { revision, keys, bytes, quota, spaceBytes, spaceBytesMax } = stat;
  const keysMax = quota?.keysMax ?? 0;
  const bytesMax = quota?.bytesMax ?? 0;
  const lines = [
    `path      ${path}`,
    `revision  ${revision}`,
    `keys      ${keys}${of(keysMax)}`,
    `bytes     ${bytes}${of(bytesMax)}`,
  ];
  return path === "/" ? [...lines, `space     ${spaceBytes}${of(spaceBytesMax)}, history included`] : lines;
}

function of(maximum: number): string {
  return maximum === 0 ? "" : ` of ${maximum}`;
}
