import type { Invocation } from "./invocation.js";

/** One text for each JSON value: equal values have equal texts, whatever the order of their fields. */
export function canonical(value: unknown): string {
  if (Array.isArray(value)) return `[${value.map(canonical).join(",")}]`;
  if (typeof value === "object" && value !== null) {
    const fields = Object.entries(value).sort(([a], [b]) => (a < b ? -1 : 1));
    return `{${fields.map(([name, field]) => `${JSON.stringify(name)}:${canonical(field)}`).join(",")}}`;
  }
  return JSON.stringify(value) ?? "null";
}

/** The partition's name for the key of an invocation; a history without keys is about one object. */
export function partitionOf({ invoke }: Invocation): string {
  return invoke.key === undefined ? "the only key" : `key ${JSON.stringify(invoke.key)}`;
}

/** Whether a completion's value, if it has one, repeats the invocation's. */
export function repeatsValue({ invoke, completion }: Invocation): boolean {
  const repeated = completion?.event.value;
  return repeated === undefined || repeated === null || canonical(repeated) === canonical(invoke.value);
}
