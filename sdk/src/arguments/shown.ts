/** Characters of a text that a message shows. */
const shownUnitsMax = 40;

/** A value as a message shows it: short, and whatever it is. Of an object only its kind, since it may hold secrets. */
export function shown(value: unknown): string {
  switch (typeof value) {
    case "undefined":
      return "nothing";
    case "string":
      return `the string ${JSON.stringify(value.length > shownUnitsMax ? `${value.slice(0, shownUnitsMax)}…` : value)}`;
    case "number":
      return `the number ${Object.is(value, -0) ? "-0" : value}`;
    case "bigint":
      return "a bigint";
    case "boolean":
      return String(value);
    case "symbol":
      return "a symbol";
    case "function":
      return "a function";
    case "object":
      return value === null ? "null" : shownObject(value);
  }
}

function shownObject(value: object): string {
  try {
    if (Array.isArray(value)) return "an array";
    const { name } = value.constructor ?? {};
    if (name === "Promise") return "a Promise: is an `await` missing?";
    if (typeof name !== "string" || name === "" || name === "Object") return "an object";
    return `an object of class ${name.slice(0, shownUnitsMax)}`;
  } catch {
    // A proxy that was revoked, or a getter that throws.
    return "an object that cannot be looked at";
  }
}
