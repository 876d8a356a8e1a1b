import { existsSync, mkdirSync, rmSync } from "node:fs";
import { join } from "node:path";
import { syncDirectory } from "./durable-file.js";
import { UnusableDataDirectory } from "./errors.js";
import { type Identity, IdentityFile } from "./identity-file.js";

/** Paths inside a data directory. */
export interface DataDirectory {
  readonly path: string;
  readonly identityFile: IdentityFile;
  readonly peersFile: string;
  /** The folder of the log. */
  readonly logFolder: string;
  /** The log as it was up to data format 2. */
  readonly oldLogFile: string;
  /** Whether there is a log, of either kind. */
  readonly hasLog: boolean;
  /** Locked by the process that uses the directory. */
  readonly lockFile: string;
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
  const logFolder = join(path, "log");
  const oldLogFile = join(path, "log.db");
  const hasLog = existsSync(logFolder) || existsSync(oldLogFile);
  const stateFile = join(path, "state.db");
  if (!identityFile.exists && hasLog) {
    throw new UnusableDataDirectory(
      `${path} holds a log but no identity.json: files were removed. Put back the whole directory, or replace its member (\`quorate member remove\`, \`quorate member add\`, then --join with an empty --data-dir)`,
    );
  }
  if (identityFile.exists && existsSync(stateFile) && !hasLog) {
    // Without its log a node has forgotten its votes, and may vote twice in one term.
    throw new UnusableDataDirectory(
      `${path} holds a state but no log: it is incomplete. Put back the whole directory, or replace its member (\`quorate member remove\`, \`quorate member add\`, then --join with an empty --data-dir)`,
    );
  }
  return {
    path,
    identityFile,
    peersFile: join(path, "peers.json"),
    logFolder,
    oldLogFile,
    hasLog,
    lockFile: join(path, "lock"),
    stateFile,
    incomingFile: join(path, "incoming.db"),
    outgoingFile: join(path, "outgoing.db"),
  };
}

/** What a file of SQLite, or one that is replaced whole, may have beside it. */
const COMPANIONS = ["", "-wal", "-shm", ".new"];

/**
 * Takes back a start that was refused: removes what is ours from a directory whose member never took part. To be called
 * while nothing in it is open. Whose directory it is goes last: after a crash in between it can be emptied again.
 *
 * Invariant: only a directory that is `fresh`, and still the caller's, is emptied, so no vote and no acknowledged entry is
 * forgotten. What it noted of other members may go: whoever refused this one has notes of its own, of all that took part.
 */
export function emptyDataDirectory(directory: DataDirectory, { incarnation }: Identity): void {
  const { path, identityFile, stateFile, incomingFile, outgoingFile, peersFile } = directory;
  const { logFolder, oldLogFile, lockFile } = directory;
  if (!identityFile.exists) return;
  const found = identityFile.read();
  if (found.standing !== "fresh" || found.incarnation !== incarnation) return;
  const files = [stateFile, incomingFile, outgoingFile, peersFile, logFolder, oldLogFile, lockFile];
  for (const file of files) {
    for (const companion of COMPANIONS) rmSync(`${file}${companion}`, { force: true, recursive: true });
  }
  syncDirectory(path);
  identityFile.remove();
  syncDirectory(path);
}
