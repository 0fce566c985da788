#!/bin/bash
# An order that everybody says yes to: stock, money and parcel are taken, then it is confirmed.
source "$(dirname "$0")/common.sh"

title 'An order that everybody says yes to'
id=$(place "{}")
ends "$id" CONFIRMED
taken_once "$id" charge
traced "$id" 6
