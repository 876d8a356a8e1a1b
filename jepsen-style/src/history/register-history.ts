import type { RegisterCall } from "../models/register.js";
import { canonical, partitionOf, repeatsValue } from "./canonical.js";
import { HistoryError } from "./history-error.js";
import type { Invocation } from "./invocation.js";
import type { Outcome } from "./operations.js";

/** Decodes `read`, `write` and `cas` with `[from, to]`. Values are any JSON. */
export function decodeRegisterCall(invocation: Invocation, outcome: Outcome): RegisterCall {
  const { invoke, line, completion } = invocation;
  const key = partitionOf(invocation);
  const completionLine = completion?.line ?? line;
  switch (invoke.f) {
    case "read": {
      if (outcome === "unknown") return { f: "read", key, value: canonical(null) };
      if (completion?.event.value === undefined) {
        throw new HistoryError(completionLine, 'expected the value read in "value" (null for none)');
      }
      return { f: "read", key, value: canonical(completion.event.value) };
    }
    case "write": {
      if (invoke.value === undefined) throw new HistoryError(line, 'expected the value to write in "value"');
      requireRepeated(invocation);
      return { f: "write", key, value: canonical(invoke.value) };
    }
    case "cas": {
      const pair: unknown = invoke.value;
      if (!Array.isArray(pair) || pair.length !== 2) {
        throw new HistoryError(line, `expected "value" as [from, to] for cas, found ${canonical(pair)}`);
      }
      requireRepeated(invocation);
      const [from, to]: unknown[] = pair;
      const succeeded = outcome === "unknown" ? undefined : (completion?.event.result ?? true);
      return { f: "cas", key, from: canonical(from), to: canonical(to), succeeded };
    }
    default:
      throw new HistoryError(line, `expected "f" as read, write or cas, found ${JSON.stringify(invoke.f)}`);
  }
}

function requireRepeated(invocation: Invocation): void {
  if (repeatsValue(invocation)) return;
  throw new HistoryError(
    invocation.completion?.line ?? invocation.line,
    `expected the value of line ${invocation.line}, ${canonical(invocation.invoke.value)}, or none; found ` +
      canonical(invocation.completion?.event.value),
  );
}
