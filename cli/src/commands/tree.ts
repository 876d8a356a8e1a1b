import type { Entry } from "@quorate/sdk";
import { withClient } from "../client.js";
import type { RegisterCommand } from "../command.js";
import { CommandFailure } from "../command-failure.js";
import { exitCode } from "../exit-code.js";
import { readGlobalOptions } from "../global-options.js";
import { listAll } from "../listing.js";
import { entryMetadataJson, valueJson, valueLine } from "../output/entry.js";
import { writeJson } from "../output/json.js";
import { type PathTree, pathTree, treeLines } from "../output/path-tree.js";
import { readOptions, withReadOptions } from "./read-options.js";

/** `quorate tree [PATH]`: a subtree, drawn. */
export const registerTree: RegisterCommand = (cli, { terminal }) =>
  cli.command(
    "tree [path]",
    "Draw everything at and below a path; exits 1 when there is nothing",
    (command) =>
      withReadOptions(
        command.positional("path", { type: "string", default: "/", describe: "The root of the tree" }),
      )
        .option("values", { type: "boolean", default: false, describe: "With the values" })
        .example("$0 tree", "All keys")
        .example("$0 tree /app --values", "A subtree with its values"),
    async (argv) => {
      const options = readGlobalOptions(argv, terminal.env);
      const { revision, entries } = await withClient(options, { session: "none" }, async (client) => {
        const read = readOptions(argv);
        const listing = await listAll(client, argv.path, {
          ...read,
          recursive: true,
          keysOnly: !argv.values,
        });
        const own =
          argv.path === "/"
            ? undefined
            : await client.get(argv.path, { ...read, revision: listing.revision });
        const below = listing.nodes.flatMap((node) => (node.entry === undefined ? [] : [node.entry]));
        const found: Entry[] = own === undefined ? below : [own, ...below];
        return { revision: listing.revision, entries: found };
      });
      const tree = pathTree(argv.path, entries);
      if (options.output === "json") writeJson(terminal, { revision, ...treeJson(tree, argv.values) });
      if (entries.length === 0 && argv.path !== "/") {
        throw new CommandFailure(exitCode.failed, `${argv.path}: nothing at or below it`);
      }
      if (options.output === "json") return;
      const label = ({ entry }: PathTree) =>
        argv.values && entry !== undefined ? ` = ${valueLine(entry.value)}` : "";
      terminal.out(`${treeLines(tree, label).join("\n")}\n`);
    },
  );

function treeJson(tree: PathTree, withValues: boolean): object {
  return {
    key: tree.path,
    ...(tree.entry !== undefined && withValues ? valueJson(tree.entry.value) : {}),
    ...(tree.entry === undefined ? {} : entryMetadataJson(tree.entry)),
    children: [...tree.children.values()].map((child) => treeJson(child, withValues)),
  };
}
