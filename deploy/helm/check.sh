#!/bin/bash
# Checks the chart as far as that goes without a cluster: lints it, renders it with example.yaml, checks every manifest
# against Kubernetes' own schemas, and makes sure that values which must be refused are. Needs go, and the network for the schemas
# (SCHEMAS: where else they lie, as kubeconform's -schema-location wants it). Tools are built once, into .sagamore/bin.
set -euo pipefail
cd "$(dirname "$0")/../.."
bin=${SAGAMORE_CACHE:-$PWD/.sagamore}/bin
chart=deploy/helm/sagamore
example=deploy/helm/example.yaml
# A helm that was built here takes every cluster for one of 1.20.
cluster=1.31.0

tool() {
  [ -x "$bin/${1##*/}" ] || GOBIN=$bin GOSUMDB=${GOSUMDB:-off} go install "$1@$2"
}
tool helm.sh/helm/v3/cmd/helm v3.22.0
tool github.com/yannh/kubeconform/cmd/kubeconform v0.8.0

"$bin/helm" lint --strict "$chart" --values "$example"
"$bin/helm" template try "$chart" --kube-version "$cluster" --values "$example" \
  | "$bin/kubeconform" -strict -summary -skip PodMonitor,PrometheusRule -schema-location "${SCHEMAS:-default}" -

# refused <what> <values>: the schema of the chart must not let it pass.
refused() {
  if "$bin/helm" template try "$chart" --kube-version "$cluster" --values "$example" "${@:2}" >/dev/null 2>&1; then
    echo "✘ $1 was not refused" >&2
    exit 1
  fi
}
refused 'a release without brokers' --set kafka.brokers=
refused 'a secret among the settings' --set settings.OPERATOR_TOKEN=abcdefghijklmnopq
refused 'an image of no version' --set image.tag=latest
refused 'a setting of the chart that there is not' --set services.order.replica=2
echo '✔ the chart renders, fits, and refuses what it must'
