import type { Member } from "@quorate/sdk";
import { expect, it } from "vitest";
import { memberJson, memberTable } from "./member-table.js";

const voter: Member = {
  name: "n1",
  memberId: "0000000000000001",
  peerAddress: "10.0.0.1:7401",
  clientEndpoint: "10.0.0.1:7400",
  learner: false,
  leader: true,
  format: 1,
};
const added: Member = {
  name: "n4",
  memberId: "000000000000000f",
  peerAddress: "10.0.0.4:7401",
  clientEndpoint: "",
  learner: true,
  leader: false,
  format: 0,
};

it("tells the leader, voters and learners apart, and who never joined", () => {
  expect(memberTable([voter, { ...voter, name: "n2", leader: false }, added])).toEqual([
    "NAME  ID                ROLE     PEER ADDRESS   CLIENT ENDPOINT  FORMAT",
    "n1    0000000000000001  leader   10.0.0.1:7401  10.0.0.1:7400         1",
    "n2    0000000000000001  voter    10.0.0.1:7401  10.0.0.1:7400         1",
    "n4    000000000000000f  learner  10.0.0.4:7401  -                     -",
  ]);
});

it("gives scripts the role as one word", () => {
  expect(memberJson(added)).toEqual({
    name: "n4",
    memberId: "000000000000000f",
    role: "learner",
    peerAddress: "10.0.0.4:7401",
    clientEndpoint: "",
    format: 0,
  });
});
