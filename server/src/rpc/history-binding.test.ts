import {
  Client,
  credentials,
  Metadata,
  Server,
  ServerCredentials,
  type ServiceError,
  status,
} from "@grpc/grpc-js";
import { type GetResponse, grpcServiceDefinition, KVService } from "@quorate/proto";
import { afterEach, beforeEach, expect, it } from "vitest";
import { boundToHistory, HISTORY_HEADER, problemOfHistory } from "./history-binding.js";

const method = grpcServiceDefinition(KVService).get;
const response: GetResponse = { $typeName: "quorate.v1.GetResponse", revision: 7n };

let historyId: string;
let server: Server;
let client: Client;
let served: number;

beforeEach(async () => {
  historyId = "aa";
  served = 0;
  server = new Server();
  const node = {
    get machine() {
      return { historyId };
    },
  };
  const get = boundToHistory(node, (_call, callback) => {
    served += 1;
    callback(null, response);
  });
  server.addService({ get: { ...method } }, { get });
  const port = await new Promise<number>((resolve, reject) => {
    server.bindAsync("127.0.0.1:0", ServerCredentials.createInsecure(), (error, bound) =>
      error === null ? resolve(bound) : reject(error),
    );
  });
  client = new Client(`127.0.0.1:${port}`, credentials.createInsecure());
});

afterEach(() => {
  client.close();
  server.forceShutdown();
});

interface Asked {
  readonly error: ServiceError | null;
  readonly revision: bigint | undefined;
  readonly told: string | undefined;
}

/** Calls as a client does that goes on from `expected`. */
function ask(expected: string | undefined): Promise<Asked> {
  const metadata = new Metadata();
  if (expected !== undefined) metadata.set(HISTORY_HEADER, expected);
  return new Promise((resolve) => {
    let told: string | undefined;
    const { path, requestSerialize, responseDeserialize } = method;
    const request = {
      ...{ $typeName: "quorate.v1.GetRequest" as const, path: "/a", consistency: 0 },
      ...{ minRevision: 0n, revision: 0n },
    };
    const call = client.makeUnaryRequest(
      path,
      requestSerialize,
      responseDeserialize,
      request,
      metadata,
      (error, answer) => resolve({ error, revision: answer?.revision, told }),
    );
    call.on("metadata", (headers: Metadata) => {
      told = headers.get(HISTORY_HEADER)[0]?.toString();
    });
  });
}

it("tells the history with an answer, whether the request named it or none", async () => {
  expect(await ask(undefined)).toEqual({ error: null, revision: 7n, told: "aa" });
  expect(await ask("aa")).toEqual({ error: null, revision: 7n, told: "aa" });
});

it("refuses a request that goes on from another history before anything is done", async () => {
  const { error } = await ask("bb");
  expect(error?.code).toBe(status.FAILED_PRECONDITION);
  expect(error?.metadata.get("quorate-error")).toEqual(["HISTORY_CHANGED"]);
  expect(error?.details).toContain("aa");
  expect(error?.details).toContain("bb");
  expect(served).toBe(0);
});

it("sends whoever names a history elsewhere while it knows none itself", async () => {
  historyId = "";
  const { error } = await ask("aa");
  expect(error?.metadata.get("quorate-error")).toEqual(["UNAVAILABLE"]);
  expect(served).toBe(0);
  expect(await ask(undefined)).toEqual({ error: null, revision: 7n, told: undefined });
});

it("lets every request through that names no history", () => {
  expect(problemOfHistory({ machine: { historyId: "aa" } }, "")).toBeUndefined();
  expect(problemOfHistory({ machine: { historyId: "" } }, "")).toBeUndefined();
});
