# One image for the server and the command line: `docker run quorate` serves, `docker run quorate status` asks.
FROM docker.io/library/node:22-bookworm AS build
WORKDIR /quorate
# The manifests first, so that the dependencies are a layer of their own.
COPY package.json package-lock.json ./
COPY proto/package.json proto/
COPY server/package.json server/
COPY sdk/package.json sdk/
COPY cli/package.json cli/
COPY jepsen-style/package.json jepsen-style/
# better-sqlite3 compiles against the headers in the image, so that nothing is fetched from nodejs.org.
RUN npm_config_nodedir="$([ -d /usr/local/include/node ] && echo /usr/local || echo /usr)" npm ci --no-audit --no-fund
COPY . .
RUN npx tsc -b proto server/src/raft server/src/state-machine server sdk cli && chmod 755 cli/dist/main.js server/dist/main.js
# What runs: the compiled workspaces and their production dependencies.
RUN npm prune --omit=dev --no-audit --no-fund \
  && rm -rf node_modules/better-sqlite3/deps node_modules/better-sqlite3/src node_modules/better-sqlite3/build/Release/obj* \
  && mkdir -p /out && cp -r package.json LICENSE node_modules /out/ \
  && for w in proto server sdk cli jepsen-style; do mkdir -p "/out/$w" && cp "$w/package.json" "/out/$w/"; done \
  && for w in proto server sdk cli; do cp -r "$w/dist" "/out/$w/"; done

FROM docker.io/library/node:22-bookworm-slim
# Name look-ups run in this pool: those of a stopped container may hang, and must not hold up the others.
ENV UV_THREADPOOL_SIZE=16 \
    NODE_ENV=production \
    QUORATE_CLIENT_LISTEN=0.0.0.0:7400 \
    QUORATE_PEER_LISTEN=0.0.0.0:7401 \
    QUORATE_HTTP_LISTEN=0.0.0.0:7402 \
    QUORATE_DATA_DIR=/data
COPY --from=build /out /quorate
RUN ln -s /quorate/cli/dist/main.js /usr/local/bin/quorate && mkdir -p /data && chown node:node /data
USER node
VOLUME /data
EXPOSE 7400 7401 7402
# Alive, not ready: a node that waits for its peers must not be restarted for it.
HEALTHCHECK --interval=5s --timeout=2s --start-period=10s --retries=3 \
  CMD ["node", "-e", "fetch(`http://127.0.0.1:${(process.env.QUORATE_HTTP_LISTEN ?? '').split(':').at(-1)}/livez`).then((r) => process.exit(r.ok ? 0 : 1), () => process.exit(1))"]
ENTRYPOINT ["quorate"]
CMD ["server"]
