import { createServer, type Server } from "node:http";

/** Milliseconds that a request may take to arrive. */
const REQUEST_MAX_MS = 5_000;

/**
 * The HTTP port: `/livez` says that the process runs, `/readyz` that the node knows a leader and has caught up with
 * it (otherwise 503, with the reason).
 */
export function createHttpServer(
  readiness: () => { readonly ready: boolean; readonly reason: string },
): Server {
  const server = createServer((request, response) => {
    const answer = (status: number, body: object): void => {
      response.writeHead(status, { "content-type": "application/json" });
      response.end(`${JSON.stringify(body)}\n`);
    };
    const path = request.url?.split("?")[0];
    if (request.method !== "GET" && request.method !== "HEAD") answer(405, { error: "only GET" });
    else if (path === "/livez") answer(200, { status: "ok" });
    else if (path === "/readyz") {
      const { ready, reason } = readiness();
      answer(ready ? 200 : 503, { status: ready ? "ok" : "not ready", reason });
    } else answer(404, { error: "not found: there are /livez and /readyz" });
  });
  server.requestTimeout = REQUEST_MAX_MS;
  server.headersTimeout = REQUEST_MAX_MS;
  server.on("clientError", (_error, socket) => socket.destroy());
  return server;
}
