#!/usr/bin/env bash
# The card of the default model says of its weights what the program says of them: parameters, vocabulary, and the held-out
# losses whose data lie in this repository.
set -euo pipefail
root=$(cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd)
hadal=${HADAL_BINARY:-$root/build/hadal}
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
card=$root/models/pilot/README.md

expect() { grep -qF -- "$1" "$2" || { echo "$2: expected \"$1\", which is what the program says"; exit 1; }; }
# Cell 2 of the row of the card that begins with the source's name.
stated() { sed -n "s/^| $1[^|]*| *\([0-9.]*\) |.*/\1/p" "$card" | head -1; }

"$hadal" inspect "$root/models/pilot" --json >"$work/inspect.json" 2>"$work/log" || { cat "$work/log"; exit 1; }
number() { grep -o "\"$1\": *[0-9]*" "$work/inspect.json" | head -1 | grep -o '[0-9]*$'; }
total=$(number parameters) active=$(number active_parameters)
expect "$(printf '%d.%02dM, of which %d.%02dM are active' $(((total + 5000) / 1000000)) $(((total + 5000) % 1000000 / 10000)) \
  $(((active + 5000) / 1000000)) $(((active + 5000) % 1000000 / 10000)))" "$card"
"$hadal" inspect "$root/models/pilot" >"$work/inspect.txt" 2>/dev/null
while IFS= read -r line; do expect "$line" "$root/README.md"; done < <(grep -v '^path' "$work/inspect.txt")

"$hadal" train "$root/tests/end_to_end/pilot_card.toml" --measure "$root/models/pilot" --output "$work/run" --json >"$work/measured.json" 2>"$work/log" ||
  { cat "$work/log"; exit 1; }
for source in persona sums; do
  loss=$(grep -o "\"$source\":{\"loss\":[0-9.e-]*" "$work/measured.json" | sed 's/.*://')
  awk -v a="$loss" -v b="$(stated $source)" 'BEGIN { d = a - b; exit !(a != "" && b != "" && d < 0.002 && d > -0.002) }' ||
    { echo "$card: $source: expected a loss of $loss, which is what the weights give, found $(stated $source)"; exit 1; }
done
