#!/usr/bin/env bash
# Everything that can be judged without running the server. All steps run, also after one has failed.
set -uo pipefail
source "$(dirname "${BASH_SOURCE[0]}")/common.sh"

failed=()

step() {
  local name=$1
  shift
  heading "$name"
  "$@" || failed+=("$name")
}

# `cargo install` builds in a folder of its own, or the tools would end up among our artifacts.
tool() {
  local name=$1 version=$2
  command -v "$name" >/dev/null && return
  echo "Installing $name $version, which takes a few minutes."
  env -u CARGO_TARGET_DIR cargo install --quiet --locked "$name" --version "$version"
}

component() {
  "cargo-$1" --version >/dev/null 2>&1 || rustup component add "$2"
}

format() {
  component fmt rustfmt && cargo fmt --all --check
}

lints() {
  component clippy clippy && cargo clippy --workspace --all-targets -- -D warnings
}

unused_dependencies() {
  tool cargo-machete 0.9.2 && cargo machete
}

audit() {
  tool cargo-deny 0.20.2 || return
  local what=(licenses bans sources) fetched
  if fetched=$(cargo deny fetch db 2>&1); then
    what+=(advisories)
  else
    printf '%s\n' "$fetched" | tail -n 3
    echo "The database of known vulnerabilities cannot be reached: advisories are NOT checked."
  fi
  cargo deny check --hide-inclusion-graph "${what[@]}"
}

step "Format" format
step "Lints" lints
step "Unused dependencies" unused_dependencies
step "Licences, sources, duplicates, known vulnerabilities" audit
step "COMPATIBILITY.md agrees with the committed results" node tests/clients/generate-compatibility.mjs --check

echo
if [ ${#failed[@]} -gt 0 ]; then
  printf 'check failed: %s\n' "${failed[@]}"
  exit 1
fi
echo "check passed"
