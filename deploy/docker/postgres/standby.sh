#!/bin/bash
# A standby of the server `postgres`: copies it once, then follows it. Its name is the one that the primary waits for.
# Arguments: the command line of the server, which must allow at least what the primary's allows.
set -euo pipefail

until [ -s "$PGDATA/PG_VERSION" ]; do
  # A copy that was cut short is no copy.
  rm -rf "$PGDATA"
  mkdir -p "$PGDATA"
  chmod 0700 "$PGDATA"
  pg_basebackup --dbname 'host=postgres user=replicator application_name=standby' --pgdata "$PGDATA" \
    --slot standby --wal-method stream --checkpoint fast --write-recovery-conf || { rm -rf "$PGDATA"; sleep 1; }
done
exec "$@"
