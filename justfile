# The commands of this repository; `just` alone lists them.
_list:
    @just --list --unsorted

# Run everything that CI checks; writes nothing
check:
    .ci/run

# Format, and apply clippy's suggestions
fix:
    cargo clippy --workspace --all-targets --fix --allow-dirty --allow-staged
    cargo fmt --all

# Run the tests; `just test -p emberkeep-core` for those of one crate
test *args='--workspace':
    cargo test --locked {{ args }}

# Rewrite golden files and the pages of docs/reference
golden:
    UPDATE_GOLDEN=1 cargo test --locked -p emberkeep-sim
    UPDATE_GOLDEN=1 cargo test --locked -p emberkeep --bin emberkeep reference

# Run the benchmarks, each beside its baseline
bench *args='':
    cargo bench --locked {{ args }}

# Run a cluster on this machine, with requests; `just dev --help` for its options
dev *args:
    cargo run --release --locked -- dev {{ args }}

# Write the Grafana dashboards, check them and the rules; with the URL of a Prometheus server, also draw all panels
dashboards url='':
    dashboards/build.sh {{ url }}
