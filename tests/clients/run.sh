#!/usr/bin/env bash
# Runs the client suites against the server at SANDERLING_TEST_HOST:SANDERLING_TEST_PORT, which is flushed.
#   run.sh [python] [node]        both when none is named
# What the suites need is installed first: packages of PyPI into a virtual environment in the cache folder, packages
# of npm into node/node_modules. A second run installs nothing.
set -euo pipefail
here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
: "${SANDERLING_TEST_HOST:?}" "${SANDERLING_TEST_PORT:?}"
cache=${SANDERLING_CACHE:-${XDG_CACHE_HOME:-$HOME/.cache}/sanderling}

need() { command -v "$1" >/dev/null || { echo "clients: $1 is missing: $2" >&2; exit 2; }; }

# Says whether what is installed at $1 was made from the file $2, and remembers it with --done.
stamp() {
  local sum
  sum=$(sha256sum < "$2")
  if [ "${3:-}" = --done ]; then echo "$sum" > "$1/.made-from"; else [ "$(cat "$1/.made-from" 2>/dev/null)" = "$sum" ]; fi
}

run_python() {
  need python3 "apt-get install python3 python3-venv"
  local venv=$cache/clients-venv needed=$here/python/requirements.txt
  if ! stamp "$venv" "$needed"; then
    echo "clients: installing redis-py and pytest into $venv" >&2
    rm -rf "$venv"
    python3 -m venv "$venv"
    "$venv/bin/pip" install --quiet --disable-pip-version-check -r "$needed"
    stamp "$venv" "$needed" --done
  fi
  PYTHONDONTWRITEBYTECODE=1 "$venv/bin/python" -m pytest -q -p no:cacheprovider "$here/python"
}

run_node() {
  need node "install Node 20 or later"
  need npm "install Node 20 or later with npm"
  local modules=$here/node/node_modules
  if ! stamp "$modules" "$here/node/package-lock.json"; then
    echo "clients: installing ioredis into $modules" >&2
    (cd "$here/node" && npm ci --no-audit --no-fund --loglevel=error)
    stamp "$modules" "$here/node/package-lock.json" --done
  fi
  (cd "$here/node" && node --test --test-reporter=spec)
}

[ $# -gt 0 ] || set -- python node
for suite in "$@"; do
  case $suite in
    python) run_python ;;
    node) run_node ;;
    *) echo "clients: no suite $suite (python, node)" >&2; exit 2 ;;
  esac
done
