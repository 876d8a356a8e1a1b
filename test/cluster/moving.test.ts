import { MembershipRefused, type Quorate } from "@quorate/sdk";
import { expect, it } from "vitest";
import { Load } from "./load.js";
import { eventually, LocalCluster } from "./local-cluster.js";

const CLIENTS = 4;
const OPTIONS = { requestTimeoutMs: 20_000, sessionTtlMs: 30_000 } as const;

/** Restarts a node at another peer address, in the order of docs/operations.md. */
async function move(cluster: LocalCluster, quorate: Quorate, index: number): Promise<void> {
  await tell(quorate, cluster.node(index).name, await cluster.movePeerPort(index));
  expect(await cluster.shutDown(index)).toBe(0);
  cluster.launch(index);
  await caughtUp(cluster, index);
}

/**
 * Changes the peer address of a member, once that is accepted: a leader that was just elected, or a node that just came
 * up or came back, has not been heard of by everybody yet.
 */
async function tell(quorate: Quorate, name: string, peerAddress: string): Promise<void> {
  await eventually(
    () =>
      quorate.updateMember(name, peerAddress).then(
        (member) => member.peerAddress === peerAddress,
        (error: unknown) => {
          if (error instanceof MembershipRefused) return false;
          throw error;
        },
      ),
    `${name} to be told its new address`,
  );
}

/** A node has applied what was applied anywhere when this was asked. */
async function caughtUp(cluster: LocalCluster, index: number): Promise<void> {
  const { appliedIndex = 0 } = (await cluster.status(await cluster.waitForLeader())) ?? {};
  await eventually(
    async () => ((await cluster.status(index))?.appliedIndex ?? 0) >= Math.max(appliedIndex, 1),
    `${cluster.node(index).name} to catch up`,
  );
}

it("moves a follower and the leader to other addresses under load, and forgets nothing that it acknowledged", async () => {
  await using cluster = await LocalCluster.start();
  await using quorate = await cluster.connect(OPTIONS);
  const clients = Array.from({ length: CLIENTS }, () => cluster.connect(OPTIONS));
  await using load = new Load(await Promise.all(clients));
  await eventually(() => load.count > 20, "some increments");

  const leader = await cluster.waitForLeader();
  const follower = (leader + 1) % cluster.size;
  const { name } = cluster.node(follower);
  // A mistyped address costs nothing as long as the node is not restarted, and is put right like any other.
  await tell(quorate, name, "127.0.0.1:1");
  const other = cluster.node(leader).name;
  const taken = quorate.updateMember(other, "127.0.0.1:1");
  await expect(taken).rejects.toThrow(
    new MembershipRefused(`member "${name}" has the peer address 127.0.0.1:1 already`),
  );
  await caughtUp(cluster, follower);
  await move(cluster, quorate, follower);

  // The leader goes on leading until it is stopped.
  const before = await cluster.status(leader);
  await quorate.updateMember(other, "127.0.0.1:2");
  const count = load.count;
  await eventually(() => load.count > count + 50, "increments after the leader was told");
  expect(await cluster.status(leader)).toMatchObject({ role: "leader", term: before?.term });
  await move(cluster, quorate, leader);

  const members = (await quorate.members()).map((member) => [member.name, member.peerAddress]);
  expect(members).toEqual([0, 1, 2].map((i) => [cluster.node(i).name, cluster.peerAddress(i)]));
  // Those that moved are all that is left of the cluster: each must find the other.
  await cluster.kill(3 - leader - follower);
  await cluster.waitForLeader();
  await quorate.put("/after", "1");
  await load.stopAndVerify();
  await cluster.waitForAgreement();
});

it("brings a node back that knows none of the addresses of the others any more", async () => {
  await using cluster = await LocalCluster.start();
  await using quorate = await cluster.connect(OPTIONS);
  const away = await cluster.newNode();
  await quorate.addMember(cluster.node(away).name, cluster.peerAddress(away));
  cluster.launch(away);
  await caughtUp(cluster, away);
  await cluster.kill(away);
  for (const index of [0, 1, 2]) await move(cluster, quorate, index);
  await quorate.put("/meanwhile", "1");

  // They call it, and say where a change has put them.
  cluster.launch(away);
  await cluster.waitForAgreement();
  await using local = await cluster.connectTo(away, OPTIONS);
  expect((await local.get("/meanwhile"))?.text()).toBe("1");
});
