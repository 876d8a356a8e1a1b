import type { SeedResult } from "./result.js";

/** What many runs came to, added up. */
export class Summary {
  runs = 0;
  violations = 0;
  simulatedMs = 0;
  realMs = 0;
  events = 0;
  messages = 0;
  membershipChanges = 0;
  transfers = 0;
  readonly faults = new Map<string, number>();
  readonly counts = new Map<string, number>();

  add(result: SeedResult): void {
    this.runs++;
    if (result.violation !== undefined) this.violations++;
    this.simulatedMs += result.simulatedMs;
    this.realMs += result.realMs;
    this.events += result.events;
    this.messages += result.messages;
    this.membershipChanges += result.membershipChanges;
    this.transfers += result.transfers;
    for (const [sums, added] of [
      [this.faults, result.faults],
      [this.counts, result.counts],
    ] as const) {
      for (const [name, count] of Object.entries(added)) sums.set(name, (sums.get(name) ?? 0) + count);
    }
  }

  /** Simulated seconds in a real second of one core. */
  get speed(): number {
    return this.realMs === 0 ? 0 : this.simulatedMs / this.realMs;
  }

  count(name: string): number {
    return this.counts.get(name) ?? 0;
  }

  /** The whole in words. */
  text(): string {
    const list = (sums: ReadonlyMap<string, number>): string =>
      [...sums]
        .filter(([, count]) => count > 0)
        .sort(([, a], [, b]) => b - a)
        .map(([name, count]) => `${name} ${count.toLocaleString("en")}`)
        .join(", ");
    const hours = this.simulatedMs / 3_600_000;
    return [
      `${this.runs.toLocaleString("en")} seeds, ${this.violations} violations, ${hours.toFixed(1)} simulated hours, ${this.events.toLocaleString("en")} events, ${this.messages.toLocaleString("en")} messages`,
      `seen: ${list(this.counts)}, membership changes ${this.membershipChanges.toLocaleString("en")}, transfers ${this.transfers.toLocaleString("en")}`,
      `linearizability: undecided on ${this.count("pathsUndecided")} of ${this.count("paths").toLocaleString("en")} paths`,
      `faults: ${list(this.faults)}`,
      `speed: ${this.speed.toFixed(0)} simulated seconds in a second of one core`,
    ].join("\n");
  }
}
