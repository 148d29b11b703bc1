# The broker and its command line. `docker compose up` runs it with a Postgres beside it; on its own it keeps an embedded
# database in /data:
#   docker build -t commonplace . && docker run -p 127.0.0.1:4000:4000 -v commonplace:/data commonplace

FROM node:24-slim AS build
WORKDIR /app
# Not `npm ci`: it refuses a lock file that lacks the optional packages of other platforms.
COPY package.json package-lock.json .npmrc ./
RUN npm install --no-fund --no-audit
COPY . .
RUN npm run build

FROM node:24-slim
WORKDIR /app
ENV NODE_ENV=production
COPY package.json package-lock.json .npmrc ./
RUN npm install --omit=dev --no-fund --no-audit && npm cache clean --force
COPY --from=build /app/dist ./dist
COPY --from=build /app/apps/cli/bin ./apps/cli/bin

# A named volume takes its owner from here. A folder of the host that is mounted instead must be writable by uid 1000.
RUN mkdir /data && chown node:node /data
USER node
VOLUME /data
# Inside its container the broker listens on every address; what of that is reachable, `docker run -p` decides.
ENV HOST=0.0.0.0 PORT=4000 DATA_DIR=/data
EXPOSE 4000
HEALTHCHECK --interval=10s --timeout=5s --start-period=60s --retries=3 \
  CMD ["node", "-e", "fetch(`http://127.0.0.1:${process.env.PORT}/readyz`, { signal: AbortSignal.timeout(4000) }).then((answer) => process.exit(answer.ok ? 0 : 1), () => process.exit(1))"]
# The exec form, so that SIGTERM reaches the broker, which drains.
ENTRYPOINT ["node", "apps/cli/bin/commonplace.js"]
CMD ["start"]
