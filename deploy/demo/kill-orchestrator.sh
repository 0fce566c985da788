#!/bin/bash
# kill -9 of the orchestrator while the carrier thinks: whoever owns the shard next reads the journal and goes on.
source "$(dirname "$0")/common.sh"

title 'The orchestrator is killed in the middle of an order'
id=$(place '{ "shipTo": { "postcode": "SLOW" } }')
until_true 'the money to be taken' has_step "$id" 'action charge-payment succeeded'
compose kill -s SIGKILL orchestrator
say 'the orchestrator is dead'
sleep 2
compose start orchestrator
ends "$id" CONFIRMED
taken_once "$id" charge
traced "$id" 6
