import { once } from "node:events";
import { existsSync } from "node:fs";
import type { Server as HttpServer } from "node:http";
import { Server as GrpcServer, ServerCredentials, setLogger } from "@grpc/grpc-js";
import type { Logger } from "pino";
import {
  bounds,
  ConfigurationError,
  checkOptions,
  type ListenAddress,
  type ServerOptions,
} from "./config.js";
import { COMMAND_FORMAT } from "./node/command-codec-format.js";
import { establishIdentity, knownIdentity, noteStart, started } from "./node/identity.js";
import { Node } from "./node/node.js";
import type { NodeOptions } from "./node/node-options.js";
import { Participation } from "./node/participation.js";
import { createHttpServer } from "./observability/http.js";
import { MemberNames } from "./observability/member-names.js";
import { addClusterService, type ClusterIdentity } from "./rpc/cluster-service.js";
import { Executor } from "./rpc/executor.js";
import { addKvService } from "./rpc/kv-service.js";
import { addLeaseService } from "./rpc/lease-service.js";
import { addSessionService } from "./rpc/session-service.js";
import { addSpaceService } from "./rpc/space-service.js";
import { addWatchService } from "./rpc/watch-service.js";
import { Acquaintances } from "./storage/acquaintances.js";
import { type DataDirectory, emptyDataDirectory, openDataDirectory } from "./storage/data-directory.js";
import { CorruptData, UnusableDataDirectory } from "./storage/errors.js";
import type { Identity } from "./storage/identity-file.js";
import { addAcquaintanceService } from "./transport/acquaintance.js";
import { addAdministrationService } from "./transport/administration.js";
import { peerChannelOptions } from "./transport/peer-link.js";
import { addPeerService } from "./transport/peer-service.js";
import { VERSION } from "./version.js";

/** A running server. */
export interface RunningServer {
  /** Stops serving, tells everybody who waits, and writes the state to disk. Resolves when all ports are closed. */
  stop(): Promise<void>;
}

/**
 * Builds one node from its parts and starts it.
 * @throws ConfigurationError, UnusableDataDirectory, CorruptData: nothing is left running.
 */
export async function startServer(
  options: ServerOptions,
  logger: Logger,
  onFatal: (error: unknown) => void,
  names = new MemberNames(),
): Promise<RunningServer> {
  checkOptions(options);
  quietGrpc(logger);
  const directory = openDataDirectory(options.dataDir);
  const known = knownIdentity(directory, options);
  let node: Node | undefined;
  /** What this start made of an empty directory, once that is its own. */
  let made: Identity | undefined;
  const httpServer = createHttpServer(() => node?.readiness ?? { ready: false, reason: "joining a cluster" });
  const peerServer = new GrpcServer(peerChannelOptions);
  const clientServer = new GrpcServer(clientServerOptions);
  let membership: Participation | undefined;
  const stop = async (): Promise<void> => {
    membership?.stop();
    await node?.handOver();
    node?.stop();
    httpServer.close();
    httpServer.closeAllConnections();
    await Promise.all([shutdown(clientServer), shutdown(peerServer)]);
  };
  /** Stops what runs, then tidies up. That this fails as well, on a full disk say, must not hide why the start did. */
  const cleanUp = async (tidy: () => void): Promise<void> => {
    try {
      await stop();
      tidy();
    } catch (error) {
      logger.warn({ err: error }, "the start that failed could not be taken back whole");
    }
  };
  try {
    await listenHttp(httpServer, options.httpListen);
    const read = await establishIdentity(directory, known, options, logger);
    const identity = started(read);
    const opened = openNode(nodeOptions(options, identity), directory, logger, onFatal);
    node = opened;
    names.lookUp = (id) => opened.memberName(id);
    noteStart(directory, read, identity);
    if (known === undefined) made = identity;
    addPeerServices(peerServer, node, logger);
    addClientServices(clientServer, node, {
      clusterId: identity.clusterId,
      version: VERSION,
      clientEndpoint: options.clientAdvertise,
    });
    await listenGrpc(peerServer, options.peerListen, "--peer-listen");
    await listenGrpc(clientServer, options.clientListen, "--client-listen");
    membership = new Participation(node, identity, directory, logger);
    membership.begin().catch(async (error: unknown) => {
      // Refused before it took part: the directory is as it was found, for whatever the operator does next.
      if (error instanceof UnusableDataDirectory && identity.standing === "fresh") {
        await cleanUp(() => emptyDataDirectory(directory, identity));
      }
      onFatal(error);
    });
    const { clusterId } = identity;
    const { clientListen: client, peerListen: peer } = options;
    logger.info({ version: VERSION, client, peer, clusterId }, "serving");
    return { stop };
  } catch (error) {
    await cleanUp(() => {
      if (made !== undefined) takeBack(directory, made);
    });
    throw error;
  }
}

/**
 * A start that failed, and made this identity in an empty directory. Nobody outside heard of it, if it is a first member,
 * which makes itself known only when it listens. One that joins has claimed its member by then, and whoever made itself
 * known here counts upon it.
 */
function takeBack(directory: DataDirectory, made: Identity): void {
  if (made.founders.length > 0 && !existsSync(directory.peersFile)) emptyDataDirectory(directory, made);
}

function nodeOptions(options: ServerOptions, identity: Identity): NodeOptions {
  return {
    identity,
    addressBook: new Map(options.initialCluster.map(({ name, address }) => [name, address])),
    clientEndpoint: options.clientAdvertise,
    heartbeatMs: options.heartbeatMs,
    electionTimeoutMs: options.electionTimeoutMs,
    historyRevisionsKept: options.historyRevisionsKept,
    historyKeptMs: options.historyKeptMs,
    spaceBytesMax: options.spaceBytesMax,
    logEntriesKept: options.logEntriesKept,
    logBytesKept: options.logBytesKept,
    unsafeSkipReadIndex: options.unsafeSkipReadIndex,
    commandFormat: options.commandFormat ?? COMMAND_FORMAT,
  };
}

function addPeerServices(server: GrpcServer, node: Node, logger: Logger): void {
  const { admission } = node;
  addPeerService(server, node, admission, logger);
  addAcquaintanceService(server, admission, logger, (id, incarnation) =>
    node.roster.acquaint(id, incarnation),
  );
  addAdministrationService(server, admission, (change, answer) => node.administerFor(change, answer));
}

function addClientServices(server: GrpcServer, node: Node, identity: ClusterIdentity): void {
  const executor = new Executor(node);
  addKvService(server, node, executor);
  addSessionService(server, node, executor);
  addLeaseService(server, node, executor);
  addWatchService(server, node);
  addSpaceService(server, node);
  addClusterService(server, node, identity);
}

/** What gRPC would print by itself: whatever matters of it reaches us as an error, too. */
function quietGrpc(logger: Logger): void {
  const tell = (...said: unknown[]): void => logger.debug({ said: said.join(" ") }, "gRPC");
  setLogger({ error: tell, info: tell, debug: tell });
}

/** Reads what the disk holds. Whatever goes wrong there says that it is not what was written. */
function openNode(
  options: NodeOptions,
  directory: DataDirectory,
  logger: Logger,
  onFatal: (error: unknown) => void,
): Node {
  try {
    return new Node(options, directory, new Acquaintances(directory.peersFile), logger, onFatal);
  } catch (cause) {
    if (cause instanceof UnusableDataDirectory) throw cause;
    const problem = cause instanceof Error ? cause.message : String(cause);
    throw new CorruptData(
      `${directory.path} is damaged: ${problem}. Its node must not be started on it again: see docs/operations.md`,
      { cause },
    );
  }
}

const clientServerOptions = {
  "grpc.enable_channelz": 0,
  "grpc.max_receive_message_length": bounds.grpcMessageBytesMax,
  "grpc.max_send_message_length": bounds.grpcMessageBytesMax,
  "grpc.keepalive_time_ms": 30_000,
  "grpc.keepalive_timeout_ms": 10_000,
} as const;

async function listenGrpc(server: GrpcServer, { host, port }: ListenAddress, flag: string): Promise<void> {
  const address = host.includes(":") ? `[${host}]:${port}` : `${host}:${port}`;
  await new Promise<void>((resolve, reject) => {
    server.bindAsync(address, ServerCredentials.createInsecure(), (error) => {
      if (error === null) resolve();
      else reject(cannotListen(address, flag, error));
    });
  });
}

async function listenHttp(server: HttpServer, { host, port }: ListenAddress): Promise<void> {
  server.listen(port, host);
  try {
    await once(server, "listening");
  } catch (error) {
    throw cannotListen(`${host}:${port}`, "--http-listen", error);
  }
}

function cannotListen(address: string, flag: string, cause: unknown): ConfigurationError {
  const text = String(cause);
  const why = text.includes("EADDRINUSE") ? "the port is in use" : text;
  return new ConfigurationError(`cannot listen on ${address} (${flag}): ${why}`, { cause });
}

/** Lets calls that are being answered finish, but not for ever: a client may keep its connection open. */
async function shutdown(server: GrpcServer): Promise<void> {
  await new Promise<void>((resolve) => {
    const forced = setTimeout(() => {
      server.forceShutdown();
      resolve();
    }, bounds.shutdownGraceMs / 5);
    server.tryShutdown(() => {
      clearTimeout(forced);
      resolve();
    });
  });
}
