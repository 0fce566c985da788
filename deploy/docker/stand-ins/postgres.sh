#!/bin/bash
# What the real image's entry point does for us: makes a cluster on an empty volume, lets the scripts beside it run against
# a server that answers on its socket alone, then becomes the server. Arguments: the server's command line.
set -euo pipefail

if [ ! -s "$PGDATA/PG_VERSION" ]; then
  mkdir -p "$PGDATA"
  chmod 0700 "$PGDATA"
  initdb --username postgres --pwfile <(printf '%s\n' "$POSTGRES_PASSWORD") \
    --auth-local trust --auth-host scram-sha-256 --pgdata "$PGDATA" >/dev/null
  echo 'host all all all scram-sha-256' >>"$PGDATA/pg_hba.conf"
  pg_ctl --pgdata "$PGDATA" --options "-c listen_addresses='' ${*:2}" --wait start
  for script in /docker-entrypoint-initdb.d/*.sh; do "$script"; done
  pg_ctl --pgdata "$PGDATA" --mode fast --wait stop
fi
exec "$@" -c "listen_addresses=*"
