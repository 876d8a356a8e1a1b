import type { ConnectOptions } from "../client/options.js";
import { endpointsMax, parseEndpoints } from "../endpoints/endpoint-pool.js";
import type { MutationId } from "../errors/quorate-error.js";
import type { CompareOptions } from "../kv/txn.js";
import type { QuotaLimits } from "../space/space.js";
import { argument, call, options } from "./call.js";
import { fieldsOf, optionsOf } from "./option-reader.js";
import {
  acquireOptions,
  callOptions,
  deleteFields,
  deleteOptions,
  historyOptions,
  listOptions,
  lockOptions,
  mutationOptions,
  observeOptions,
  putFields,
  putOptions,
  readOptions,
  txnGetOptions,
  txnListOptions,
  walkOptions,
  watchOptions,
} from "./option-readers.js";
import {
  abortSignal,
  bytesOrText,
  duration,
  flag,
  historyId,
  listOf,
  nonEmptyText,
  optional,
  positiveNumber,
  type Reader,
  text,
  textValue,
  wholeNumber,
} from "./readers.js";
import { Refusal, unexpected } from "./refusal.js";
import { txnBranches, txnSpec } from "./txn-reader.js";

// What every public call takes. A call that is not here cannot be made: each goes through its entry.

const path = argument("path", text);
const key = argument("key", text);
const id = argument("id", positiveNumber);
const member = argument("member", nonEmptyText);
const peerAddress = argument("peerAddress", nonEmptyText);
const value = argument("value", bytesOrText);

const endpoints: Reader<string[]> = (given) => {
  if (typeof given !== "string" && !Array.isArray(given)) {
    throw unexpected('"host:port,host:port…" or an array of such', given);
  }
  return parseEndpoints(typeof given === "string" ? text(given) : listOf(text, endpointsMax)(given));
};

const oneEndpoint: Reader<string> = (given) => {
  const [only, ...others] = parseEndpoints(text(given));
  if (only === undefined || others.length > 0) throw new Refusal("expected one endpoint, got several");
  return only;
};

const callback: Reader<NonNullable<ConnectOptions["onStateChange"]>> = (given) => {
  if (!isFunction(given)) throw unexpected("a function", given);
  return (change) => {
    try {
      given(change);
    } catch (error) {
      // The application's fault, told as any that nobody catches. The session is not to be left half-way for it.
      queueMicrotask(() => {
        throw error;
      });
    }
  };
};

function isFunction(given: unknown): given is (...args: readonly unknown[]) => unknown {
  return typeof given === "function";
}

const connectOptions = optionsOf<ConnectOptions>({
  session: flag,
  sessionTtlMs: duration,
  requestTimeoutMs: duration,
  connectTimeoutMs: duration,
  signal: abortSignal,
  backoff: optionsOf<NonNullable<ConnectOptions["backoff"]>>({ baseMs: duration, maxMs: duration }),
  followLeader: flag,
  history: historyId,
  onStateChange: callback,
});

const mutationId = fieldsOf<MutationId>({
  sessionId: positiveNumber,
  sequence: positiveNumber,
  history: optional(historyId),
});
const quotaLimits = optionsOf<QuotaLimits>({ keysMax: wholeNumber, bytesMax: wholeNumber });
const compareOptions = optionsOf<CompareOptions>({ recursive: flag });

/** `connect` itself. */
export const connectCall = call("connect", argument("endpoints", endpoints), options(connectOptions));

/** The calls of a client, by their names. */
export const clientCalls = {
  get: call("get", path, options(readOptions)),
  list: call("list", path, options(listOptions)),
  walk: call("walk", path, options(walkOptions)),
  history: call("history", path, options(historyOptions)),
  stat: call("stat", path, options(callOptions)),
  put: call("put", path, value, options(putOptions)),
  delete: call("delete", path, options(deleteOptions)),
  txn: call("txn", argument("spec", txnSpec)),
  outcome: call("outcome", argument("mutation", mutationId), options(callOptions)),
  watch: call("watch", path, options(watchOptions)),
  lease: call("lease", argument("ttlMs", duration), options(mutationOptions)),
  leases: call("leases", options(callOptions)),
  leaseStatus: call("leaseStatus", id, options(callOptions)),
  leaseKeys: call("leaseKeys", id, options(callOptions)),
  grantLease: call("grantLease", argument("ttlMs", duration), options(mutationOptions)),
  keepLeaseAlive: call("keepLeaseAlive", id, options(callOptions)),
  revokeLease: call("revokeLease", id, options(mutationOptions)),
  lock: call("lock", key, options(lockOptions)),
  campaign: call("campaign", key, argument("name", textValue), options(acquireOptions)),
  leader: call("leader", key, options(callOptions)),
  observe: call("observe", key, options(observeOptions)),
  status: call("status", argument("endpoint", optional(oneEndpoint)), options(callOptions)),
  members: call("members", options(callOptions)),
  addMember: call("addMember", argument("name", nonEmptyText), peerAddress, options(callOptions)),
  promoteMember: call("promoteMember", member, options(callOptions)),
  updateMember: call("updateMember", member, peerAddress, options(callOptions)),
  removeMember: call("removeMember", member, options(callOptions)),
  transferLeadership: call(
    "transferLeadership",
    argument("member", optional(nonEmptyText)),
    options(callOptions),
  ),
  close: call("close"),
};

/** Those of `client.quota`. */
export const quotaCalls = {
  set: call("quota.set", path, argument("limits", quotaLimits), options(mutationOptions)),
  get: call("quota.get", path, options(callOptions)),
  list: call("quota.list", options(callOptions)),
  delete: call("quota.delete", path, options(mutationOptions)),
};

/** Those of a `Lease`. */
export const leaseCalls = { revoke: call("revoke", options(mutationOptions)) };

/** Those of a `Leadership`. */
export const leadershipCalls = {
  proclaim: call("proclaim", argument("value", textValue)),
  resign: call("resign"),
};

/** Those of a `Lock`. */
export const lockCalls = { release: call("release") };

const compared = (name: string) => ({
  value: call(`compare.value.${name}`, value),
  number: call(`compare.${name}`, argument("number", wholeNumber)),
});

/** Those of `compare`, and of what they return. */
export const compareCalls = {
  value: call("compare.value", path, options(compareOptions)),
  version: call("compare.version", path, options(compareOptions)),
  createRevision: call("compare.createRevision", path, options(compareOptions)),
  modRevision: call("compare.modRevision", path, options(compareOptions)),
  lease: call("compare.lease", path, options(compareOptions)),
  exists: call("compare.exists", path),
  missing: call("compare.missing", path),
};

/** What completes a condition. */
export const relationCalls = {
  equals: compared("equals"),
  notEquals: compared("notEquals"),
  lessThan: compared("lessThan"),
  greaterThan: compared("greaterThan"),
};

/** Those of `op`. */
export const opCalls = {
  get: call("op.get", path, options(txnGetOptions)),
  list: call("op.list", path, options(txnListOptions)),
  put: call("op.put", path, value, options(putFields)),
  delete: call("op.delete", path, options(deleteFields)),
  txn: call("op.txn", argument("spec", txnBranches)),
};
