import { getEventListeners } from "node:events";
import { expect, it } from "vitest";
import { onAbort } from "./abort-listeners.js";

it("tells all who wait, with one listener on the signal, and none once nobody waits", () => {
  const controller = new AbortController();
  const { signal } = controller;
  const told: number[] = [];
  const forgets = Array.from({ length: 20 }, (_, i) => onAbort(signal, () => told.push(i)));
  expect(getEventListeners(signal, "abort")).toHaveLength(1);
  for (const forget of forgets.slice(2)) forget();
  forgets[5]?.();
  expect(getEventListeners(signal, "abort")).toHaveLength(1);
  for (const forget of forgets.slice(0, 2)) forget();
  expect(getEventListeners(signal, "abort")).toHaveLength(0);
  const listener = (): number => told.push(100);
  const forget = onAbort(signal, listener);
  onAbort(signal, listener);
  forget();
  controller.abort();
  expect(told).toEqual([100]);
  expect(getEventListeners(signal, "abort")).toHaveLength(0);
});

it("does not tell whoever was let go by another that was told", () => {
  const controller = new AbortController();
  const told: string[] = [];
  onAbort(controller.signal, () => {
    told.push("first");
    forget();
  });
  const forget = onAbort(controller.signal, () => told.push("second"));
  controller.abort();
  expect(told).toEqual(["first"]);
});
