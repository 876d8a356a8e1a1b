import { expect, it } from "vitest";
import { clusterIdOf, freshMemberId, isFirstMember, memberIdOf } from "./first-members.js";

const names = ["n1", "n2", "n3"].map((name, i) => ({ name, address: `h:${i}` }));

it("tells a first member from one of its name that was added later", () => {
  const clusterId = clusterIdOf("token", names);
  expect(isFirstMember(clusterId, memberIdOf(clusterId, "n3"), "n3")).toBe(true);
  expect(isFirstMember(clusterId, freshMemberId("n3"), "n3")).toBe(false);
  expect(isFirstMember(clusterIdOf("other", names), memberIdOf(clusterId, "n3"), "n3")).toBe(false);
});
