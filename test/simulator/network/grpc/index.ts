// In place of @grpc/grpc-js: what server and SDK use of it, over the simulated network.
export { connectivityState, Metadata, status } from "@grpc/grpc-js";
export { Client } from "./client.js";
export { Server } from "./server.js";

export const credentials = { createInsecure: (): undefined => undefined };
export const ServerCredentials = { createInsecure: (): undefined => undefined };

export function setLogger(): void {}
