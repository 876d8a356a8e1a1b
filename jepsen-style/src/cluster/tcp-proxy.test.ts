import { once } from "node:events";
import { connect, createServer, type Server, type Socket } from "node:net";
import { afterEach, beforeEach, expect, test } from "vitest";
import { TcpProxy } from "./tcp-proxy.js";

/** A server that sends back what it gets, behind a proxy, and clients that dial the proxy. */
let echo: Server;
let accepted: Socket[];
let proxy: TcpProxy;
let clients: Socket[];

beforeEach(async () => {
  accepted = [];
  clients = [];
  echo = createServer((socket) => {
    accepted.push(socket);
    socket.on("error", () => undefined);
    socket.pipe(socket);
  });
  echo.listen(0, "127.0.0.1");
  await once(echo, "listening");
  const address = echo.address();
  if (address === null || typeof address === "string") throw new Error("no port");
  proxy = await TcpProxy.open(address.port);
});

afterEach(async () => {
  proxy.close();
  for (const socket of [...clients, ...accepted]) socket.destroy();
  echo.close();
  await once(echo, "close");
});

async function dial(): Promise<Socket> {
  const client = connect(Number(proxy.address.split(":")[1]), "127.0.0.1");
  client.on("error", () => undefined);
  clients.push(client);
  await once(client, "connect");
  return client;
}

/** Resolves with what arrives next. */
async function received(socket: Socket): Promise<string> {
  const [chunk]: unknown[] = await once(socket, "data");
  return String(chunk);
}

/** What arrives while a second connection, whose direction is not held, makes a round trip. */
async function receivedMeanwhile(socket: Socket, roundTrip: () => Promise<unknown>): Promise<string> {
  let text = "";
  const collect = (chunk: Buffer): void => {
    text += chunk.toString();
  };
  socket.on("data", collect);
  await roundTrip();
  socket.off("data", collect);
  return text;
}

test("bytes pass both ways", async () => {
  const client = await dial();
  client.write("ping");
  expect(await received(client)).toBe("ping");
});

test.each(["outbound", "inbound"] as const)("bytes held %s arrive after the release", async (direction) => {
  const client = await dial();
  client.write("one");
  expect(await received(client)).toBe("one");
  proxy.hold(direction);
  client.write("two");
  const meanwhile = await receivedMeanwhile(client, async () => {
    const witness = connect(Number(proxy.address.split(":")[1]), "127.0.0.1");
    clients.push(witness);
    await once(witness, "connect");
    await new Promise((resolve) => setTimeout(resolve, 50));
  });
  expect(meanwhile).toBe("");
  const late = received(client);
  proxy.release(direction);
  expect(await late).toBe("two");
});

test("a connection made while outbound bytes are held reaches its target after the release", async () => {
  proxy.hold("outbound");
  const client = await dial();
  client.write("early");
  const late = received(client);
  expect(accepted).toHaveLength(0);
  proxy.release("outbound");
  expect(await late).toBe("early");
});

test("holds are counted: the first of two releases lets nothing through", async () => {
  proxy.hold("outbound");
  proxy.hold("outbound");
  const client = await dial();
  client.write("x");
  const late = received(client);
  proxy.release("outbound");
  expect(accepted).toHaveLength(0);
  proxy.release("outbound");
  expect(await late).toBe("x");
  expect(() => proxy.release("outbound")).toThrow(/not held/);
});

test("severing resets the connections on both sides and lets new ones through", async () => {
  const client = await dial();
  client.write("x");
  await received(client);
  // Not `once` of node:events: it rejects at the reset that is expected here.
  const closed = [client, ...accepted].map(
    (socket) => new Promise((resolve) => socket.once("close", resolve)),
  );
  proxy.sever();
  await Promise.all(closed);
  const next = await dial();
  next.write("y");
  expect(await received(next)).toBe("y");
});
