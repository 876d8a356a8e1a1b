import {
  closeSync,
  existsSync,
  fsyncSync,
  mkdirSync,
  openSync,
  readFileSync,
  renameSync,
  writeSync,
} from "node:fs";
import { join } from "node:path";
import { UnusableDataDirectory } from "./errors.js";

/** Version of the layout of the data directory and of its databases. */
export const DATA_FORMAT = 1;

/** To whom a data directory belongs. */
export interface Identity {
  readonly clusterId: string;
  readonly memberId: number;
  readonly name: string;
}

/** Paths inside a data directory. */
export interface DataDirectory {
  readonly path: string;
  readonly logFile: string;
  readonly stateFile: string;
  /** A snapshot being received; garbage after a crash. */
  readonly incomingFile: string;
  /** A copy of the state being sent; garbage after a crash. */
  readonly outgoingFile: string;
}

/**
 * Opens or creates a data directory and makes sure that it belongs to this node: the directory of another node would
 * bring its votes and log along, and two nodes with one identity break every promise of Raft.
 */
export function openDataDirectory(path: string, identity: Identity): DataDirectory {
  try {
    mkdirSync(path, { recursive: true, mode: 0o700 });
  } catch (cause) {
    throw new UnusableDataDirectory(`cannot create the data directory ${path}: ${String(cause)}`, { cause });
  }
  const file = join(path, "identity.json");
  if (existsSync(file)) {
    checkIdentity(path, file, identity);
    if (existsSync(join(path, "state.db")) && !existsSync(join(path, "log.db"))) {
      // Without its log a node has forgotten its votes, and may vote twice in one term.
      throw new UnusableDataDirectory(`${path} holds a state but no log.db: it is incomplete`);
    }
  } else {
    if (existsSync(join(path, "log.db"))) {
      throw new UnusableDataDirectory(`${path} holds a log but no identity.json: it was tampered with`);
    }
    writeIdentity(path, file, identity);
  }
  return {
    path,
    logFile: join(path, "log.db"),
    stateFile: join(path, "state.db"),
    incomingFile: join(path, "incoming.db"),
    outgoingFile: join(path, "outgoing.db"),
  };
}

function checkIdentity(path: string, file: string, identity: Identity): void {
  let found: Partial<Identity & { format: number }>;
  try {
    found = JSON.parse(readFileSync(file, "utf8"));
  } catch (cause) {
    throw new UnusableDataDirectory(`${file} cannot be read: ${String(cause)}`, { cause });
  }
  if (found.format !== DATA_FORMAT) {
    throw new UnusableDataDirectory(
      `${path} has data format ${found.format}, this version of Quorate reads format ${DATA_FORMAT}`,
    );
  }
  if (found.clusterId !== identity.clusterId) {
    throw new UnusableDataDirectory(
      `${path} belongs to another cluster (${found.clusterId}, this one is ${identity.clusterId}): check --initial-cluster names and --cluster-token, or use another --data-dir`,
    );
  }
  if (found.memberId !== identity.memberId) {
    throw new UnusableDataDirectory(
      `${path} belongs to node "${found.name}", not to "${identity.name}": use another --data-dir`,
    );
  }
}

function writeIdentity(path: string, file: string, identity: Identity): void {
  const descriptor = openSync(`${file}.new`, "w", 0o600);
  writeSync(descriptor, `${JSON.stringify({ format: DATA_FORMAT, ...identity }, undefined, 2)}\n`);
  fsyncSync(descriptor);
  closeSync(descriptor);
  renameSync(`${file}.new`, file);
  syncDirectory(path);
}

/** Makes renames and new files in a directory durable. */
export function syncDirectory(path: string): void {
  const descriptor = openSync(path, "r");
  fsyncSync(descriptor);
  closeSync(descriptor);
}
