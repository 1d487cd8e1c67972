# Read by the other scripts: goes to the root of the repository and settles where Cargo builds.
# shellcheck shell=bash

cd "$(dirname "${BASH_SOURCE[0]}")/.."

# One cache for all clones of a user, outside of them, so that a fresh clone does not begin from nothing.
# Every command selects the whole workspace: with the same features nothing is compiled twice.
CARGO_TARGET_DIR=${CARGO_TARGET_DIR:-${XDG_CACHE_HOME:-$HOME/.cache}/campanile/target}
case $CARGO_TARGET_DIR in
  /*) ;;
  *) CARGO_TARGET_DIR=$PWD/$CARGO_TARGET_DIR ;;
esac
export CARGO_TARGET_DIR

# Where `cargo install` puts programs.
PATH=$PATH:${CARGO_HOME:-$HOME/.cargo}/bin

heading() {
  printf '\n== %s\n' "$1"
}
