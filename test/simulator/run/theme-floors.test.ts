import { expect, it } from "vitest";
import { faultKinds } from "./fault-kinds.js";
import { drawOptions } from "./options.js";
import { ThemeFloors } from "./theme-floors.js";

const everyFault = Object.fromEntries(
  [...faultKinds, "messageLoss", "messageDuplication", "messageReordering", "messageReplay"].map((kind) => [
    kind,
    1,
  ]),
);
const enough = {
  operationsOk: 100,
  elections: 5,
  watchEventsSynthesized: 1,
  watchMarks: 1,
  nodesUnheard: 1,
  leadersRotated: 1,
  leasesRenewedTogether: 1,
  leasesRenewedOverdue: 1,
  lockWaitsFenced: 1,
  proclamations: 1,
  calmOperations: 1,
  progressDue: 1,
};
const elections = drawOptions(1, { theme: "elections" });
const watchers = drawOptions(2, { theme: "watchers" });

it("names the theme in which too little happens", () => {
  const floors = new ThemeFloors();
  for (let seed = 0; seed < 20; seed++) {
    floors.add({ options: elections, counts: enough, faults: {} });
    floors.add({ options: watchers, counts: { operationsOk: 100 }, faults: {} });
  }
  expect(floors.tooLittle()).toEqual([
    "only 0.00 elections a seed of the theme watchers, at least 2 are wanted",
  ]);
});

it("names the kinds of faults, and what else is rare, that never happened in many seeds", () => {
  const floors = new ThemeFloors();
  const { diskStall: _, ...others } = everyFault;
  for (let seed = 0; seed < 499; seed++) floors.add({ options: elections, counts: enough, faults: others });
  expect(floors.tooLittle()).toEqual([]);
  floors.add({ options: elections, counts: enough, faults: others });
  expect(floors.tooLittle()).toEqual(["no diskStall in 500 seeds"]);
  const unmarked = new ThemeFloors();
  const { watchMarks: __, ...counts } = enough;
  for (let seed = 0; seed < 500; seed++) unmarked.add({ options: elections, counts, faults: everyFault });
  expect(unmarked.tooLittle()).toEqual(["no watchMarks in 500 seeds"]);
  floors.add({ options: elections, counts: enough, faults: everyFault });
  expect(floors.tooLittle()).toEqual([]);
});
