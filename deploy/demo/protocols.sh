#!/bin/bash
# The same orders by each protocol: one that completes, one whose card is declined. What differs is what the card network
# is asked: a saga charges at once; the others only hold the money until everybody has agreed.
source "$(dirname "$0")/common.sh"

is_captured() { [[ $(card_entries "$1" capture) == 1 ]]; }

for protocol in saga tcc two-phase-commit; do
  title "By $protocol"
  id=$(place "{ \"protocol\": \"$protocol\" }")
  ends "$id" CONFIRMED
  if [[ $protocol == saga ]]; then
    taken_once "$id" charge
  else
    taken_once "$id" authorize
    until_true 'the money to be captured' is_captured "$id"
    taken_once "$id" capture
  fi
  traced "$id" 4
  id=$(place "{ \"protocol\": \"$protocol\", \"paymentToken\": \"tok_declined\" }")
  ends "$id" REJECTED card-declined
  traced "$id" 3
done
