/**
 * Results a session keeps at most, in results. A client that lets its lowest pending sequence lag further behind is
 * refused new mutations: it bounds the memory one client can claim on every node, at a few hundred bytes a result.
 */
export const sessionResultsMax = 65_536;

/**
 * Bytes of one result that a session keeps: as many as one answer has room for. What is more is cut as an answer is, so a
 * session keeps at most this much beyond its limit of bytes.
 */
export const resultBytesMax = 4 * 1024 * 1024;

/** What all leases and sessions may take together. */
export interface LeaseBounds {
  /** How many there may be, sessions among them. */
  readonly countMax: number;
  /** Bytes of results that the sessions may keep together, a last one of at most `resultBytesMax` not counted. */
  readonly resultBytesMax: number;
}

/**
 * What one client's sessions may take is bounded, but not how many sessions clients may open: these bound the memory of
 * every node, at some 300 bytes a lease. Replicated: every node refuses the same grants and mutations.
 */
export const leaseBounds: LeaseBounds = { countMax: 1_000_000, resultBytesMax: 1_073_741_824 };

/** Quotas at most: each is looked up by path, but all are written to disk together when one changes. */
export const quotasMax = 1_024;

/**
 * Keys that setting a quota may have to count at once, on every node, in one step: some 0.7 s, less than an election
 * timeout. A quota that is there already keeps count whatever its subtree grows to. Replicated.
 */
export const quotaCountedKeysMax = 1_000_000;

/**
 * What a retained version counts beside its key and value in the space of the store, in bytes: about what its row and
 * its objects take. Replicated: the same on every node, for ever.
 */
export const versionOverheadBytes = 64;

/** The highest lease id a caller may choose: the counter behind chosen ids keeps 2^52 ids of room before 2^53. */
export const leaseIdMax = 2 ** 52;

/** Operations of a transaction, nested ones included, unless configured otherwise: as many as etcd allows. */
export const txnOperationsMaxDefault = 128;

/**
 * How deep transactions may nest, in levels: their records nest with them, and protobuf decoders stop at a depth of 100.
 */
export const txnDepthMax = 16;

/** Changes the change log keeps once they are on disk: some 0.3 s of history at 50,000 changes/s, for watches. */
export const changeLogCountMax = 16_384;

/** Bytes of keys and values the change log keeps once they are on disk: bounds the window when values are large. */
export const changeLogBytesMax = 32 * 1024 * 1024;

/** Keys in a chunk of the ordered index: an insertion moves at most this many references, a fraction of 1 µs. */
export const orderedChunkKeysMax = 512;

/** Digits of a sequential key's last segment: enough for every revision below 2^53, so key order is number order. */
export const sequentialDigits = 16;
