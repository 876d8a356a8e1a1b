#!/usr/bin/env node
import "./debugger-signal.js";
import yargs from "yargs";
import {
  bounds,
  CLUSTER_TOKEN_DEFAULT,
  ConfigurationError,
  type LogFormat,
  type LogLevel,
  logFormats,
  logLevels,
  parseInitialCluster,
  parseJoin,
  parseListenAddress,
  type ServerOptions,
} from "./config.js";
import { MemberRemoved } from "./node/member-removed.js";
import { createLogger } from "./observability/logger.js";
import { MemberNames } from "./observability/member-names.js";
import { type RunningServer, startServer } from "./server.js";
import { CorruptData, UnusableDataDirectory } from "./storage/errors.js";
import { VERSION } from "./version.js";

const EXIT_OK = 0;
const EXIT_FATAL = 1;
const EXIT_UNUSABLE = 2;

/** The command line, after `server` when this is reached through `quorate server`. */
function ownArguments(): string[] {
  const args = process.argv.slice(2);
  return args[0] === "server" ? args.slice(1) : args;
}

/** QUORATE_DATA_DIR for data-dir. Only names of options are looked up: the CLI and the SDK have QUORATE_* of their own. */
function fromEnvironment(args: readonly string[], options: readonly string[]): string[] {
  const given: string[] = [];
  for (const option of options) {
    const value = process.env[`QUORATE_${option.toUpperCase().replaceAll("-", "_")}`];
    if (value === undefined || args.some((arg) => arg === `--${option}` || arg.startsWith(`--${option}=`)))
      continue;
    given.push(`--${option}=${value}`);
  }
  return given;
}

const OPTION_NAMES = [
  "name",
  "data-dir",
  "initial-cluster",
  "join",
  "client-listen",
  "peer-listen",
  "http-listen",
  "client-advertise",
  "cluster-token",
  "heartbeat-ms",
  "election-timeout-ms",
  "log-entries-kept",
  "log-bytes-kept",
  "history-revisions-kept",
  "history-kept-ms",
  "space-bytes-max",
  "log-level",
  "log-format",
] as const;

async function parseOptions(args: readonly string[]): Promise<ServerOptions> {
  const parsed = await yargs([...fromEnvironment(args, OPTION_NAMES), ...args])
    .scriptName("quorate server")
    .usage(
      "$0 --name NAME --initial-cluster NAME=HOST:PORT,…  runs one of the first nodes of a cluster\n" +
        "$0 --name NAME --join HOST:PORT,…  runs a node that `quorate member add` added",
    )
    .option("name", {
      type: "string",
      demandOption: true,
      describe: "This node's name: one of --initial-cluster, or as it was added",
    })
    .option("data-dir", {
      type: "string",
      describe: "Where log and state are kept  [default: ./<name>.quorate]",
    })
    .option("initial-cluster", {
      type: "string",
      describe: "The first members' names and the peer addresses at which this node dials them",
    })
    .option("join", {
      type: "string",
      describe: "Client endpoints of members, for the first start of a node that was added",
    })
    .option("client-listen", { type: "string", default: "127.0.0.1:7400", describe: "Where clients connect" })
    .option("peer-listen", { type: "string", default: "127.0.0.1:7401", describe: "Where peers connect" })
    .option("http-listen", {
      type: "string",
      default: "127.0.0.1:7402",
      describe: "Where /livez and /readyz are",
    })
    .option("client-advertise", {
      type: "string",
      describe: "Endpoint told to clients  [default: --client-listen]",
    })
    .option("cluster-token", {
      type: "string",
      default: CLUSTER_TOKEN_DEFAULT,
      describe: "Nodes of clusters with different tokens refuse each other",
    })
    .option("heartbeat-ms", { type: "number", default: 100, describe: "Milliseconds between heartbeats" })
    .option("election-timeout-ms", {
      type: "number",
      default: 1_000,
      describe: "Milliseconds of silence after which a node stands for election",
    })
    .option("log-entries-kept", {
      type: "number",
      default: bounds.logEntriesKeptDefault,
      describe: "Log entries kept for followers that were away; beyond, they get a snapshot",
    })
    .option("log-bytes-kept", {
      type: "number",
      default: bounds.logBytesKeptDefault,
      describe: "Bytes of them kept at most",
    })
    .option("history-revisions-kept", {
      type: "number",
      default: bounds.historyRevisionsKeptDefault,
      describe: "Revisions that can still be read and watched from; older ones are compacted",
    })
    .option("history-kept-ms", {
      type: "number",
      default: bounds.historyKeptMsDefault,
      describe: "Milliseconds for which they can, whatever their number; 0 for no bound",
    })
    .option("space-bytes-max", {
      type: "number",
      default: bounds.spaceBytesMaxDefault,
      describe: "Bytes of keys, values and history beyond which puts are refused; 0 for no bound",
    })
    .option("log-level", {
      choices: logLevels,
      default: "info" as LogLevel,
      describe: "Least severity logged",
    })
    .option("log-format", {
      choices: logFormats,
      default: (process.stderr.isTTY === true ? "text" : "json") as LogFormat,
      defaultDescription: "text on a terminal, json elsewhere",
      describe: "Lines for people or for a collector, on stderr",
    })
    .example(
      "$0 --name n4 --join 10.0.0.1:7400,10.0.0.2:7400 \\\n  --client-listen 0.0.0.0:7400 --peer-listen 0.0.0.0:7401 --client-advertise 10.0.0.4:7400",
      "a fourth one, after `quorate member add n4 10.0.0.4:7401`",
    )
    .example(
      "$0 --name n1 --initial-cluster n1=10.0.0.1:7401,n2=10.0.0.2:7401,n3=10.0.0.3:7401 \\\n  --client-listen 0.0.0.0:7400 --peer-listen 0.0.0.0:7401 --client-advertise 10.0.0.1:7400",
      "the first of three nodes",
    )
    .epilogue(
      "Every option can also be given as QUORATE_<NAME>, for example QUORATE_DATA_DIR.\nExit codes: 0 stopped by SIGTERM or SIGINT, or removed from the cluster; 1 a fatal error; 2 bad options, an unusable data directory or a port in use.",
    )
    .parserConfiguration({ "duplicate-arguments-array": false, "dot-notation": false })
    .strict()
    .version(VERSION)
    .wrap(110)
    .fail((message, error, parser) => {
      const said = (message ?? error.message).trim().replace(/\s*\n\s*/g, "; ");
      throw new ConfigurationError(`${said} (see quorate server --help)`, {
        cause: parser === undefined ? undefined : error,
      });
    })
    .parseAsync();
  return {
    name: parsed.name,
    dataDir: parsed.dataDir ?? `./${parsed.name}.quorate`,
    initialCluster: parsed.initialCluster === undefined ? [] : parseInitialCluster(parsed.initialCluster),
    join: parsed.join === undefined ? [] : parseJoin(parsed.join),
    clientListen: parseListenAddress(parsed.clientListen, "--client-listen"),
    peerListen: parseListenAddress(parsed.peerListen, "--peer-listen"),
    httpListen: parseListenAddress(parsed.httpListen, "--http-listen"),
    clientAdvertise: parsed.clientAdvertise ?? parsed.clientListen,
    clusterToken: parsed.clusterToken,
    heartbeatMs: parsed.heartbeatMs,
    electionTimeoutMs: parsed.electionTimeoutMs,
    logEntriesKept: parsed.logEntriesKept,
    logBytesKept: parsed.logBytesKept,
    historyRevisionsKept: parsed.historyRevisionsKept,
    historyKeptMs: parsed.historyKeptMs,
    spaceBytesMax: parsed.spaceBytesMax,
    logLevel: parsed.logLevel,
    logFormat: parsed.logFormat,
    unsafeSkipReadIndex: process.env.QUORATE_UNSAFE_TEST === "skip-read-index",
  };
}

async function main(): Promise<void> {
  // Everything that this process creates is its user's alone: keys and values may be secrets.
  process.umask(0o077);
  const options = await parseOptions(ownArguments());
  const names = new MemberNames();
  const logger = createLogger(
    { level: options.logLevel, format: options.logFormat, node: options.name },
    names,
  );
  if (options.unsafeSkipReadIndex) {
    logger.warn(
      "UNSAFE: QUORATE_UNSAFE_TEST=skip-read-index is set: reads may be stale. Never set this in production",
    );
  }
  let running: RunningServer | undefined;
  let stopping = false;
  const stop = (reason: string): void => {
    if (stopping) return;
    stopping = true;
    logger.info({ reason }, "stopping");
    (running?.stop() ?? Promise.resolve()).then(() => process.exit(EXIT_OK), onFatal);
  };
  const onFatal = (error: unknown): void => {
    if (error instanceof MemberRemoved) {
      stop(error.message);
      return;
    }
    if (exitCodeOf(error) === EXIT_UNUSABLE) end(error);
    logger.fatal({ err: error }, "stopping at once: the node cannot go on safely");
    process.exit(EXIT_FATAL);
  };
  process.on("uncaughtException", onFatal);
  process.on("unhandledRejection", onFatal);

  process.on("SIGTERM", stop);
  process.on("SIGINT", stop);
  running = await startServer(options, logger, onFatal, names);
}

/** What an operator can set right: no stack trace would help. */
function exitCodeOf(error: unknown): typeof EXIT_UNUSABLE | typeof EXIT_FATAL {
  return error instanceof ConfigurationError || error instanceof UnusableDataDirectory
    ? EXIT_UNUSABLE
    : EXIT_FATAL;
}

function describe(error: unknown): string {
  if (!(error instanceof Error)) return String(error);
  const expected = exitCodeOf(error) === EXIT_UNUSABLE || error instanceof CorruptData;
  return expected ? error.message : (error.stack ?? error.message);
}

function end(error: unknown): never {
  process.stderr.write(`quorate server: ${describe(error)}\n`);
  process.exit(exitCodeOf(error));
}

main().catch(end);
