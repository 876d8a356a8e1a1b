import { once } from "node:events";
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
import { clusterIdOf, memberIdOf } from "./node/identity.js";
import { Node } from "./node/node.js";
import { createHttpServer } from "./observability/http.js";
import { addClusterService } from "./rpc/cluster-service.js";
import { Executor } from "./rpc/executor.js";
import { addKvService } from "./rpc/kv-service.js";
import { addLeaseService } from "./rpc/lease-service.js";
import { addSessionService } from "./rpc/session-service.js";
import { addWatchService } from "./rpc/watch-service.js";
import { openDataDirectory } from "./storage/data-directory.js";
import { CorruptData, UnusableDataDirectory } from "./storage/errors.js";
import { peerChannelOptions } from "./transport/peer-link.js";
import { addPeerService } from "./transport/peer-service.js";
import { Peers } from "./transport/peers.js";
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
): Promise<RunningServer> {
  checkOptions(options);
  quietGrpc(logger);
  const clusterId = clusterIdOf(options.clusterToken, options.initialCluster);
  const members = options.initialCluster.map((member) => ({
    ...member,
    id: memberIdOf(clusterId, member.name),
  }));
  const self = memberIdOf(clusterId, options.name);
  const others = members.filter(({ id }) => id !== self);

  const directory = openDataDirectory(options.dataDir, {
    clusterId: String(clusterId),
    memberId: self,
    name: options.name,
  });
  const node = openNode(
    {
      id: self,
      name: options.name,
      voters: members.map(({ id }) => id),
      clientEndpoint: options.clientAdvertise,
      peerAddress: members.find(({ id }) => id === self)?.address ?? "",
      heartbeatMs: options.heartbeatMs,
      electionTimeoutMs: options.electionTimeoutMs,
      historyRevisionsKept: options.historyRevisionsKept,
      logEntriesKept: options.logEntriesKept,
      unsafeSkipReadIndex: options.unsafeSkipReadIndex,
    },
    directory,
    logger,
    onFatal,
  );

  const peerServer = new GrpcServer(peerChannelOptions);
  const isPeer = (id: number): boolean => others.some((other) => other.id === id);
  addPeerService(peerServer, node, { clusterId, self, isPeer }, logger);

  const clientServer = new GrpcServer(clientServerOptions);
  const executor = new Executor(node);
  addKvService(clientServer, executor);
  addSessionService(clientServer, node, executor);
  addLeaseService(clientServer, node, executor);
  addWatchService(clientServer, node);
  addClusterService(clientServer, node, {
    clusterId,
    version: VERSION,
    clientEndpoint: options.clientAdvertise,
    members,
  });

  const httpServer = createHttpServer(node);
  const stop = async (): Promise<void> => {
    node.stop();
    httpServer.close();
    httpServer.closeAllConnections();
    await Promise.all([shutdown(clientServer), shutdown(peerServer)]);
  };
  try {
    await listenGrpc(peerServer, options.peerListen, "--peer-listen");
    await listenGrpc(clientServer, options.clientListen, "--client-listen");
    await listenHttp(httpServer, options.httpListen);
  } catch (error) {
    await stop();
    throw error;
  }
  const peers = new Peers(others, clusterId, self, logger, (peer) => node.lost(peer));
  node.start(peers);
  logger.info(
    { version: VERSION, client: options.clientListen, peer: options.peerListen, clusterId },
    "serving",
  );
  return { stop };
}

/** What gRPC would print by itself: whatever matters of it reaches us as an error, too. */
function quietGrpc(logger: Logger): void {
  const tell = (...said: unknown[]): void => logger.debug({ said: said.join(" ") }, "gRPC");
  setLogger({ error: tell, info: tell, debug: tell });
}

/** Reads what the disk holds. Whatever goes wrong there says that it is not what was written. */
function openNode(...[options, directory, logger, onFatal]: ConstructorParameters<typeof Node>): Node {
  try {
    return new Node(options, directory, logger, onFatal);
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
