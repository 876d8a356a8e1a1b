import { create, isMessage } from "@bufbuild/protobuf";
import { type handleUnaryCall, Metadata, Server, ServerCredentials, status } from "@grpc/grpc-js";
import {
  AddMemberResponseSchema,
  ClusterService,
  grpcServiceDefinition,
  MembersRequestSchema,
  MembersResponseSchema,
  RemoveMemberResponseSchema,
  UpdateMemberResponseSchema,
} from "@quorate/proto";
import { afterEach, beforeEach, expect, it } from "vitest";
import { connect } from "../client/connect.js";
import type { Quorate } from "../client/quorate.js";
import { MembershipRefused } from "../errors/quorate-error.js";

const service = grpcServiceDefinition(ClusterService);
const learner = {
  memberId: 15n,
  name: "n4",
  peerAddress: "10.0.0.4:7401",
  clientEndpoint: "",
  learner: true,
  leader: false,
  format: 0,
};

let server: Server;
let client: Quorate;
let asked: unknown[] = [];

beforeEach(async () => {
  asked = [];
  server = new Server();
  const answers = <Request, Response>(answer: () => Response): handleUnaryCall<Request, Response> => {
    return ({ request }, callback) => {
      // The client asks who the members are by itself, too.
      if (!isMessage(request, MembersRequestSchema)) asked.push(request);
      try {
        callback(null, answer());
      } catch (refused) {
        if (refused instanceof Error) callback(refused);
      }
    };
  };
  server.addService(
    {
      addMember: { ...service.addMember },
      updateMember: { ...service.updateMember },
      removeMember: { ...service.removeMember },
      promoteMember: { ...service.promoteMember },
      members: { ...service.members },
    },
    {
      addMember: answers(() => create(AddMemberResponseSchema, { member: learner })),
      updateMember: answers(() => create(UpdateMemberResponseSchema, { member: learner })),
      removeMember: answers(() => create(RemoveMemberResponseSchema, { memberId: 15n })),
      promoteMember: answers(() => {
        const metadata = new Metadata();
        metadata.set("quorate-error", "MEMBERSHIP_REFUSED");
        throw Object.assign(new Error(), {
          code: status.FAILED_PRECONDITION,
          details: "it has not caught up",
          metadata,
        });
      }),
      members: answers(() => create(MembersResponseSchema, { members: [learner] })),
    },
  );
  const port = await new Promise<number>((resolve, reject) => {
    server.bindAsync("127.0.0.1:0", ServerCredentials.createInsecure(), (error, bound) =>
      error === null ? resolve(bound) : reject(error),
    );
  });
  client = await connect(`127.0.0.1:${port}`, { session: false });
});

afterEach(async () => {
  await client.close();
  server.forceShutdown();
});

it("gives a member another address, by name", async () => {
  const member = await client.updateMember("n4", "10.0.0.9:7401");
  expect(member).toEqual({ ...learner, memberId: "000000000000000f" });
  expect(asked).toMatchObject([{ member: "n4", peerAddress: "10.0.0.9:7401" }]);
});

it("adds and removes members, by name", async () => {
  expect(await client.addMember("n4", "10.0.0.4:7401")).toEqual({ ...learner, memberId: "000000000000000f" });
  await client.removeMember("n4");
  expect(asked).toMatchObject([{ name: "n4", peerAddress: "10.0.0.4:7401" }, { member: "n4" }]);
});

it("tells a refusal by its type, and asks nobody else", async () => {
  const refused = client.promoteMember("n4");
  await expect(refused).rejects.toThrow(MembershipRefused);
  await expect(refused).rejects.toMatchObject({
    code: "MEMBERSHIP_REFUSED",
    outcome: "did-not-happen",
    message: "it has not caught up",
  });
  expect(asked).toHaveLength(1);
});

it("lists members", async () => {
  expect(await client.members()).toEqual([{ ...learner, memberId: "000000000000000f" }]);
});
