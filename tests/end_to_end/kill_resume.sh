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

# The killed run's folder was a model all the time, and a terminal that is closed (SIGHUP), with nobody reading, saves.
"$hadal" train "$root/recipes/smoke.toml" --output "$work/hung" 2> >(head -c 1 >/dev/null) &
pid=$!
until compgen -G "$work/hung/checkpoint-*" >/dev/null; do kill -0 $pid; sleep 0.1; done
kill -HUP $pid; kill -HUP $pid 2>/dev/null || true
code=0; wait $pid || code=$?
[[ $code == 3 ]] || { echo "expected exit code 3 after SIGHUP, found $code"; exit 1; }
newest=$(compgen -G "$work/hung/checkpoint-*" | sort -V | tail -1)
for model in "$work/hung" "$work/hung/model" "$newest"; do
  "$hadal" generate --model "$model" --prompt "Once" --max-tokens 2 --temperature 0 >/dev/null 2>"$work/generate.log" || { cat "$work/generate.log"; exit 1; }
done

# SIGTERM ends with 3 and an unfinished report, --max-steps with 0 and one, and what SIGTERM stopped ends with the same
# model as a run that was left alone.
"$hadal" train "$root/recipes/smoke.toml" --output "$work/stopped" --json >"$work/stopped.json" 2>"$work/stopped.log" &
pid=$!
until [[ -s $work/stopped/metrics.jsonl ]]; do kill -0 $pid || { cat "$work/stopped.log"; exit 1; }; sleep 0.1; done
kill -TERM $pid
code=0; wait $pid || code=$?
[[ $code == 3 ]] || { echo "expected exit code 3 after SIGTERM, found $code"; cat "$work/stopped.log"; exit 1; }
grep -q '"finished": *false' "$work/stopped.json" || { echo "expected an unfinished report"; cat "$work/stopped.json"; exit 1; }
"$hadal" train "$root/recipes/smoke.toml" --output "$work/limited" --max-steps 3 --json >"$work/limited.json" 2>/dev/null ||
  { echo "expected exit code 0 after --max-steps"; exit 1; }
grep -q '"finished": *false' "$work/limited.json" || { echo "expected an unfinished report"; cat "$work/limited.json"; exit 1; }
"$hadal" train "$root/recipes/smoke.toml" --output "$work/stopped" --resume --json >"$work/stopped.json" 2>"$work/stopped.log" || { cat "$work/stopped.log"; exit 1; }
grep -q '"finished": *true' "$work/stopped.json" || { echo "expected a finished report"; cat "$work/stopped.json"; exit 1; }
cmp "$work/whole/model/model.safetensors" "$work/stopped/model/model.safetensors"

"$hadal" train "$root/recipes/smoke.toml" --output "$work/closed" --max-steps 2 >&- 2>&- || { echo "expected a run without standard streams"; exit 1; }
if grep -q "validation" "$work"/closed/lock; then echo "log lines were written into a file of the run"; exit 1; fi
