import type { ServerOptions } from "../../../server/src/config.js";
import { READDRESSING_FORMAT } from "../../../server/src/node/command-codec-format.js";
import type { RunningServer } from "../../../server/src/server.js";
import type { SimulatedDisk } from "../disk/simulated-disk.js";
import { newestVersion } from "../run/versions.js";
import type { Process } from "../world/process.js";
import type { RaftView } from "./raft-view.js";

/** A server of the cluster: what outlives its process, and the process while there is one. */
export interface SimulatedNode {
  readonly name: string;
  readonly disk: SimulatedDisk;
  readonly logEntriesKept: number;
  /** The cluster it was told to form; empty for one that joins. */
  readonly initialCluster: ServerOptions["initialCluster"];
  /** Whether it is started as one that joins. */
  joins: boolean;
  /** Where it listens for its peers from its next start on; its and the others' `initialCluster` stay as they are. */
  peerPort: number;
  /** The version it is started with, by the newest format of commands that it knows. */
  version: number;
  process: Process | undefined;
  server: RunningServer | undefined;
  view: RaftView | undefined;
  boots: number;
  /** Its member id, once it was seen. */
  id: number | undefined;
  /** Not started again: removed from the cluster, or its disk is gone. */
  retired: boolean;
  /** Its removal from the cluster was asked for. */
  leaving: boolean;
  /** Its data were destroyed: its process must refuse to start. */
  damaged: boolean;
  /** Whether a supervisor starts it again when it ends by itself. */
  supervised: boolean;
}

/** Whether the node is of an older version than the newest. */
export function isOlder({ version }: SimulatedNode): boolean {
  return version < newestVersion;
}

/** Whether a version reads the newest configuration of its log. */
export function canRead(version: number, view: RaftView): boolean {
  return version >= READDRESSING_FORMAT || !view.isReaddressed;
}

/** Where every node has its data. */
export const DATA_ROOT = "/data";

export const CLIENT_PORT = 7_400;
export const PEER_PORT = 7_401;
export const HTTP_PORT = 7_402;
/** A member that moves goes from the one to the other. */
const OTHER_PEER_PORT = 7_411;

export function clientAddress(name: string): string {
  return `${name}:${CLIENT_PORT}`;
}

export function peerAddress(name: string): string {
  return `${name}:${PEER_PORT}`;
}

/** The port to which a node moves. */
export function nextPeerPort({ peerPort }: SimulatedNode): number {
  return peerPort === PEER_PORT ? OTHER_PEER_PORT : PEER_PORT;
}
