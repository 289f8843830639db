#!/usr/bin/env bash
# with_model.sh FOLDER TESTS... runs the Node.js tests of FOLDER against a model: HADAL_TEST_MODEL, else models/pilot, else a
# small one that recipes/smoke.toml trains first. With --plain before FOLDER they are ordinary programs. Exit status 77: skipped, something that the tests need is not installed.
set -euo pipefail
root=$(cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd)
export HADAL_BINARY=${HADAL_BINARY:-$root/build/hadal}
skip() { echo "skipped: $*"; exit 77; }

node=(node --test)
if [[ $1 == --plain ]]; then
  node=(node)
  shift
fi
folder=$1
shift
command -v node >/dev/null || skip "Node.js is not installed (apt-get install nodejs npm)"
(($(node -p 'process.versions.node.split(".")[0]') >= 18)) || skip "Node.js 18 or later is needed, found $(node --version)"
if [[ $folder == browser ]]; then
  [[ -x ${CHROMIUM:-/usr/bin/chromium} ]] || skip "Chromium is not installed (apt-get install chromium)"
fi
if [[ ! -d $root/tests/$folder/node_modules ]]; then
  command -v npm >/dev/null || skip "npm is not installed"
  (cd "$root/tests/$folder" && npm ci --no-audit --no-fund --loglevel=error) || skip "npm ci failed; is there a network?"
fi

if [[ -z ${HADAL_TEST_MODEL:-} ]]; then
  HADAL_TEST_MODEL=$root/models/pilot
  if [[ ! -f $HADAL_TEST_MODEL/config.json ]]; then
    run=$(dirname "$HADAL_BINARY")/test_model
    HADAL_TEST_MODEL=$run/model
    exec 9>"$run.lock"
    flock 9
    if [[ ! -f $run/ready ]]; then
      "$HADAL_BINARY" train "$root/recipes/smoke.toml" --output "$run" >"$run.log" 2>&1 || { cat "$run.log"; exit 1; }
      # A context that is long enough for an answer to be stopped while it comes.
      sed -i 's/"max_position_embeddings": *[0-9]*/"max_position_embeddings": 16384/' "$run/model/config.json"
      touch "$run/ready"
    fi
    exec 9>&-
  fi
fi
export HADAL_TEST_MODEL
cd "$root/tests/$folder"
exec "${node[@]}" "$@"
