import { createHash } from "node:crypto";
import type {
  Change,
  LeaseImage,
  Limits,
  Quota,
  SetMember,
  StateMeta,
} from "../../../server/src/state-machine/index.js";

/** Everything in the tables of a state. */
export interface StateContent {
  readonly meta: StateMeta | undefined;
  readonly changes: readonly Change[];
  readonly leases: readonly LeaseImage[];
  readonly members: readonly SetMember[];
  readonly quotas: readonly Quota[];
  readonly limits: Limits | undefined;
  readonly historyId: string | undefined;
}

/** What the bytes of a state begin with: a SHA-256 of the rest follows, and the rest is JSON. */
const MAGIC = "quorate simulated state 1\n";
/** Hexadecimal digits of a SHA-256, and the line's end. */
const DIGEST_LENGTH = 65;

/** Under which property JSON holds bytes, in base64. */
const BYTES = "$bytes";

/** The bytes of a state. The same content always makes the same bytes, whatever the engine did with its numbers. */
export function encodeState(content: StateContent): Uint8Array {
  const body = JSON.stringify(content, replace);
  return Buffer.from(`${MAGIC}${digestOf(body)}\n${body}`);
}

/** The state in these bytes; undefined when they are damaged, torn, or something else. */
export function decodeState(bytes: Uint8Array): StateContent | undefined {
  const text = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length).toString();
  if (!text.startsWith(MAGIC)) return undefined;
  const digest = text.slice(MAGIC.length, MAGIC.length + DIGEST_LENGTH - 1);
  const body = text.slice(MAGIC.length + DIGEST_LENGTH);
  if (digestOf(body) !== digest) return undefined;
  // The digest says that this is what encodeState wrote.
  const { meta, changes, leases, members, quotas, limits, historyId }: StateContent = JSON.parse(
    body,
    revive,
  );
  return {
    meta,
    // JSON leaves out what is undefined; code that looks for a property should find it.
    changes: changes.map(({ seq, revision, key, entry }) => ({
      seq,
      revision,
      key,
      entry,
      previous: undefined,
    })),
    leases,
    members,
    quotas,
    limits,
    historyId,
  };
}

function digestOf(body: string): string {
  return createHash("sha256").update(body).digest("hex");
}

/** Looks at the property itself: a Buffer would have made its own, long JSON by the time the value is handed over. */
function replace(this: Readonly<Record<string, unknown>>, key: string, value: unknown): unknown {
  const original = this[key];
  if (!(original instanceof Uint8Array)) return value;
  const { buffer, byteOffset, length } = original;
  return { [BYTES]: Buffer.from(buffer, byteOffset, length).toString("base64") };
}

function revive(_: string, value: unknown): unknown {
  if (typeof value !== "object" || value === null) return value;
  if (BYTES in value && typeof value[BYTES] === "string") {
    return new Uint8Array(Buffer.from(value[BYTES], "base64"));
  }
  return value;
}
