# Each command works on a fresh machine with a Rust toolchain and Node. ARGS="…" goes to the program that is run.
.PHONY: run test check bench

# Builds the server and serves in dev mode on ./data, for example: make run ARGS="--listen 127.0.0.1:4000"
run:
	@scripts/run.sh $(ARGS)

# Installs what the tests need, runs them all, and ends with the line "N passed, M failed".
test:
	@scripts/test.sh

# Format, lints, unused dependencies, licences, known vulnerabilities, generated files.
check:
	@scripts/check.sh

# Measures the release build and writes docs/benchmarks.md, for example: make bench ARGS="--seconds 2 --only sqlite"
bench:
	@scripts/bench.sh $(ARGS)
