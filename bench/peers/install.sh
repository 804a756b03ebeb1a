#!/bin/sh
# Installs what some benchmarks compare with, outside this checkout: no dependency of ours, and 550 MB.
# Usage: bench/peers/install.sh [folder]; without a folder, where the benchmarks look by default. Safe to run again.
set -eu
folder=${1:-${HITLAKE_BENCH_PEERS:-${XDG_CACHE_HOME:-$HOME/.cache}/hitlake-peers}}
mkdir -p "$folder"
npm install --prefix "$folder" --no-save --no-audit --no-fund chdb@3.4.0
echo "installed in $folder"
