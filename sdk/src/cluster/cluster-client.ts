import { ClusterService, grpcServiceDefinition } from "@quorate/proto";
import { bounds, type CallOptions } from "../client/options.js";
import type { EndpointPool } from "../endpoints/endpoint-pool.js";
import type { UnaryRunner } from "../session/unary-runner.js";
import type { Cluster } from "./cluster.js";
import { type Member, memberOf } from "./member.js";
import { MemberRefresh } from "./member-refresh.js";
import { type NodeStatus, nodeStatus } from "./node-status.js";

const service = grpcServiceDefinition(ClusterService);

/** The client behind {@link Cluster}: single requests, to whichever node answers. Their arguments were taken in before. */
export class ClusterClient implements Cluster {
  readonly #unary: UnaryRunner;
  readonly #pool: EndpointPool;

  readonly #refresh = new MemberRefresh((endpoint) =>
    this.#list({ timeoutMs: bounds.membersAskMs }, endpoint),
  );

  constructor(unary: UnaryRunner, pool: EndpointPool) {
    this.#unary = unary;
    this.#pool = pool;
  }

  /** A node has served the client, which no session keeps up to date: it may know of other members. */
  served(endpoint: string): void {
    if (this.#pool.learns) this.#refresh.served(endpoint, performance.now());
  }

  async status(endpoint: string | undefined, options: CallOptions): Promise<NodeStatus> {
    const call = {
      method: service.status,
      request: { $typeName: "quorate.v1.StatusRequest" as const },
      mutation: false,
      // Who looks what is there wants to see a node of another history as well.
      unbound: true,
    };
    return nodeStatus(await this.#unary.call(call, options, endpoint));
  }

  members(options: CallOptions): Promise<Member[]> {
    return this.#list(options);
  }

  async #list(options: CallOptions, endpoint?: string): Promise<Member[]> {
    const call = {
      method: service.members,
      request: { $typeName: "quorate.v1.MembersRequest" as const },
      mutation: false,
    };
    const { members } = await this.#unary.call(call, options, endpoint);
    const listed = members.map(memberOf);
    this.#pool.learnMembers(listed.map(({ clientEndpoint }) => clientEndpoint).filter((each) => each !== ""));
    this.#refresh.learned(performance.now());
    return listed;
  }

  async addMember(name: string, peerAddress: string, options: CallOptions): Promise<Member> {
    const response = await this.#unary.call(
      {
        method: service.addMember,
        request: { $typeName: "quorate.v1.AddMemberRequest", name, peerAddress },
        mutation: true,
      },
      options,
    );
    return memberOf(response.member);
  }

  async promoteMember(member: string, options: CallOptions): Promise<Member> {
    const response = await this.#unary.call(
      {
        method: service.promoteMember,
        request: { $typeName: "quorate.v1.PromoteMemberRequest", member },
        mutation: true,
      },
      options,
    );
    return this.#learn(memberOf(response.member));
  }

  async updateMember(member: string, peerAddress: string, options: CallOptions): Promise<Member> {
    const response = await this.#unary.call(
      {
        method: service.updateMember,
        request: { $typeName: "quorate.v1.UpdateMemberRequest", member, peerAddress },
        mutation: true,
      },
      options,
    );
    return this.#learn(memberOf(response.member));
  }

  async removeMember(member: string, options: CallOptions): Promise<void> {
    await this.#unary.call(
      {
        method: service.removeMember,
        request: { $typeName: "quorate.v1.RemoveMemberRequest", member },
        mutation: true,
      },
      options,
    );
  }

  async transferLeadership(member: string | undefined, options: CallOptions): Promise<Member> {
    const response = await this.#unary.call(
      {
        method: service.transferLeadership,
        request: { $typeName: "quorate.v1.TransferLeadershipRequest", member: member ?? "" },
        mutation: true,
      },
      options,
    );
    return this.#learn(memberOf(response.leader));
  }

  #learn(member: Member): Member {
    this.#pool.learn(member.clientEndpoint);
    return member;
  }
}
