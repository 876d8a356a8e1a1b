import { existsSync, mkdirSync } from "node:fs";
import { join } from "node:path";
import { syncDirectory } from "./durable-file.js";
import { UnusableDataDirectory } from "./errors.js";
import { IdentityFile } from "./identity-file.js";

/** Paths inside a data directory. */
export interface DataDirectory {
  readonly path: string;
  readonly identityFile: IdentityFile;
  readonly peersFile: string;
  readonly logFile: string;
  readonly stateFile: string;
  /** A snapshot being received; garbage after a crash. */
  readonly incomingFile: string;
  /** A copy of the state being sent; garbage after a crash. */
  readonly outgoingFile: string;
}

/**
 * Opens or creates a data directory. To whom it belongs is for the caller to check: the directory of another node would
 * bring its votes and log along, and two nodes with one identity break every promise of Raft.
 * @throws UnusableDataDirectory when it cannot be made, or a part of it is missing.
 */
export function openDataDirectory(path: string): DataDirectory {
  try {
    mkdirSync(path, { recursive: true, mode: 0o700 });
    // An earlier process may have died between a rename and its sync: what is found here is acted upon, so it must stay.
    syncDirectory(path);
  } catch (cause) {
    throw new UnusableDataDirectory(`cannot create the data directory ${path}: ${String(cause)}`, { cause });
  }
  const identityFile = new IdentityFile(path);
  const logFile = join(path, "log.db");
  const stateFile = join(path, "state.db");
  if (!identityFile.exists && existsSync(logFile)) {
    throw new UnusableDataDirectory(`${path} holds a log but no identity.json: it was tampered with`);
  }
  if (identityFile.exists && existsSync(stateFile) && !existsSync(logFile)) {
    // Without its log a node has forgotten its votes, and may vote twice in one term.
    throw new UnusableDataDirectory(`${path} holds a state but no log.db: it is incomplete`);
  }
  return {
    path,
    identityFile,
    peersFile: join(path, "peers.json"),
    logFile,
    stateFile,
    incomingFile: join(path, "incoming.db"),
    outgoingFile: join(path, "outgoing.db"),
  };
}
