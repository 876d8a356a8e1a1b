import type { Terminal } from "../terminal.js";

/** Writes the one JSON document of a command, indented for people who look at it. */
export function writeJson(terminal: Terminal, document: unknown): void {
  terminal.out(`${JSON.stringify(document, undefined, 2)}\n`);
}

/** Writes one line of JSON Lines, for commands that stream. */
export function writeJsonLine(terminal: Terminal, document: unknown): void {
  terminal.out(`${JSON.stringify(document)}\n`);
}

/** The history that a document's revisions are of, where it is known: `--history` goes on from it. */
export function historyJson(history: string | undefined): { readonly history?: string } {
  return history === undefined ? {} : { history };
}
