#!/bin/sh
# A Python environment in .venv that reads our tables as others do: PyIceberg and DuckDB. Safe to run again.
set -eu
cd "$(dirname "$0")/../../.."
if ! .venv/bin/python -c 'import duckdb, pyarrow, pyiceberg' 2>/dev/null; then
  python3 -m venv .venv
  .venv/bin/pip install --quiet --disable-pip-version-check -r infra/local/pyiceberg/requirements.txt
fi
.venv/bin/python -c 'import duckdb, pyiceberg; print("pyiceberg", pyiceberg.__version__, "duckdb", duckdb.__version__)'
