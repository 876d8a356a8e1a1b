import type { Member } from "@quorate/sdk";
import { expect, it } from "vitest";
import { lostTolerance } from "./lost-tolerance.js";

const member = (number: number, learner = false): Member => ({
  ...{ name: `n${number}`, memberId: `000000000000000${number}`, peerAddress: "", clientEndpoint: "" },
  ...{ learner, leader: number === 1, format: 3 },
});
const voters = (count: number): Member[] => Array.from({ length: count }, (_, i) => member(i + 1));

it("warns when no voter may fail any more, by name or by id", () => {
  expect(lostTolerance(voters(3), "n3")).toMatch(/without n3 there are two voters, of which none may fail/);
  expect(lostTolerance(voters(3), "0000000000000003")).toMatch(/without n3/);
  expect(lostTolerance(voters(2), "n2")).toMatch(/one voter, which must not fail/);
  expect(lostTolerance([...voters(3), member(4, true)], "n3")).toMatch(/two voters/);
});

it("says nothing where one may, of learners, and of what the cluster refuses itself", () => {
  expect(lostTolerance(voters(5), "n5")).toBeUndefined();
  expect(lostTolerance(voters(4), "n4")).toBeUndefined();
  expect(lostTolerance([...voters(3), member(4, true)], "n4")).toBeUndefined();
  expect(lostTolerance(voters(1), "n1")).toBeUndefined();
  expect(lostTolerance(voters(3), "n9")).toBeUndefined();
});
