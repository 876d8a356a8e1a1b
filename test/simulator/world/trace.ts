/** Events kept for the report of a failure. */
const KEPT_EVENTS = 4_096;

interface Noted {
  readonly atMs: number;
  readonly host: string;
  readonly text: string;
  readonly detail: (() => string) | undefined;
}

/** What happened: the last events in words, and all of them in one hash, by which two runs are compared. */
export class Trace {
  readonly #ring: Noted[] = [];
  #next = 0;
  #a = 0x811c9dc5;
  #b = 0x1b873593;
  readonly #codes = new Map<string, number>();

  /** An event. `detail` is put into words only if it is shown. */
  note(atMs: number, host: string, text: string, detail?: () => string): void {
    this.mix(atMs * 1_000);
    this.mix(this.#code(host));
    this.mix(this.#code(text));
    this.#ring[this.#next] = { atMs, host, text, detail };
    this.#next = (this.#next + 1) % KEPT_EVENTS;
  }

  #code(text: string): number {
    let code = this.#codes.get(text);
    if (code === undefined) {
      code = 17;
      for (let i = 0; i < text.length; i++) code = (Math.imul(code, 31) + text.charCodeAt(i)) | 0;
      this.#codes.set(text, code);
    }
    return code;
  }

  /** Makes a number part of the hash. */
  mix(value: number): void {
    this.#a = Math.imul(this.#a ^ (value | 0), 0x01000193);
    this.#b = (Math.imul(this.#b, 5) + (this.#a ^ (this.#a >>> 15))) | 0;
  }

  /** 16 hexadecimal digits that stand for everything noted so far. */
  get hash(): string {
    const hex = (value: number): string => (value >>> 0).toString(16).padStart(8, "0");
    return hex(this.#a) + hex(this.#b);
  }

  /** The last events, oldest first. */
  last(count: number): string[] {
    const noted: Noted[] = [...this.#ring.slice(this.#next), ...this.#ring.slice(0, this.#next)];
    return noted.slice(-count).map(({ atMs, host, text, detail }) => {
      const said = detail === undefined ? "" : ` ${detail()}`;
      return `${(atMs / 1_000).toFixed(6).padStart(12)} ${host.padEnd(6)} ${text}${said}`;
    });
  }
}
