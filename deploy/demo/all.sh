#!/bin/bash
# Every demo, one after the other; ends with 1 at the first that does not show what it says.
set -euo pipefail
cd "$(dirname "$0")"

for demo in happy-order declined-card lost-reply protocols kill-orchestrator broker-outage; do
  "./$demo.sh"
done
printf '\n✔ every demo ended as it should\n'
