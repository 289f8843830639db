#!/usr/bin/env bash
# The reasoner in models/ thinks, and what its card says of products and of the search for three numbers holds: on 40 held-out
# items each, with room for chance and for the last bits of other processors.
set -euo pipefail
root=$(cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd)
hadal=${HADAL_BINARY:-$root/build/hadal}
model=$root/models/reasoner

reply=$(echo "Make 38 from 19 36 55." | "$hadal" chat --model "$model" --temperature 0 2>/dev/null)
[[ $reply == "<think>"*"</think>"* ]] || { echo "expected thoughts before the answer, found: $reply"; exit 1; }

"$hadal" eval --model "$model" --task reason --make multiplication44=40 --make countdown3=40 --parallel 40 --json 2>/dev/null |
  python3 -c '
import json, sys
found = {kind: result["pass@1"] for kind, result in json.load(sys.stdin)["by_task"].items()}
print(found)
sys.exit(found["multiplication44"] < 0.85 or found["countdown3"] < 0.5)'
