# The gateway and nothing else: built with the pinned Node, run without the toolchain.
FROM node:24-slim AS build
WORKDIR /app
COPY package.json package-lock.json .npmrc ./
COPY scripts scripts
RUN npm install --no-save --no-audit --no-fund
COPY . .
RUN npm run build && npm prune --omit=dev --no-audit --no-fund

FROM node:24-slim
WORKDIR /app
COPY --from=build /app/package.json ./
COPY --from=build /app/node_modules node_modules
COPY --from=build /app/dist dist
COPY --from=build /app/bin bin
COPY pipelines pipelines
USER node
EXPOSE 4317 4318 8888 13133
ENTRYPOINT ["node", "dist/main.js"]
CMD ["run", "--config", "pipelines/gateway.yaml"]
