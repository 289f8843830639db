#!/usr/bin/env bash
# bench/research.sh [--no-model | MODEL]...   research over a replayed web: answers, support, refusals, cost
#
# QUESTIONS, WEB and FOLDER name the set: lines {id,question,kind,answers,support}, an archive, a folder of documents.
# Support recall@10: the share of keys that stand in the first ten quotes of a report.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
questions=${QUESTIONS:-tests/research/questions.jsonl}
web=${WEB:-tests/research/web.warc.gz}
folder=${FOLDER:-tests/research/folder}
hadal=${HADAL:-build/hadal}
out=$(mktemp -d)
trap 'rm -rf "$out"' EXIT
(($#)) || set -- --no-model

for model in "$@"; do
  who=(--model "$model")
  [[ $model == --no-model ]] && who=(--no-model)
  while IFS=$'\t' read -r id question; do
    folder_out="$out/$id"
    "$hadal" research "$question" "${who[@]}" --replay "$web" --sources "folder:$folder" --out "$folder_out" --json >/dev/null 2>"$out/error" ||
      { echo "$id: $(tail -1 "$out/error")" >&2; continue; }
    "$hadal" research verify "$folder_out" --json >"$folder_out/verdict.json" || echo "$id: does not verify" >&2
  done < <(python3 -c '
import json, sys
for line in open(sys.argv[1]):
    item = json.loads(line)
    print(item["id"] + "\t" + item["question"])' "$questions")
  python3 - "$questions" "$out" "$model" <<'PY'
import json, os, re, sys

def plain(text):
    for a, b in (("\u2019", "'"), ("\u2018", "'"), ("\u201c", '"'), ("\u201d", '"'), ("\u00ad", "")):
        text = text.replace(a, b)
    return re.sub(r"\s+", " ", text).casefold()

items = [json.loads(line) for line in open(sys.argv[1])]
keys = hit = right = asked = none = said_so = unfound = rejected = tokens = verified = reports = 0
seconds, worst = 0.0, []
for item in items:
    folder = os.path.join(sys.argv[2], item["id"])
    try:
        report = json.load(open(os.path.join(folder, "report.json")))
        verified += json.load(open(os.path.join(folder, "verdict.json")))["ok"]
    except FileNotFoundError:
        continue
    reports += 1
    quotes = [c["quote"] for s in report["sections"] for claim in s["claims"] for c in claim["cites"]][:10]
    quotes = [plain(" ".join(q.split()[:100])) for q in quotes]
    rejected += report["rejected"]
    tokens += report["cost"]["tokens_in"] + report["cost"]["tokens_out"]
    seconds += report["cost"]["seconds"]
    if item["kind"] == "none":
        none += 1
        said_so += not report["found"]
        continue
    asked += 1
    unfound += not report["found"]
    answer = plain(report["answer"])
    right += all(any(plain(form) in answer for form in forms) for forms in item["answers"])
    for support in item["support"]:
        keys += 1
        held = any(plain(support["key"]) in q for q in quotes)
        hit += held
        if not held:
            worst.append(f"{item['id']}: {support['key']}")
print(f"{sys.argv[3]}: {reports} reports, {verified} verify; answers right {right}/{asked}; support recall@10 {hit}/{keys} = "
      f"{hit / max(keys, 1):.3f}; answerable called unfound {unfound}/{asked}; unanswerable called so {said_so}/{none}; "
      f"sentences rejected {rejected}; tokens {tokens}; seconds {seconds:.1f}")
if os.environ.get("SHOW"):
    print("\n".join(worst))
PY
  rm -rf "${out:?}"/*
done
