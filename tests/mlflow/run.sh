#!/usr/bin/env bash
# MLflow's clients against a real daemon. Exit status 77: skipped, something that the tests need is not installed.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")"
skip() { echo "skipped: $*"; exit 77; }

command -v node >/dev/null || skip "Node.js is not installed (apt-get install nodejs npm)"
(($(node -p 'process.versions.node.split(".")[0]') >= 18)) || skip "Node.js 18 or later is needed, found $(node --version)"
if [[ ! -d node_modules ]]; then
  command -v npm >/dev/null || skip "npm is not installed"
  npm ci --no-audit --no-fund --loglevel=error || skip "npm ci failed; is there a network?"
fi
exec node --test client.test.mjs
