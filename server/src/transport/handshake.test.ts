import { Metadata, status } from "@grpc/grpc-js";
import { expect, it } from "vitest";
import {
  type Admission,
  checkHandshake,
  type Handshake,
  handshakeMetadata,
  identify,
  isEstrangement,
  isRemoval,
} from "./handshake.js";

const admission: Admission = {
  clusterId: 9,
  self: 1,
  otherIncarnationOf: (id, incarnation) => (id === 2 && incarnation !== "aa" ? "aa" : undefined),
  meet: (_, { number }) => (number < 7 ? { number: 7, nonce: "77", before: [] } : undefined),
  isRemoved: (id) => id === 4,
  absence: undefined,
};
const right: Handshake = {
  ...{ clusterId: 9, from: 2, to: 1, incarnation: "aa" },
  ...{ address: "h:1", readdressed: false },
};

const check = (changed: Partial<Handshake>, admitting: Partial<Admission> = {}) =>
  checkHandshake(handshakeMetadata({ ...right, ...changed }), { ...admission, ...admitting });

it("lets a peer in that is who it was", () => {
  expect(check({})).toEqual({ id: 2, incarnation: "aa", address: "h:1", readdressed: false });
  expect(check({ readdressed: true })).toMatchObject({ address: "h:1", readdressed: true });
});

it("lets in one it never heard of: it may be a member by an entry that this node lacks", () => {
  expect(check({ from: 3, incarnation: "0f" })).toMatchObject({ id: 3, incarnation: "0f", address: "h:1" });
});

it("refuses a member that came back with another data directory", () => {
  expect(check({ incarnation: "bb" })).toMatchObject({ code: status.FAILED_PRECONDITION });
});

const life = { number: 8, nonce: "88", before: [] };
const refused = (changed: Partial<Handshake>, admitting: Partial<Admission> = {}): Error => {
  const refusal = check(changed, admitting);
  expect(refusal).toMatchObject({ code: status.FAILED_PRECONDITION });
  return Object.assign(new Error(), refusal);
};

it("heeds the newest life of a member, and tells a caller of an older one that it must stop for good", () => {
  expect(check({ life })).toMatchObject({ id: 2, life });
  const older = { number: 6, nonce: "66", before: [] };
  const refusal = refused({ life: older });
  expect(refusal).toMatchObject({ details: expect.stringMatching(/of start 7 .* the caller is of start 6/) });
  expect(isEstrangement(refusal, { ...right, life: older })).toBe(true);
  // Its next start has another life: nobody told that one.
  expect(isEstrangement(refusal, { ...right, life })).toBe(false);
  expect(isEstrangement(refusal, right)).toBe(false);
  expect(isRemoval(refusal, right)).toBe(false);
});

it("takes a peer that does not tell its life as before, and no text for one that is none", () => {
  expect(check({})).toMatchObject({ id: 2, life: undefined });
  for (const nonce of ["", "xyz", "1".repeat(40)]) {
    expect(check({ life: { number: 8, nonce, before: [] } })).toMatchObject({
      code: status.FAILED_PRECONDITION,
    });
  }
});

it("tells a caller that came back with another data directory that it must stop for good", () => {
  expect(isEstrangement(refused({ incarnation: "bb" }), { ...right, incarnation: "bb" })).toBe(true);
});

it("has a caller try again that it cannot note: that says nothing of the caller", () => {
  const full = (): never => {
    throw new Error("ENOSPC");
  };
  const refusal = check({ life }, { meet: full });
  expect(refusal).toMatchObject({ code: status.UNAVAILABLE, details: expect.stringMatching(/ENOSPC/) });
  expect(isEstrangement(Object.assign(new Error(), refusal), { ...right, life })).toBe(false);
});

it("refuses a member that was removed, with the code that means just that", () => {
  const refusal = check({ from: 4 });
  const error = Object.assign(new Error("refused"), refusal);
  expect(isRemoval(error, { clusterId: 9, from: 4 })).toBe(true);
  // The words are meant for that member of that cluster.
  expect(isRemoval(error, { clusterId: 9, from: 2 })).toBe(false);
  expect(isRemoval(error, { clusterId: 8, from: 4 })).toBe(false);
  // A proxy's answer to HTTP 403 has the same code, and says nothing of a removal.
  const forbidden = Object.assign(new Error("Forbidden"), {
    code: status.PERMISSION_DENIED,
    metadata: new Metadata(),
  });
  expect(isRemoval(forbidden, { clusterId: 9, from: 4 })).toBe(false);
  for (const changed of [{ incarnation: "bb" }, { clusterId: 8 }, { to: 3 }, { from: 1 }, { from: -1 }]) {
    const refused = check(changed);
    expect("code" in refused && refused.code).toBe(status.FAILED_PRECONDITION);
  }
});

it("takes no part before it may, but answers who makes itself known", () => {
  expect(check({}, { absence: "waiting for n3" })).toEqual({
    code: status.UNAVAILABLE,
    details: "waiting for n3",
  });
  const forming = { ...admission, absence: "waiting for n3" };
  expect(identify(handshakeMetadata({ ...right, incarnation: "bb" }), forming)).toMatchObject({ id: 2 });
});

it("refuses an incarnation that is none", () => {
  expect(check({ incarnation: "" })).toMatchObject({ code: status.FAILED_PRECONDITION });
  expect(check({ incarnation: "no hex" })).toMatchObject({ code: status.FAILED_PRECONDITION });
});
