#!/usr/bin/env bash
# Writes the dashboards, and checks them and the rules: `just dashboards`.
#
#   dashboards/build.sh                     without a cluster
#   dashboards/build.sh http://HOST:PORT    also evaluates and draws all panels on the Prometheus server of a cluster
#   dashboards/build.sh --check             compares the files with the generator, and writes nothing but build output
#   dashboards/build.sh --faults [BINARY]   makes each alert fire by a real fault; BINARY is target/debug/emberkeep by default
#
# Needs python3 with venv; promtool (Debian's package `prometheus`) for the rules; Node.js 18 and Chromium for pictures;
# prometheus and strace for faults.
# What it installs and draws is below target/dashboards/.
set -euo pipefail
cd "$(dirname "$0")"

home="${CARGO_TARGET_DIR:-$PWD/../target}/dashboards"
url="${1:-}"
export PYTHONDONTWRITEBYTECODE=1

step() {
    printf '\n== %s\n' "$*"
    "$@"
}

draw() {
    mkdir -p "$home/render"
    cp -r render/. "$home/render/"
    local boards=("$PWD"/{fleet,target,assigner,clerk}.json)
    (
        cd "$home/render"
        step npm ci --legacy-peer-deps --no-audit --no-fund
        step node render.mjs --prometheus "$url" --out "$home/pictures" "${boards[@]}"
    )
}

python3 -m venv "$home/venv"
"$home/venv/bin/pip" --disable-pip-version-check --quiet install --requirement requirements.txt
if [[ "$url" == --faults ]]; then
    step "$home/venv/bin/python" faults.py "${2:-$home/../debug/emberkeep}"
    exit
elif [[ "$url" == --check ]]; then
    url=
    step "$home/venv/bin/python" generate.py --check
else
    step "$home/venv/bin/python" generate.py
fi
step "$home/venv/bin/python" check.py --page ../docs/reference/metrics.md

if command -v promtool >/dev/null; then
    step promtool check rules rules/recording.yaml rules/alerts.yaml
    step promtool test rules rules/tests/*_test.yaml
else
    printf '\n== promtool is not installed, so the rules were not tested\n'
fi

if [[ -n "$url" ]]; then
    step "$home/venv/bin/python" check.py --empty-ok "$url"
    draw
fi
