#!/usr/bin/env bash
# Measures the release build and writes docs/benchmarks.md. Arguments go to `campanile-bench`.
set -euo pipefail
source "$(dirname "${BASH_SOURCE[0]}")/common.sh"

# These two packages and not the workspace: what is measured has no helpers of tests in it.
cargo build --release --package campanile --package campanile-bench
exec "$CARGO_TARGET_DIR/release/campanile-bench" --binary "$CARGO_TARGET_DIR/release/campanile" --write docs/benchmarks.md "$@"
