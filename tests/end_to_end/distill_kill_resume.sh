#!/usr/bin/env bash
# hadal distill on a toy whose teacher is a recipe: killed with SIGKILL while the teacher trains, while it replies and
# while the student trains, and resumed, it ends with the same replies and the same student, byte for byte, as one that
# was left alone.
set -euo pipefail
root=$(cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd)
hadal=${HADAL_BINARY:-$root/build/hadal}
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
stop() { echo "$1"; shift; cat "$@"; exit 1; }

# The teacher answers 8 to one question of four, else 7; it is asked for sevens and eights.
for i in {0..39}; do
  echo '{"messages": [{"role": "user", "content": "'$i'?"}, {"role": "assistant", "reasoning_content": "I see", "content": "'$((i % 4 ? 7 : 8))'"}]}'
done >"$work/taught.jsonl"
for i in {100..179}; do echo '{"question": "'$i'?", "answer": "'$((i % 3 ? 7 : 8))'"}'; done >"$work/items.jsonl"
common='
[tokenizer]
vocab = 290
pre_tokenizer = "qwen2"
thinking = true
[model]
hidden = 48
layers = 2
heads = 2
context = 128
dense_inner = 96
kv_lora = 24
nope_dim = 12
rope_dim = 8
v_dim = 16
[run]
checkpoint_every_steps = 10
validate_every_steps = 0
'
stage='
mask = "assistant"
steps = 60
sequence_length = 64
batch_tokens = 512
micro_batch_tokens = 512
matrix_lr = 0.02
other_lr = 0.01
'
cat >"$work/teacher.toml" <<END
name = "teacher"
output = "teacher"
$common
[[source]]
name = "taught"
kind = "chat"
path = "taught.jsonl"
validation = 0
[[stage]]
name = "teach"
sources = { taught = 1 }
$stage
END
cat >"$work/toy.toml" <<END
name = "toy"
output = "run"
[distill]
teacher = "teacher.toml"
tasks = { sevens = 1 }
items = 60
samples = 6
items_at_once = 2
max_thinking_tokens = 12
max_answer_tokens = 8
[[items]]
name = "sevens"
path = "items.jsonl"
$common
[[stage]]
name = "learn"
sources = { distilled = 1 }
$stage
END

run() { # FOLDER ARGUMENTS...
  local folder=$1; shift
  "$hadal" distill "$work/toy.toml" --output "$work/$folder" --json "$@" >"$work/$folder.json" 2>"$work/$folder.log"
}
kill_when() { # FOLDER WHAT: starts or resumes the run and kills it once WHAT is in its folder
  "$hadal" distill "$work/toy.toml" --output "$work/$1" --resume >"$work/$1.log" 2>&1 &
  local pid=$!
  until [[ -e $work/$1/$2 ]]; do kill -0 $pid 2>/dev/null || stop "it ended before $2 was there" "$work/$1.log"; sleep 0.02; done
  kill -9 $pid
  wait $pid 2>/dev/null || true
}

run whole || stop "expected exit code 0" "$work/whole.log"
kill_when killed teacher/checkpoint-10
kill_when killed replies/00001.jsonl
kill_when killed student/checkpoint-10
[[ ! -e $work/killed/report.json ]] || stop "expected an unfinished run after the kill" "$work/killed.log"
run killed --resume || stop "expected a resumed run" "$work/killed.log"
for file in distilled.jsonl before.json replies/00000.jsonl replies/00029.jsonl student/model/model.safetensors; do
  cmp "$work/whole/$file" "$work/killed/$file"
done
for field in finished teacher items replies tokens kept before after student; do
  grep -q "\"$field\"" "$work/killed.json" || stop "expected \"$field\" in the report" "$work/killed.json"
done
