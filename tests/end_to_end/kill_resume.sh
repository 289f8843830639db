#!/usr/bin/env bash
# A run of recipes/smoke.toml that is killed with SIGKILL in the middle and resumed ends with the same model, byte for byte,
# as one that was left alone.
set -euo pipefail
root=$(cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd)
hadal=${HADAL_BINARY:-$root/build/hadal}
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

"$hadal" train "$root/recipes/smoke.toml" --output "$work/whole" >"$work/whole.log" 2>&1 || { cat "$work/whole.log"; exit 1; }

"$hadal" train "$root/recipes/smoke.toml" --output "$work/killed" >"$work/killed.log" 2>&1 &
pid=$!
for _ in $(seq 600); do
  [[ -d $work/killed/checkpoint-40 ]] && break
  kill -0 $pid 2>/dev/null || { cat "$work/killed.log"; exit 1; }
  sleep 0.1
done
sleep 0.2
kill -9 $pid
wait $pid 2>/dev/null || true
[[ ! -d $work/killed/model ]] || { echo "expected an unfinished run after the kill, found its model"; exit 1; }

"$hadal" train "$root/recipes/smoke.toml" --output "$work/killed" --resume >"$work/resumed.log" 2>&1 || { cat "$work/resumed.log"; exit 1; }
grep -q "resumed at step" "$work/resumed.log" || { echo "expected a resumed run"; cat "$work/resumed.log"; exit 1; }
cmp "$work/whole/model/model.safetensors" "$work/killed/model/model.safetensors"
