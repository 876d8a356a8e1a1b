import { faultKinds } from "./fault-kinds.js";
import type { SeedResult } from "./result.js";
import type { Theme } from "./themes.js";

/** What the runs of a theme must have done at least, for each seed on average: a theme in which nothing happens is vacuous. */
const floorsPerSeed: Readonly<Record<"operationsOk" | "elections", number>> = {
  operationsOk: 20,
  elections: 2,
};

/** Seeds of a theme below which averages say nothing. */
const THEME_SEEDS_MIN = 20;
/**
 * Seeds after which every kind of fault must have happened: each is drawn in a fifth of the runs or more, upgrades in a
 * twelfth.
 */
const FAULT_SEEDS_MIN = 500;

/** What is done to messages, beside the kinds of faults that are injected. */
const messageFaults = ["messageLoss", "messageDuplication", "messageReordering", "messageReplay"] as const;

/** What is rare, or demanded of few runs, and must have been seen all the same. */
const rareCounts = [
  "watchEventsSynthesized",
  "watchMarks",
  "nodesUnheard",
  "leadersRotated",
  "leasesRenewedTogether",
  "leasesRenewedOverdue",
  "lockWaitsFenced",
  "proclamations",
  "calmOperations",
  "progressDue",
] as const;

interface Done {
  seeds: number;
  operationsOk: number;
  elections: number;
}

/** Sees that no theme is vacuous, and that every kind of fault, and what else is rare, happens. */
export class ThemeFloors {
  readonly #themes = new Map<Theme, Done>();
  readonly #happened = new Map<string, number>();
  #seeds = 0;

  add({ options, counts, faults }: Pick<SeedResult, "options" | "counts" | "faults">): void {
    this.#seeds++;
    const done = this.#themes.get(options.theme) ?? { seeds: 0, operationsOk: 0, elections: 0 };
    this.#themes.set(options.theme, done);
    done.seeds++;
    done.operationsOk += counts.operationsOk ?? 0;
    done.elections += counts.elections ?? 0;
    const rare = rareCounts.map((name) => [name, counts[name] ?? 0] as const);
    for (const [kind, count] of [...Object.entries(faults), ...rare]) {
      this.#happened.set(kind, (this.#happened.get(kind) ?? 0) + count);
    }
  }

  /** What happened too little, in words; empty when enough did. */
  tooLittle(): string[] {
    const lacking: string[] = [];
    for (const [theme, done] of this.#themes) {
      if (done.seeds < THEME_SEEDS_MIN) continue;
      for (const name of ["operationsOk", "elections"] as const) {
        const average = done[name] / done.seeds;
        if (average >= floorsPerSeed[name]) continue;
        lacking.push(
          `only ${average.toFixed(2)} ${name} a seed of the theme ${theme}, at least ${floorsPerSeed[name]} are wanted`,
        );
      }
    }
    if (this.#seeds < FAULT_SEEDS_MIN) return lacking;
    for (const kind of [...faultKinds, ...messageFaults, ...rareCounts]) {
      if ((this.#happened.get(kind) ?? 0) === 0) lacking.push(`no ${kind} in ${this.#seeds} seeds`);
    }
    return lacking;
  }
}
