#!/usr/bin/env bash
# Starts and stops a private PostgreSQL for the tests: a socket in a folder, no port, no fsync.
#   scripts/postgres.sh start DIR    prints the URL of its administrative database
#   scripts/postgres.sh stop DIR     does nothing when none runs there
#   scripts/postgres.sh bin          prints the folder of its programs
set -euo pipefail

find_bin() {
  local dir
  for dir in "$(pg_config --bindir 2>/dev/null || true)" /usr/lib/postgresql/*/bin /usr/pgsql-*/bin /opt/homebrew/opt/postgresql*/bin /usr/local/bin /usr/bin; do
    if [ -x "$dir/initdb" ] && [ -x "$dir/postgres" ]; then echo "$dir"; return; fi
  done
  return 1
}

# PostgreSQL refuses to run as root.
as_user() {
  if [ "$(id -u)" != 0 ]; then "$@"; return; fi
  local user=nobody
  if id postgres >/dev/null 2>&1; then user=postgres; fi
  setpriv --reuid="$user" --regid="$(id -g "$user")" --clear-groups "$@"
}

start() {
  local dir=$1 bin
  if ! bin=$(find_bin); then
    echo "PostgreSQL was not found; install it with the system's packages (apt-get install postgresql)." >&2
    return 1
  fi
  mkdir -p "$dir"
  if [ "$(id -u)" = 0 ]; then
    if id postgres >/dev/null 2>&1; then chown postgres "$dir"; else chown nobody "$dir"; fi
  fi
  cd "$dir"
  as_user "$bin/initdb" -D "$dir/data" -U postgres -A trust -E UTF8 --locale=C --no-sync --no-instructions >"$dir/initdb.log" 2>&1 || {
    cat "$dir/initdb.log" >&2
    return 1
  }
  as_user "$bin/postgres" -D "$dir/data" -h "" -k "$dir" -F -c shared_buffers=64MB -c max_connections=400 \
    >"$dir/postgres.log" 2>&1 </dev/null &
  for _ in $(seq 200); do
    if [ -S "$dir/.s.PGSQL.5432" ] && as_user "$bin/psql" -h "$dir" -U postgres -qAtc 'SELECT 1' >/dev/null 2>&1; then
      echo "postgres://postgres@${dir//\//%2F}/postgres"
      return
    fi
    sleep 0.05
  done
  cat "$dir/postgres.log" >&2
  return 1
}

stop() {
  local pid
  pid=$(head -n 1 "$1/data/postmaster.pid" 2>/dev/null || true)
  if [ -z "$pid" ]; then return; fi
  kill -INT "$pid" 2>/dev/null || return 0
  # Until it has gone, so that its folder can be removed.
  for _ in $(seq 200); do
    if ! kill -0 "$pid" 2>/dev/null; then return; fi
    sleep 0.05
  done
  kill -KILL "$pid" 2>/dev/null || true
}

case "${1:-}" in
  start) start "$2" ;;
  stop) stop "$2" ;;
  bin) find_bin ;;
  *) echo "usage: scripts/postgres.sh start DIR | stop DIR | bin" >&2; exit 2 ;;
esac
