#!/usr/bin/env bash
# PostgreSQL 15.18 (Debian's package): an advisory lock of a client that was killed.
#
# Expected: the kernel closes the socket of a killed program, the session ends, its locks are free at once.
# Seen: while a query of the dead client runs, or waits for another lock, its session and the lock live on, to the end of the query.
# With `client_connection_check_interval` the server looks whether the client is there, and lets go after that time.
# For us: a lock that says who writes can be held by nobody for as long as the longest query runs; whoever waits for it must be told
# so, and the writer's session should set that interval.
set -euo pipefail
programs=$(dirname "$(ls /usr/lib/postgresql/*/bin/initdb 2>/dev/null | tail -1)") || true
[ -x "$programs/initdb" ] || { echo "apt-get install postgresql"; exit 1; }
"$programs/postgres" --version
folder=$(mktemp -d)
as() { "$@"; }
if [ "$(id -u)" = 0 ]; then
  chown postgres "$folder"
  as() { runuser --user postgres -- "$@"; }
fi
as "$programs/initdb" --auth=trust --pgdata="$folder/db" >/dev/null
as "$programs/pg_ctl" --pgdata="$folder/db" --wait --options="-k $folder -c listen_addresses=''" --log="$folder/log" start >/dev/null
trap 'as "$programs/pg_ctl" --pgdata="$folder/db" --wait --mode=fast stop >/dev/null; rm -rf "$folder"' EXIT
ask() { as psql --host="$folder" --dbname=postgres --quiet --no-align --tuples-only --command="$1"; }

# Whether the lock is free one second after a client that held it was killed in the midst of a query.
free_after_kill() {
  PGOPTIONS="$1" psql --username=postgres --host="$folder" --dbname=postgres --quiet \
    --command="select pg_advisory_lock(7); select pg_sleep(60)" >/dev/null 2>&1 &
  local client=$!
  until [ "$(ask "select count(*) from pg_stat_activity where query like '%pg_sleep(60)' and wait_event = 'PgSleep'")" = 1 ]; do :; done
  kill -KILL $client
  wait $client 2>/dev/null || true
  ask "select pg_sleep(1); select pg_try_advisory_lock(7)" | tail -1
  ask "select pg_terminate_backend(pid, 5000) from pg_stat_activity where wait_event = 'PgSleep'" >/dev/null
}
seen="as installed: free $(free_after_kill '')
with an interval: free $(free_after_kill '-c client_connection_check_interval=100ms')"
echo "$seen"
diff <(echo "$seen") - <<'SEEN'
as installed: free f
with an interval: free t
SEEN
