#!/bin/bash
# A declined card: what was done before it is undone, in reverse, and no money is taken.
source "$(dirname "$0")/common.sh"

title 'A declined card'
id=$(place '{ "paymentToken": "tok_declined" }')
ends "$id" REJECTED card-declined
until_true 'the stock to be given back' has_step "$id" 'compensation reserve-inventory succeeded'
say 'the stock was given back'
[[ $(card_entries "$id" charge) == 0 ]] || fail "money was taken for order $id"
traced "$id" 4
