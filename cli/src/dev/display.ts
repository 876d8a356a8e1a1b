import type { NodeLine } from "../cluster-status.js";
import { nodeTable } from "../output/node-table.js";
import type { Terminal } from "../terminal.js";

/** Shows how a local cluster fares. */
export interface Display {
  /** Prints a line that stays. */
  say(line: string): void;
  /** Shows the present state of the nodes. */
  show(nodes: readonly NodeLine[]): void;
  /** Leaves the terminal in order. */
  close(): void;
}

/** The display that fits the terminal: a table refreshed in place, or lines on change when nobody looks at a screen. */
export function displayFor(terminal: Terminal, footer: string): Display {
  return terminal.interactive ? new LiveTable(terminal, footer) : new ChangeLines(terminal);
}

/** A table at the bottom of the terminal, drawn over itself. */
export class LiveTable implements Display {
  readonly #terminal: Terminal;
  readonly #footer: string;
  #drawn: string[] = [];

  constructor(terminal: Terminal, footer: string) {
    this.#terminal = terminal;
    this.#footer = footer;
  }

  say(line: string): void {
    const table = this.#drawn;
    this.#replace([line]);
    this.#drawn = [];
    this.#replace(table);
  }

  show(nodes: readonly NodeLine[]): void {
    const lines = ["", ...nodeTable(nodes), "", this.#footer];
    // An unchanged table is not drawn again, so that text on the screen can be selected.
    if (lines.join("\n") !== this.#drawn.join("\n")) this.#replace(lines);
  }

  close(): void {
    this.#drawn = [];
  }

  #replace(lines: readonly string[]): void {
    const rewind = this.#drawn.length === 0 ? "" : `\u001b[${this.#drawn.length}A\u001b[0J`;
    this.#terminal.out(rewind + lines.map((line) => `${line}\n`).join(""));
    this.#drawn = [...lines];
  }
}

/** One line for every node that changed its role or term. */
export class ChangeLines implements Display {
  readonly #terminal: Terminal;
  readonly #last = new Map<string, string>();

  constructor(terminal: Terminal) {
    this.#terminal = terminal;
  }

  say(line: string): void {
    this.#terminal.out(`${line}\n`);
  }

  show(nodes: readonly NodeLine[]): void {
    for (const node of nodes) {
      const key = node.name ?? node.endpoint;
      const state =
        node.term === null ? node.role : `${node.role}, term ${node.term}, revision ${node.revision}`;
      // Revisions change all the time: only role and term make a line.
      const mark = `${node.role} ${node.term}`;
      if (this.#last.get(key) === mark) continue;
      this.#last.set(key, mark);
      this.say(`${key} ${node.endpoint}: ${state}`);
    }
  }

  close(): void {}
}
