import type { Terminal } from "../terminal.js";

/** Writes the one JSON document of a command, indented for people who look at it. */
export function writeJson(terminal: Terminal, document: unknown): void {
  terminal.out(`${JSON.stringify(document, undefined, 2)}\n`);
}

/** Writes one line of JSON Lines, for commands that stream. */
export function writeJsonLine(terminal: Terminal, document: unknown): void {
  terminal.out(`${JSON.stringify(document)}\n`);
}
