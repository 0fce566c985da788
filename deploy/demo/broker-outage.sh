#!/bin/bash
# The broker is gone: orders are taken all the same, and end when it is back.
source "$(dirname "$0")/common.sh"

title 'The broker is away'
compose stop kafka
id=$(place "{}")
say "order $id was taken"
sleep 3
[[ $(order "$id" | jq -r .status) == PENDING ]] || fail "order $id ended without a broker"
compose start kafka
ends "$id" CONFIRMED
taken_once "$id" charge
traced "$id" 6
