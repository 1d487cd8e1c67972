#!/usr/bin/env bash
# Builds the server and serves in dev mode on ./data. Arguments go to `campanile serve`.
set -euo pipefail
source "$(dirname "${BASH_SOURCE[0]}")/common.sh"

# The dev profile: somebody waits for the first message, and a release build takes twice as long.
cargo build --workspace --bin campanile
exec "$CARGO_TARGET_DIR/debug/campanile" serve --dev --data-dir ./data "$@"
