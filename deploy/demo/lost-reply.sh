#!/bin/bash
# A lost reply: the card network takes the money and cuts the connection. Asked again with the same key, it answers; and
# where nobody ships to the country, the charge that nobody heard of is given back.
source "$(dirname "$0")/common.sh"

title 'A reply that is lost, and the order goes on'
id=$(place '{ "paymentToken": "tok_lost_reply" }')
ends "$id" CONFIRMED
taken_once "$id" charge
traced "$id" 6

title 'A reply that is lost, and the order is undone'
id=$(place '{ "paymentToken": "tok_lost_reply", "shipTo": { "country": "AQ" } }')
ends "$id" REJECTED country-not-served
taken_once "$id" charge
taken_once "$id" refund
traced "$id" 6
