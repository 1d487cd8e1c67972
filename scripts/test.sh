#!/usr/bin/env bash
# Installs what the tests need, runs them all, and ends with the line "N passed, M failed".
set -uo pipefail
source "$(dirname "${BASH_SOURCE[0]}")/common.sh"

passed=0
failed=0
notes=()

# A part that could not run counts as one failure; the sentence is shown again at the end.
fail() {
  failed=$((failed + 1))
  notes+=("$1")
  echo "$1" >&2
}

# PostgreSQL runs as another user when we are root, so that user has to get through this folder. A short path: the
# server's socket is in it.
work=$(mktemp -d /tmp/campanile-test.XXXXXX)
chmod 755 "$work"
cleanup() {
  scripts/postgres.sh stop "$work/postgres"
  rm -rf "$work"
}
trap cleanup EXIT
trap 'exit 130' INT
trap 'exit 143' TERM HUP

# --- What the tests need ---------------------------------------------------------------------------------------------

find_chromium() {
  command -v chromium || command -v chromium-browser || command -v google-chrome || command -v google-chrome-stable
}

system_packages() {
  local as=()
  if ! command -v apt-get >/dev/null; then
    echo "Install with the packages of your system: $*. There is no apt-get here to do it." >&2
    return 1
  fi
  if [ "$(id -u)" != 0 ]; then
    if ! sudo -n true 2>/dev/null; then
      echo "Run 'sudo apt-get install $*': the tests need it, and sudo asks for a password here." >&2
      return 1
    fi
    as=(sudo -n)
  fi
  heading "Installing $*"
  "${as[@]}" env DEBIAN_FRONTEND=noninteractive apt-get update --quiet=2 &&
    "${as[@]}" env DEBIAN_FRONTEND=noninteractive apt-get install --quiet=2 --yes --no-install-recommends "$@"
}

# `npm ci` only when its outcome would be another: the lock that was installed is kept beside the packages.
node_packages() {
  local folder=$1 installed=$1/node_modules/.installed-lock.json
  cmp --silent "$folder/package-lock.json" "$installed" && return
  heading "Installing the packages of $folder"
  npm ci --prefix "$folder" --no-audit --no-fund && cp "$folder/package-lock.json" "$installed"
}

missing=()
scripts/postgres.sh bin >/dev/null 2>&1 || missing+=(postgresql)
find_chromium >/dev/null || missing+=(chromium)
[ ${#missing[@]} = 0 ] || system_packages "${missing[@]}" || echo "Not installed: ${missing[*]}." >&2

node_packages tests/liquid || fail "The packages of tests/liquid could not be installed."
node_packages tests/logic || fail "The packages of tests/logic could not be installed."
node_packages tests/email || fail "The packages of tests/email could not be installed."
node_packages tests/clients || fail "The packages of tests/clients could not be installed."

if TEST_CHROMIUM=$(find_chromium); then
  export TEST_CHROMIUM
else
  # Not counted here: the browser's own tests fail without it.
  echo "Chromium was not found; the tests of pages will fail." >&2
fi

# The tests make databases with psql.
PATH=$PATH:$(scripts/postgres.sh bin 2>/dev/null || true)
if TEST_POSTGRES_URL=$(scripts/postgres.sh start "$work/postgres"); then
  export TEST_POSTGRES_URL
else
  unset TEST_POSTGRES_URL
  fail "PostgreSQL could not be started: nothing was tested on it."
fi

# --- Rust ------------------------------------------------------------------------------------------------------------

# Runs a command, shows its output, and keeps it without colours in $work/output.
record() {
  "$@" 2>&1 | tee "$work/coloured"
  local status=${PIPESTATUS[0]}
  sed 's/\x1b\[[0-9;]*m//g' "$work/coloured" >"$work/output"
  return "$status"
}

# The sum of the numbers in front of a word, over the lines given.
sum_before() {
  grep -oE "[0-9]+ $1" | awk '{ sum += $1 } END { print sum + 0 }'
}

# Takes the numbers of one run and its exit status: a run that broke without a failed test is a failure as well.
count() {
  local what=$1 status=$2 right=$3 wrong=$4
  passed=$((passed + right))
  failed=$((failed + wrong))
  if [ "$status" != 0 ] && [ "$wrong" = 0 ]; then fail "$what did not run to the end (exit status $status)."; fi
}

cargo_tests() {
  local what=$1 status=0 right wrong
  shift
  record cargo test --workspace --no-fail-fast "$@" || status=$?
  right=$(grep '^test result: ' "$work/output" | sum_before passed)
  wrong=$(grep '^test result: ' "$work/output" | sum_before failed)
  count "$what" "$status" "$right" "$wrong"
}

# The summary reads "Summary [1.2s] 9 tests run: 6 passed (1 slow), 1 failed, 1 timed out, 1 exec failed, 3 skipped",
# and "4/9 tests run" when the run was broken off. What was to run and did not pass has failed.
nextest() {
  local status=0 summary right=0 run=0
  record cargo nextest run --workspace --no-fail-fast || status=$?
  summary=$(grep -E '^ *Summary \[' "$work/output" | tail -n 1)
  if [[ $summary =~ ([0-9]+)\ tests?\ run: ]]; then
    run=${BASH_REMATCH[1]}
    if [[ $summary =~ run:\ ([0-9]+)\ passed ]]; then right=${BASH_REMATCH[1]}; fi
  fi
  count "The Rust tests" "$status" "$right" "$((run - right))"
}

heading "Building the server"
if cargo build --workspace --bin campanile; then
  # A copy of its own: another build in the same cache does not change what is being tested.
  cp "$CARGO_TARGET_DIR/debug/campanile" "$work/campanile"
  export TEST_BINARY=$work/campanile
else
  unset TEST_BINARY
  fail "The server could not be built."
fi

heading "Rust tests"
if cargo nextest --version >/dev/null 2>&1; then
  nextest
  # nextest leaves out the examples in the documentation.
  heading "Examples in the documentation"
  cargo_tests "The examples in the documentation" --doc
else
  cargo_tests "The Rust tests"
fi

# --- The official clients and the browser against the real binary ----------------------------------------------------

heading "Client tests"
if [ -n "${TEST_BINARY:-}" ]; then
  status=0
  record node tests/clients/run.mjs || status=$?
  summary=$(grep -E '^clients: [0-9]+ passed, [0-9]+ failed$' "$work/output" | tail -n 1)
  count "The client tests" "$status" "$(sum_before passed <<<"$summary")" "$(sum_before failed <<<"$summary")"
else
  fail "The client tests could not run without the server."
fi

if [ ${#notes[@]} -gt 0 ]; then
  heading "Could not run"
  printf '%s\n' "${notes[@]}"
fi
echo
echo "$passed passed, $failed failed"
[ "$failed" = 0 ]
