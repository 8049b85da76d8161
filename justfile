# What is here to run; `just` alone lists it.
_list:
    @just --list --unsorted

# All that CI checks; writes nothing
check:
    .ci/run

# Format, and apply what clippy can mend by itself
fix:
    cargo clippy --workspace --all-targets --fix --allow-dirty --allow-staged
    cargo fmt --all

# The tests; `just test -p emberkeep-core` for those of one crate
test *args='--workspace':
    cargo test --locked {{ args }}

# The benchmarks, each beside its rival
bench *args='':
    cargo bench --locked {{ args }}

# A cluster on this machine, with requests; `just dev --help` for its options
dev *args:
    cargo run --release --locked -- dev {{ args }}
