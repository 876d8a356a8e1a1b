import type { Listing, Quorate, WalkOptions } from "@quorate/sdk";
import { withClient } from "../client.js";
import type { RegisterCommand } from "../command.js";
import { CommandFailure } from "../command-failure.js";
import { exitCode } from "../exit-code.js";
import { type OutputFormat, readGlobalOptions } from "../global-options.js";
import { listAll } from "../listing.js";
import { entryMetadataJson, valueJson } from "../output/entry.js";
import { historyJson, writeJson, writeJsonLine } from "../output/json.js";
import { type Column, tableLines } from "../output/table.js";
import type { Terminal } from "../terminal.js";
import { wholeNumber } from "../whole-number.js";
import { readOptions, withReadOptions } from "./read-options.js";

type ListedNode = Listing["nodes"][number];

const columns: readonly Column[] = [
  { heading: "NAME", align: "left" },
  { heading: "CHILDREN", align: "right" },
  { heading: "VERSION", align: "right" },
  { heading: "CREATED", align: "right" },
  { heading: "CHANGED", align: "right" },
  { heading: "LEASE", align: "right" },
];

/** `quorate ls [PATH]`: the children of a directory, one name a line; a directory ends in a slash. */
export const registerLs: RegisterCommand = (cli, { terminal }) =>
  cli.command(
    "ls [path]",
    "List what is directly below a path; exits 1 when there is nothing",
    (command) =>
      withReadOptions(command.positional("path", { type: "string", default: "/", describe: "The directory" }))
        .option("long", {
          alias: "l",
          type: "boolean",
          default: false,
          describe: "With versions and revisions",
        })
        .option("values", { type: "boolean", default: false, describe: "With --output json: the values too" })
        .option("recursive", {
          alias: "r",
          type: "boolean",
          default: false,
          describe:
            "Every key at and below the path, one a line, however many; as JSON Lines with --output json",
        })
        .option("limit", { type: "string", requiresArg: true, describe: "At most so many" })
        .example("$0 ls /app", "Names below /app; directories end in /")
        .example("$0 ls /app --recursive", "Every key below it")
        .example("$0 ls /app --long", "With versions, revisions and leases"),
    async (argv) => {
      const options = readGlobalOptions(argv, terminal.env);
      const limit = wholeNumber("limit", argv.limit, 1);
      if (argv.recursive) {
        const found = await withClient(options, { session: "none" }, (client) =>
          listBelow(
            terminal,
            client,
            argv.path,
            { ...readOptions(argv), keysOnly: !argv.values },
            options.output,
            {
              long: argv.long,
              values: argv.values,
              limit,
            },
          ),
        );
        if (found === 0 && argv.path !== "/") {
          throw new CommandFailure(exitCode.failed, `${argv.path}: nothing at or below it`);
        }
        return;
      }
      const { listing, history } = await withClient(options, { session: "none" }, async (client) => ({
        listing: await listAll(client, argv.path, { ...readOptions(argv), keysOnly: !argv.values }, limit),
        history: client.historyId,
      }));
      const { revision, nodes, more } = listing;
      if (options.output === "json") {
        writeJson(terminal, {
          path: argv.path,
          revision,
          ...historyJson(history),
          more,
          nodes: nodes.map((node) => nodeJson(node, argv.values)),
        });
      }
      if (nodes.length === 0 && argv.path !== "/") {
        throw new CommandFailure(exitCode.failed, `${argv.path}: nothing below it`);
      }
      if (options.output === "json" || nodes.length === 0) return;
      const lines = argv.long ? tableLines(columns, nodes.map(nodeRow)) : nodes.map(nodeName);
      terminal.out(`${lines.join("\n")}\n`);
      if (more) terminal.error(`quorate: there is more than ${nodes.length}; raise --limit`);
    },
  );

/** How a recursive list is printed. */
interface BelowFormat {
  readonly long: boolean;
  readonly values: boolean;
  readonly limit: number | undefined;
}

/** Prints every key at and below the path as it is read, so that no more than a page is in memory. Returns how many. */
async function listBelow(
  terminal: Terminal,
  client: Quorate,
  path: string,
  read: WalkOptions,
  output: OutputFormat,
  { long, values, limit = Number.POSITIVE_INFINITY }: BelowFormat,
): Promise<number> {
  let count = 0;
  for await (const entry of client.walk(path, read)) {
    if (count >= limit) {
      terminal.error(`quorate: there is more than ${count}; raise --limit`);
      break;
    }
    count += 1;
    const attributes = entryMetadataJson(entry);
    if (output === "json") {
      const value = values ? valueJson(entry.value) : {};
      writeJsonLine(terminal, { key: entry.path, ...value, ...attributes });
    } else {
      const { version, createRevision, modRevision, lease } = attributes;
      const columns = long ? [version, createRevision, modRevision, lease] : [];
      terminal.out(`${[entry.path, ...columns].join("\t")}\n`);
    }
  }
  return count;
}

function nodeName(node: ListedNode): string {
  const name = node.path.slice(node.path.lastIndexOf("/") + 1);
  return node.childCount > 0 ? `${name}/` : name;
}

function nodeRow(node: ListedNode): string[] {
  const entry = node.entry;
  const attributes =
    entry === undefined
      ? ["-", "-", "-", "-"]
      : [entry.version, entry.createRevision, entry.modRevision, entry.lease];
  return [nodeName(node), String(node.childCount), ...attributes.map((attribute) => String(attribute))];
}

function nodeJson(node: ListedNode, withValue: boolean): object {
  const place = { key: node.path, children: node.childCount };
  if (node.entry === undefined) return place;
  return { ...place, ...(withValue ? valueJson(node.entry.value) : {}), ...entryMetadataJson(node.entry) };
}
