#!/usr/bin/env bash
# Runs pull_resume.mjs, which needs nothing but Node.js. Exit status 77: skipped.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")"
command -v node >/dev/null || { echo "skipped: Node.js is not installed (apt-get install nodejs)"; exit 77; }
exec node --test pull_resume.mjs
