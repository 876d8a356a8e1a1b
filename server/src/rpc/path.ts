import { bounds } from "../config.js";
import type { Key } from "../state-machine/index.js";
import { RequestError } from "./errors.js";

const ASCII_PATH = /^(?:\/[!-.0-~][ -.0-~]*)+$/;

/**
 * The key of a path, after checking that it is one: absolute, without empty, "." or ".." segments, a trailing slash or
 * control characters, and within the bounds of length and depth.
 */
export function keyOf(path: string): Key {
  if (path.length > bounds.pathBytesMax) {
    throw invalid(`a path may have ${bounds.pathBytesMax} bytes; this one has more`, path);
  }
  const ascii = ASCII_PATH.test(path);
  if (!ascii || path.includes("/.")) checkSegments(path);
  checkDepth(path);
  if (ascii) return path;
  const bytes = Buffer.from(path, "utf8");
  if (bytes.length > bounds.pathBytesMax) {
    throw invalid(`a path may have ${bounds.pathBytesMax} bytes; this one has ${bytes.length}`, path);
  }
  return bytes.toString("latin1");
}

/** The key prefix of a directory: that of its path, or "" for the root "/". */
export function directoryKeyOf(path: string): Key {
  return path === "/" ? "" : keyOf(path);
}

function checkSegments(path: string): void {
  if (path === "") throw invalid("a path is missing", path);
  if (!path.startsWith("/")) throw invalid('a path begins with "/"', path);
  if (path === "/") throw invalid('"/" is the root directory: it has no value of its own', path);
  if (path.endsWith("/")) throw invalid("a path does not end with a slash", path);
  for (const segment of path.slice(1).split("/")) {
    if (segment === "") throw invalid("a path has no empty segment", path);
    if (segment === "." || segment === "..") throw invalid('a path has no "." or ".." segment', path);
  }
  for (let i = 0; i < path.length; i++) {
    const unit = path.charCodeAt(i);
    // C0, DEL and C1.
    if (unit < 0x20 || (unit >= 0x7f && unit <= 0x9f))
      throw invalid("a path has no control characters", path);
  }
  if (/\p{Surrogate}/u.test(path)) throw invalid("a path is well-formed UTF-8", path);
}

function checkDepth(path: string): void {
  let depth = 0;
  for (let i = path.indexOf("/"); i !== -1; i = path.indexOf("/", i + 1)) depth++;
  if (depth > bounds.pathDepthMax) throw invalid(`a path may be ${bounds.pathDepthMax} segments deep`, path);
}

function invalid(rule: string, path: string): RequestError {
  const shown = path.length > 80 ? `${path.slice(0, 80)}…` : path;
  return new RequestError("INVALID_ARGUMENT", `${rule}: ${JSON.stringify(shown)}`);
}

/** The path of a key. */
export function pathOf(key: Key): string {
  for (let i = 0; i < key.length; i++) {
    if (key.charCodeAt(i) >= 0x80) return Buffer.from(key, "latin1").toString("utf8");
  }
  return key;
}
