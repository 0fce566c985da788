#!/bin/bash
# Makes local images under the very names that docker-compose.yml uses, for a machine that has Docker and can pull nothing:
# a Debian base from debootstrap, Postgres 15 from Debian, Kafka from its published jars, Jaeger and Prometheus from
# their Go modules, a collector that only passes on and a Grafana that only answers. For trying the stack; never for running it.
# Needs root, docker, debootstrap, java, mvn, go and the repository's node_modules. Keeps what it makes in .sagamore.
set -euo pipefail
cd "$(dirname "$0")/../.."
export PATH="$PWD/node_modules/.bin:$PATH"
cache=${SAGAMORE_CACHE:-$PWD/.sagamore}/stand-ins
mkdir -p "$cache"

if ! docker image inspect sagamore-stand-in/base >/dev/null 2>&1; then
  root=$cache/rootfs
  [ -e "$root/bin/busybox" ] || debootstrap --variant=minbase \
    --include=ca-certificates,busybox,openjdk-17-jre-headless,postgresql-15 bookworm "$root"
  ln -sf /bin/busybox "$root/usr/local/bin/wget"
  ln -sf /bin/busybox "$root/usr/local/bin/nc"
  tar --create --directory "$root" --exclude ./proc --exclude ./sys --exclude './var/cache/apt/*' . \
    | docker import - sagamore-stand-in/base >/dev/null
fi

foreign=$(node deploy/local/run.mjs deploy/docker/stand-ins/foreign.ts)
context=$(mktemp -d)
trap 'rm -rf "$context"' EXIT
while IFS='=' read -r name path; do
  case $name in
    KAFKA_JARS) cp -r "$path" "$context/jars" ;;
    *) cp "$path" "$context/${name,,}" ;;
  esac
done <<<"$foreign"
cp "$(node -p process.execPath)" "$context/node"
cp -rL "$(dirname "$(readlink -f "$(PATH=${PATH#*:} command -v npm)")")/.." "$context/npm"
cp /etc/ssl/certs/ca-certificates.crt "$context"
cp deploy/docker/stand-ins/{Dockerfile,postgres.sh,kafka.sh,collector.mjs} "$context"

# The names as they stand in the files, so that a version that is raised there is raised here too.
named() { grep -hoE "(image:|FROM) $1:[^ ]+" docker-compose.yml deploy/docker/Dockerfile | sed 's/.* //;q'; }
build() {
  local name
  name=$(named "$2")
  DOCKER_BUILDKIT=0 docker build --quiet --target "$1" --tag "$name" "$context" >/dev/null
  echo "$name"
}
build node node
build postgres postgres
build kafka apache/kafka
build collector otel/opentelemetry-collector
build jaeger jaegertracing/all-in-one
build prometheus prom/prometheus
build grafana grafana/grafana
