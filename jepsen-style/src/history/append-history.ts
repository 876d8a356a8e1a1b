import type { AppendCall } from "../models/append.js";
import { canonical, partitionOf, repeatsValue } from "./canonical.js";
import { HistoryError } from "./history-error.js";
import type { Invocation } from "./invocation.js";
import type { Outcome } from "./operations.js";

/** Decodes `get`, `put` and `append`. Values are strings. */
export function decodeAppendCall(invocation: Invocation, outcome: Outcome): AppendCall {
  const { invoke, line, completion } = invocation;
  const key = partitionOf(invocation);
  const completionLine = completion?.line ?? line;
  switch (invoke.f) {
    case "get": {
      if (outcome === "unknown") return { f: "get", key, value: "" };
      const value = completion?.event.value;
      if (typeof value !== "string") {
        throw new HistoryError(
          completionLine,
          `expected the string read in "value", found ${canonical(value)}`,
        );
      }
      return { f: "get", key, value };
    }
    case "put":
    case "append": {
      if (typeof invoke.value !== "string") {
        throw new HistoryError(
          line,
          `expected a string in "value" for ${invoke.f}, found ${canonical(invoke.value)}`,
        );
      }
      if (!repeatsValue(invocation)) {
        throw new HistoryError(
          completionLine,
          `expected the value of line ${line}, or none; found ${canonical(completion?.event.value)}`,
        );
      }
      return { f: invoke.f, key, value: invoke.value };
    }
    default:
      throw new HistoryError(line, `expected "f" as get, put or append, found ${JSON.stringify(invoke.f)}`);
  }
}
