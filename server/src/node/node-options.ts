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
  /** Entries kept in the log behind the durable state. */
  readonly logEntriesKept: number;
  /** Bytes of them kept at most. */
  readonly logBytesKept: number;
  readonly unsafeSkipReadIndex: boolean;
}
