#!/usr/bin/env bash
# hadal rl on a toy whose start is a recipe: killed with SIGKILL while the start trains and again between its steps, and
# resumed, it ends with the same model and the same roll-outs, byte for byte, as one that was left alone. SIGTERM leaves a
# checkpoint and exits with 3, --max-steps with 0.
set -euo pipefail
root=$(cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd)
hadal=${HADAL_BINARY:-$root/build/hadal}
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
stop() { echo "$1"; shift; cat "$@"; exit 1; }

cat >"$work/start.toml" <<'END'
name = "toy start"
output = "start"
[tokenizer]
vocab = 400
pre_tokenizer = "qwen2"
thinking = true
sources = { traces = 1 }
[model]
hidden = 48
layers = 2
heads = 2
context = 384
dense_inner = 96
kv_lora = 24
nope_dim = 12
rope_dim = 8
v_dim = 16
[run]
checkpoint_every_steps = 10
validation_tokens = 512
[[source]]
name = "traces"
kind = "reason"
documents = 300
max_thinking_bytes = 200
tasks = { countdown3 = 1 }
[[stage]]
name = "traces"
sources = { traces = 1 }
mask = "assistant"
sequence_length = 384
batch_tokens = 1536
steps = 40
matrix_lr = 0.01
END
cat >"$work/toy.toml" <<'END'
name = "toy"
output = "run"
start = "start.toml"
[run]
checkpoint_every_steps = 2
validate_every_steps = 4
[rl]
steps = 10
tasks = { countdown3 = 1 }
items = 6
samples = 6
max_thinking_tokens = 24
max_answer_tokens = 24
format_share = 0.5
development_items = 10
END

run() { # FOLDER ARGUMENTS...
  local folder=$1; shift
  "$hadal" rl "$work/toy.toml" --output "$work/$folder" --keep-rollouts --json "$@" >"$work/$folder.json" 2>"$work/$folder.log"
}
kill_when() { # FOLDER WHAT: starts or resumes the run and kills it once WHAT is in its folder
  "$hadal" rl "$work/toy.toml" --output "$work/$1" --keep-rollouts --resume >"$work/$1.log" 2>&1 &
  local pid=$!
  until [[ -e $work/$1/$2 ]]; do kill -0 $pid 2>/dev/null || stop "it ended before $2 was there" "$work/$1.log"; sleep 0.05; done
  kill -9 $pid
  wait $pid 2>/dev/null || true
}

run whole || stop "expected exit code 0" "$work/whole.log"
kill_when killed start/checkpoint-10
kill_when killed checkpoint-4
[[ ! -e $work/killed/report.json ]] || stop "expected an unfinished run after the kill" "$work/killed.log"
run killed --resume || stop "expected a resumed run" "$work/killed.log"
for file in model/model.safetensors start/model/model.safetensors before.json rollouts-0.jsonl rollouts-5.jsonl rollouts-9.jsonl; do
  cmp "$work/whole/$file" "$work/killed/$file"
done
for field in finished steps start model before after hours tokens; do
  grep -q "\"$field\"" "$work/killed.json" || stop "expected \"$field\" in the report" "$work/killed.json"
done

mkdir -p "$work/stopped"
cp -r "$work/whole/start" "$work/stopped/start"
"$hadal" rl "$work/toy.toml" --output "$work/stopped" --json >"$work/stopped.json" 2>"$work/stopped.log" &
pid=$!
until [[ -e $work/stopped/checkpoint-2 ]]; do kill -0 $pid || stop "it ended by itself" "$work/stopped.log"; sleep 0.05; done
kill -TERM $pid
code=0; wait $pid || code=$?
[[ $code == 3 ]] || stop "expected exit code 3 after SIGTERM, found $code" "$work/stopped.log"
grep -q '"finished": *false' "$work/stopped.json" || stop "expected an unfinished report" "$work/stopped.json"

mkdir -p "$work/limited"
cp -r "$work/whole/start" "$work/limited/start"
run limited --max-steps 2 || stop "expected exit code 0 after --max-steps" "$work/limited.log"
for step in 0 1 2; do [[ -e $work/limited/checkpoint-$step/state.json ]] || stop "expected checkpoint-$step" "$work/limited.log"; done
cmp "$work/whole/rollouts-1.jsonl" "$work/limited/rollouts-1.jsonl"
