# syntax=docker/dockerfile:1
# Understudy in a container: docker build --tag understudy .
# test/package/image.test.ts makes the same root file system without docker and runs it, read-only and as user 1000.

FROM node:24-bookworm-slim AS build
WORKDIR /build
COPY package.json package-lock.json .npmrc ./
RUN npm ci --ignore-scripts
COPY . ./
RUN npm pack --silent && tar -xzf llm-understudy-*.tgz

FROM node:24-bookworm-slim AS app
WORKDIR /app
COPY --from=build /build/package ./
COPY --from=build /build/package-lock.json /build/.npmrc ./
# Prebuilt binaries come along; what only development reads, or other systems run, goes.
RUN npm ci --omit=dev --ignore-scripts \
  && find node_modules -type f \( -name '*.map' -o -name '*.d.ts' -o -name '*.d.mts' -o -name '*.d.cts' -o -name '*.md' \) -delete \
  && rm -rf node_modules/zeromq/build/darwin node_modules/zeromq/build/win32 node_modules/zeromq/src \
  && find node_modules/zeromq/build/linux -mindepth 1 -maxdepth 1 ! -name "$(node -p process.arch)" -exec rm -rf {} + \
  && chmod -R a+rX . \
  && printf '#!/usr/local/bin/node\nimport "/app/bin/understudy.mjs";\n' > understudy && chmod 755 understudy

# C and C++ libraries, certificates and time zones: no shell, no package manager.
FROM gcr.io/distroless/cc-debian12
LABEL org.opencontainers.image.title="Understudy" org.opencontainers.image.licenses="Apache-2.0"
COPY --from=app /usr/local/bin/node /usr/local/bin/node
COPY --from=app /app /app
COPY --from=app /app/understudy /usr/local/bin/understudy
ENV NODE_ENV=production HOME=/tmp
# The one place that is written to: what defaults put into the working directory, too.
WORKDIR /tmp
USER 1000:1000
# Frontend; workers; the planner's page, metrics and control API; workers under Dynamo's operator.
EXPOSE 8000 8001 8080 9085 9086 9090
HEALTHCHECK --interval=10s --timeout=5s --start-period=30s CMD ["/usr/local/bin/node", "/app/bin/healthcheck.mjs"]
ENTRYPOINT ["/usr/local/bin/understudy"]
CMD ["--help"]
