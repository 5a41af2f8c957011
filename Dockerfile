# Builds and runs without anything on the host but a container engine:
#   docker build -t corescope .
#   docker run -p 3000:3000 -v corescope:/data -v ./config.json:/etc/corescope/config.json:ro corescope
FROM node:20-bookworm-slim AS pages
WORKDIR /src/web
COPY web/package.json web/package-lock.json ./
RUN npm ci --ignore-scripts
COPY web ./
RUN npm run vendor

FROM rust:1.95-bookworm AS build
WORKDIR /src
COPY . .
COPY --from=pages /src/web/vendor web/vendor
ARG CORESCOPE_COMMIT=unknown
ARG CORESCOPE_BUILD_TIME=unknown
RUN cargo build --release --locked && strip target/release/corescope && install -d -o 65532 -g 65532 /data

FROM gcr.io/distroless/cc-debian12:nonroot
COPY --from=build /src/target/release/corescope /usr/bin/corescope
COPY --from=build --chown=65532:65532 /data /data
USER 65532:65532
VOLUME /data
EXPOSE 3000
ENV CORESCOPE_INGESTOR_STATS=/data/ingestor-stats.json
# Ready is open and listening; work that goes on behind it does not make a container unhealthy.
HEALTHCHECK --interval=30s --timeout=5s --start-period=10s CMD ["/usr/bin/corescope", "healthcheck"]
ENTRYPOINT ["/usr/bin/corescope"]
CMD ["serve", "--config-dir", "/etc/corescope", "--db", "/data/meshcore.db"]
