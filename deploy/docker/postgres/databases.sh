#!/bin/bash
# Runs once, on an empty volume, before the server takes connections: a database and a role for each service, which can
# reach no other, and a role for a standby.
set -euo pipefail
# A synchronous standby joins only after this, so nothing here may wait for one.
export PGUSER=postgres PGOPTIONS='-c synchronous_commit=local'

for service in order inventory payment shipping orchestrator; do
  psql --quiet --set ON_ERROR_STOP=1 --set service="$service" --set password="$DATABASE_PASSWORD" <<'SQL'
create role :"service" login password :'password';
create database :"service" owner :"service";
revoke all on database :"service" from public;
SQL
done

# A slot that nobody has used yet holds no log back.
psql --quiet --set ON_ERROR_STOP=1 --set password="$DATABASE_PASSWORD" <<'SQL'
create role replicator replication login password :'password';
select pg_create_physical_replication_slot('standby');
SQL
echo 'host replication replicator all scram-sha-256' >>"$PGDATA/pg_hba.conf"
