import { fileURLToPath } from "node:url";

/** URL of the server's entry point: the one thing of the server that the command line may touch. */
export function serverMainUrl(): string {
  return import.meta.resolve("@quorate/server/main");
}

/** Path of the server's entry point, to start it as a process of its own. */
export function serverMainPath(): string {
  return fileURLToPath(serverMainUrl());
}
