#!/bin/sh
# Installs what some benchmarks compare with, outside this checkout: no dependency of ours, and 850 MB.
# Usage: bench/peers/install.sh [folder]; without a folder, where the benchmarks look by default. Safe to run again.
set -eu
here=$(cd "$(dirname "$0")" && pwd)
folder=${1:-${HITLAKE_BENCH_PEERS:-${XDG_CACHE_HOME:-$HOME/.cache}/hitlake-peers}}
mkdir -p "$folder"
npm install --prefix "$folder" --no-save --no-audit --no-fund chdb@3.4.0
if command -v mvn >/dev/null && command -v javac >/dev/null; then
  mvn -q -B -ntp -f "$here/flink/pom.xml" dependency:copy-dependencies -DincludeScope=runtime -DoutputDirectory="$folder/flink/lib"
  javac -cp "$folder/flink/lib/*" -d "$folder/flink/classes" "$here/flink/Peer.java"
else
  echo "left out: Apache Flink, for Maven or a JDK is missing"
fi
echo "installed in $folder"
