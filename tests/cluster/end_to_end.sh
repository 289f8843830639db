#!/usr/bin/env bash
# A cluster on one machine as somebody meets it: the first submission starts the daemon; a run of recipes/smoke.toml that
# stops at its budget and one that is suspended by hand end with the model, byte for byte, of one that never stopped.
set -euo pipefail
root=$(cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd)
hadal=${HADAL_BINARY:-$root/build/hadal}
work=$(mktemp -d)
export HADAL_CLUSTER=$work/cluster HADAL_THREADS=1
daemon=
cleanup() {
  local code=$?
  for run in $("$hadal" idea list --json 2>/dev/null | grep -o '"idea": *"[^"]*"' | cut -d'"' -f4); do
    for id in $("$hadal" idea show "$run" --json 2>/dev/null | grep -o '"run": *"r[0-9]*"' | cut -d'"' -f4 | sort -u); do
      "$hadal" idea stop "$id" --why "the test is over" >/dev/null 2>&1 || true
    done
  done
  if [[ -n $daemon ]]; then kill "$daemon" 2>/dev/null || true; fi
  if ((code)); then tail -n 20 "$work"/cluster/daemon.log 2>/dev/null || true; fi
  for _ in $(seq 50); do rm -rf "$work" 2>/dev/null && break; sleep 0.1; done
}
trap cleanup EXIT
fail() { echo "expected $1"; exit 1; }
# The first text or number of a key in a document of JSON.
value() { grep -o "\"$1\": *[^,}]*" | head -1 | sed 's/^[^:]*: *//; s/^"//; s/"$//'; }
state() { "$hadal" idea show "$1" --json | value state; }
until_state() { # RUN STATE
  for _ in $(seq 600); do
    [[ $(state "$1") == "$2" ]] && return
    sleep 0.1
  done
  "$hadal" idea show "$1"
  fail "$1 to be $2"
}
refused() { # WORDS COMMAND...: exit code 1, and the words on standard error
  local words=$1 code=0
  shift
  "$@" >/dev/null 2>"$work/refused" || code=$?
  [[ $code == 1 ]] || fail "exit code 1 of $*, found $code"
  grep -q -- "$words" "$work/refused" || { cat "$work/refused"; fail "\"$words\" of $*"; }
}

mkdir "$HADAL_CLUSTER"
printf 'first_tokens = 12288\nmin_run_s = 0\ngrace_s = 30\n' >"$HADAL_CLUSTER/policy.toml"
sed 's/^steps = .*/steps = 15/; s/^checkpoint_every_steps.*/checkpoint_every_steps = 5/' "$root/recipes/smoke.toml" >"$work/smoke.toml"
mkdir "$work/data" && cp "$root"/recipes/data/{smoke_text,persona}.jsonl "$work/data"

# What a recipe says before it runs; and an attempt that was overtaken, which writes nothing.
sed 's/^matrix_lr.*/matrix_lr = 0.5/; s/^name = "smoke"/name = "other"/' "$work/smoke.toml" >"$work/other.toml"
"$hadal" train "$work/smoke.toml" --check --json >"$work/check"
[[ $(value tokens <"$work/check") == 30720 && -n $(value held_out <"$work/check") ]] || { cat "$work/check"; fail "30720 tokens"; }
[[ $("$hadal" train "$work/other.toml" --check --json | value held_out) == "$(value held_out <"$work/check")" ]] ||
  fail "the same texts to be held out"
mkdir "$work/overtaken" && echo 2 >"$work/overtaken/attempt"
refused "another one has taken the run over" env HADAL_ATTEMPT=1 HADAL_RUN_DIR="$work/overtaken" \
  "$hadal" train "$work/smoke.toml" --output "$work/overtaken"
if compgen -G "$work/overtaken/checkpoint-*" >/dev/null || [[ -s $work/overtaken/metrics.jsonl ]]; then fail "nothing of an older attempt"; fi

# Only a submission starts a daemon; the others say that none is there.
refused "cluster serve" "$hadal" idea list
refused "cluster serve" "$hadal" cluster status

"$hadal" train "$work/smoke.toml" --output "$work/whole" >"$work/whole.log" 2>&1 &
whole=$!
"$hadal" idea submit "$work/smoke.toml" --idea one --why "to see" --json >"$work/one" 2>"$work/said" ||
  { cat "$work/said"; fail "a submission"; }
grep -q "started one" "$work/said" || fail "a word of the daemon that was started"
daemon=$(grep -o 'process [0-9]*' "$work/said" | cut -d' ' -f2)
[[ $(value run <"$work/one") == r1 && $(value idea <"$work/one") == one ]] || { cat "$work/one"; fail "r1 of one"; }
"$hadal" idea submit "$work/smoke.toml" --idea two --json >"$work/two" 2>"$work/said"
[[ ! -s $work/said ]] || { cat "$work/said"; fail "the same daemon"; }

# One is suspended by hand as soon as it has begun, the other gets to its budget and waits there for it.
two=$HADAL_CLUSTER/runs/r2
for _ in $(seq 600); do [[ -s $two/metrics.jsonl ]] && break; sleep 0.05; done
"$hadal" idea suspend r2 --why "by hand" >/dev/null
until_state r2 suspended
until_state r1 paused
grep -q '"validation/text/loss"' "$HADAL_CLUSTER/runs/r1/metrics.jsonl" || fail "a validation at the budget"
"$hadal" idea list --json | value rung | grep -qx 1 || fail "rung 1"
refused "paused" "$hadal" idea resume r1
"$hadal" idea promote one --to 2 --why "it is good" >/dev/null
"$hadal" idea resume r2 --why "go on" >/dev/null
"$hadal" idea wait r1 r2 >"$work/waited" || { cat "$work/waited"; "$hadal" idea show r2; fail "both to be done"; }
wait $whole || { cat "$work/whole.log"; fail "the run of its own to end"; }
for run in r1 r2; do
  cmp "$work/whole/model/model.safetensors" "$HADAL_CLUSTER/runs/$run/model/model.safetensors" ||
    fail "$run to have the bits of a run that never stopped"
done
"$hadal" idea show r1 >"$work/shown"
grep -q "it is good" "$work/shown" || { cat "$work/shown"; fail "the lead's reason"; }
(($(wc -L <"$work/shown") <= 80)) || { cat "$work/shown"; fail "at most 80 columns"; }
"$hadal" idea compare r1 r2 >/dev/null

# Any command, its files, its log; stopped, which `wait` says.
echo 'echo "hello from $PWD"; echo "{\"step\": 1, \"loss\": 2.5}" >metrics.jsonl; sleep 600' >"$work/job.sh"
"$hadal" idea submit --idea three --with "$work/job.sh" --metric loss -- sh job.sh >/dev/null
until_state r3 running
for _ in $(seq 100); do "$hadal" idea log r3 | grep -q "hello from $HADAL_CLUSTER/runs/r3" && break; sleep 0.1; done
"$hadal" idea log r3 | grep -q "hello from" || fail "the log of r3"
"$hadal" idea stop r3 --why "enough" >/dev/null
code=0
"$hadal" idea wait r3 >/dev/null || code=$?
[[ $code == 1 ]] || fail "exit code 1 for a run that was stopped, found $code"

# Wrong input is refused at once, and leaves no run behind.
refused "unknown key" "$hadal" idea submit "$work/smoke.toml" --set optimizer.nonsense=1
refused "slots" "$hadal" idea submit --slots 99999 -- true
refused "no run r99" "$hadal" idea show r99
refused "no idea" "$hadal" idea show nobodys
refused "found no such file" "$hadal" idea submit "$work/gone.toml"
code=0
"$hadal" idea submit >/dev/null 2>&1 || code=$?
[[ $code == 2 ]] || fail "exit code 2 without a recipe, found $code"
[[ $("$hadal" cluster check --json | value runs) == 3 ]] || fail "three runs"
"$hadal" cluster check >/dev/null || { "$hadal" cluster check; fail "a sound cluster"; }
"$hadal" cluster ledger --by run --csv | grep -q '^r1,one,' || fail "a ledger"
"$hadal" cluster status >"$work/status"
(($(wc -L <"$work/status") <= 80)) || { cat "$work/status"; fail "at most 80 columns"; }

# As many bytes of files as are taken; one more is told before anything is sent.
truncate -s 48M "$work/large"
"$hadal" idea submit --idea large --with "$work/large" --json -- true >"$work/large.json" || fail "48 MiB to be taken"
cmp "$work/large" "$HADAL_CLUSTER/runs/$(value run <"$work/large.json")/large" || fail "the file that was sent"
"$hadal" idea wait "$(value run <"$work/large.json")" >/dev/null || fail "a run beside its large file"
truncate -s +1 "$work/large"
refused "at most 48 MiB" "$hadal" idea submit --idea large --with "$work/large" -- true

# Several workloads, however they are given.
jobs=$root/tests/cluster/data/pollux/workloads/1.0/workload
simulate() { "$hadal" cluster simulate --profiles "$root/tests/cluster/data/pollux/profiles" "$@" --json; }
simulate --workload "$jobs"-{1,2,3}.csv >"$work/together"
simulate --workload "$jobs"-1.csv --workload "$jobs"-{2,3}.csv >"$work/mixed"
simulate --workload "$jobs"-1.csv --workload "$jobs"-2.csv --workload="$jobs"-3.csv --nodes 16 >"$work/each"
[[ $(grep -o '"file"' "$work/together" | wc -l) == 3 ]] || { cat "$work/together"; fail "three workloads"; }
cmp "$work/together" "$work/mixed" && cmp "$work/together" "$work/each" || fail "the same of the same workloads"

# Over HTTP everything but /health wants a token, and who has no user of this machine may not submit.
url=$("$hadal" cluster status --json | value url)
answer() { # PATH HEADERS: the status
  exec 3<>"/dev/tcp/127.0.0.1/${url##*:}"
  printf 'GET %s HTTP/1.1\r\nHost: any.example\r\nConnection: close\r\n%b\r\n' "$1" "$2" >&3
  head -1 <&3 | cut -d' ' -f2
  exec 3>&-
}
[[ $(answer /health "") == 200 ]] || fail "/health to answer"
for path in /api/cluster/status /api/2.0/mlflow/experiments/search; do
  [[ $(answer $path "") == 401 ]] || fail "401 of $path without a token"
  [[ $(answer $path "Authorization: Bearer wrong\\r\\n") == 401 ]] || fail "401 of $path with a wrong token"
done
# Of one whom nobody knows, not a byte of the body is waited for.
exec 3<>"/dev/tcp/127.0.0.1/${url##*:}"
printf 'POST /api/cluster/submit HTTP/1.1\r\nHost: any.example\r\nContent-Length: 60000000\r\n\r\n' >&3
[[ $(head -1 <&3 | cut -d' ' -f2) == 401 ]] || fail "401 before the body"
exec 3>&-
token=$("$hadal" cluster user add ada --json | value token)
[[ $(answer /api/cluster/status "Authorization: Bearer $token\\r\\n") == 200 ]] || fail "200 with a token"
export HOME=$work
echo "$token" | HADAL_CLUSTER=$url "$hadal" cluster login >/dev/null
HADAL_CLUSTER=$url "$hadal" idea list --json | grep -q '"idea": *"one"' || fail "the ideas over HTTP"
HADAL_CLUSTER=$url refused "may only track" "$hadal" idea submit -- true

# A second daemon is refused by the first one's name; the next one after a kill has the address that runs and people know.
refused "another daemon serves this cluster: process $daemon" "$hadal" cluster serve --port 0
kill -9 "$daemon"
"$hadal" idea submit --idea three -- true 2>"$work/said" >/dev/null
daemon=$(grep -o 'process [0-9]*' "$work/said" | cut -d' ' -f2)
[[ $("$hadal" cluster status --json | value url) == "$url" ]] || fail "the address of the daemon before, $url"
