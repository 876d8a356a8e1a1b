import type { Identity } from "../storage/identity-file.js";

/** What a node is told when it is made. */
export interface NodeOptions {
  /** Whom its data directory makes it. */
  readonly identity: Identity;
  /** Addresses by name, as this node was told to dial its peers, in place of what the configuration says. */
  readonly addressBook: ReadonlyMap<string, string>;
  readonly clientEndpoint: string;
  readonly heartbeatMs: number;
  readonly electionTimeoutMs: number;
  readonly historyRevisionsKept: number;
  /** Milliseconds for which history is kept; 0 for no bound. */
  readonly historyKeptMs: number;
  /** Bytes that everything retained may take, by the will of this node; 0 for any number. */
  readonly spaceBytesMax: number;
  /** Entries kept in the log behind the durable state. */
  readonly logEntriesKept: number;
  /** Bytes of them kept at most. */
  readonly logBytesKept: number;
  readonly unsafeSkipReadIndex: boolean;
  /** The version that this node passes for: the newest format of commands that it reads, and says that it understands. */
  readonly commandFormat: number;
}
