#!/bin/bash
# Starts the real docker-compose.yml with whatever images are here under its names, runs every demo through it, asks Prometheus
# whom it sees, and takes it down again with its data. With `ha` as argument: three brokers, three orchestrators, a standby.
# Needs docker with its compose plugin, or docker-compose; where nothing can be pulled, deploy/docker/stand-ins.sh first.
set -euo pipefail
cd "$(dirname "$0")/../.."

if docker compose version >/dev/null 2>&1; then COMPOSE='docker compose'; else COMPOSE=docker-compose; fi
COMPOSE="$COMPOSE --project-name sagamore-try"
[ "${1:-}" = ha ] && COMPOSE="$COMPOSE --env-file $PWD/deploy/docker/ha.env"
export COMPOSE
# Doors of its own, so that it can stand beside another stack.
export ORDER_PORT=13000 ORCHESTRATOR_PORT=13001 SIMULATORS_PORT=13002 GRAFANA_PORT=13003 \
  JAEGER_PORT=13686 PROMETHEUS_PORT=13090 PATIENCE_S=300

# shellcheck disable=SC2086 # a command with its options
compose() { $COMPOSE "$@"; }
finish() {
  local code=$?
  [ $code -eq 0 ] || compose logs --tail 15
  compose down --volumes --timeout 20
  exit $code
}
trap finish EXIT

DOCKER_BUILDKIT=${DOCKER_BUILDKIT:-0} docker build --quiet --file deploy/docker/Dockerfile --tag sagamore:0.1.0 .
compose up --detach --no-build
compose ps
deploy/demo/all.sh

# Whoever is started is seen by Prometheus, which has its rules, and misses nobody.
prometheus() { curl --silent --get --max-time 10 "http://127.0.0.1:$PROMETHEUS_PORT/api/v1/$1" "${@:2}"; }
seen() { [[ $(prometheus targets | jq '[.data.activeTargets[] | select(.health == "up")] | length') == "$processes" ]]; }
processes=$([ "${1:-}" = ha ] && echo 7 || echo 5)
for _ in {1..60}; do seen && break || sleep 2; done
seen || { echo "✘ Prometheus sees other than $processes processes" >&2; prometheus targets >&2; exit 1; }
missed=$(prometheus query --data-urlencode 'query=ALERTS{alertname=~"SagamoreServiceGone|SagamoreShardWithoutOwner", alertstate="firing"}')
[[ $(jq '.data.result | length' <<<"$missed") == 0 ]] || { echo "✘ $missed" >&2; exit 1; }
echo "✔ Prometheus sees $processes processes and judges by $(prometheus rules | jq '[.data.groups[].rules[]] | length') rules"
