# Sourced by the demos beside it: places orders as a customer does, follows them, checks how they end, and links the trace.
# Everything is asked over the stack's own doors; where they are can be set. Needs bash, curl and jq.
# shellcheck shell=bash
set -euo pipefail

: "${ORDER_URL:=http://127.0.0.1:${ORDER_PORT:-3000}}"
: "${ORCHESTRATOR_URL:=http://127.0.0.1:${ORCHESTRATOR_PORT:-3001}}"
: "${SIMULATORS_URL:=http://127.0.0.1:${SIMULATORS_PORT:-3002}}"
: "${JAEGER_URL:=http://127.0.0.1:${JAEGER_PORT:-16686}}"
: "${OPERATOR_TOKEN:=local-operator-token}"
# How the stack's containers are reached: `docker compose`, with its options.
: "${COMPOSE:=docker compose}"
: "${PATIENCE_S:=120}"

say() { printf '  %s\n' "$*"; }
fail() { printf '✘ %s\n' "$*" >&2; exit 1; }
title() { printf '\n● %s\n' "$*"; }

# compose <arguments>: on the containers of the stack.
compose() {
  # shellcheck disable=SC2086 # a command with its options
  $COMPOSE "$@"
}

# until_true <what> <command>: polls; fails after PATIENCE_S.
until_true() {
  local what=$1 deadline=$((SECONDS + PATIENCE_S))
  shift
  until "$@"; do
    ((SECONDS < deadline)) || fail "waited $PATIENCE_S s for $what"
    sleep 0.3
  done
}

# place <fields as JSON, over those of an ordinary order>: answers the order's id, which is its transaction's too.
# Repeated with one key until it is answered, as a customer would.
place() {
  local key body answer='' deadline=$((SECONDS + PATIENCE_S))
  key=$(cat /proc/sys/kernel/random/uuid)
  body=$(jq -n --argjson wish "$1" '{
    customerId: "ada", currency: "EUR", lines: [{ sku: "MOKA-POT-6", quantity: 1 }], paymentToken: "tok_ok",
    shipTo: { name: "Ada Lovelace", street: "1 Harbour Road", city: "Oldport", postcode: "4051", country: "CH" }
  } * $wish')
  while ((SECONDS < deadline)); do
    answer=$(curl --silent --max-time 15 "$ORDER_URL/orders" --header 'content-type: application/json' \
      --header "idempotency-key: $key" --data "$body") && jq --exit-status --raw-output .orderId <<<"$answer" && return
    sleep 1
  done
  fail "the order was not taken within $PATIENCE_S s: $answer"
}

order() { curl --silent --max-time 10 "$ORDER_URL/orders/$1"; }
transaction() {
  curl --silent --max-time 10 --header "authorization: Bearer $OPERATOR_TOKEN" "$ORCHESTRATOR_URL/transactions/$1"
}

has_ended() { [[ $(order "$1" | jq -r .status) =~ ^(CONFIRMED|REJECTED)$ ]]; }

# ends <id> <status> [<reason>]: waits until the order has ended, and checks how.
ends() {
  local id=$1 wanted=$2 reason=${3:-} found
  until_true "order $id to end" has_ended "$id"
  found=$(order "$id" | jq -r '[.status, .reason.code // empty] | join(" ")')
  [[ $found == "$wanted${reason:+ $reason}" ]] || fail "order $id is $found, wanted $wanted $reason"
  say "order $id: $found"
}

# steps <id>: what was done and undone, in order, with its outcome.
steps() { transaction "$1" | jq -r '.steps[] | "\(.operation) \(.name) \(.outcome)"'; }

# has_step <id> <line of steps>
has_step() { steps "$1" 2>/dev/null | grep --quiet --extended-regexp --line-regexp "$2"; }

# card_entries <id> <kind>: how often the card network did that for this order.
card_entries() {
  curl --silent --max-time 10 "$SIMULATORS_URL/card-network/ledger?limit=10000" \
    | jq --arg id "$1" --arg kind "$2" '[.entries[] | select(.kind == $kind and (.reference | contains($id)))] | length'
}

# taken_once <id> <kind>: checks that the card network did it exactly once.
taken_once() {
  local times
  times=$(card_entries "$1" "$2")
  [[ $times == 1 ]] || fail "the card network did $times × $2 for order $1, wanted exactly one"
  say "the card network's ledger has exactly one $2"
}

spans() { curl --silent --max-time 10 "$JAEGER_URL/api/traces/${1//-/}" | jq '[.data[]?.spans[]?] | length' 2>/dev/null; }
has_trace() { (($(spans "$1") >= ${2:-2})); }

# traced <id> <spans>: waits until the trace has at least so many spans, and prints its address.
traced() {
  until_true "the trace of $1" has_trace "$1" "${2:-2}"
  say "trace: $JAEGER_URL/trace/${1//-/} ($(spans "$1") spans)"
}
