#!/usr/bin/env bash
# recipes/reason_smoke.toml with each of two seeds: greedy pass@1 on held-out items starts at 30% or more and rises by at
# least 8 points. About 12 minutes each on two cores: ./test full.
set -euo pipefail
root=$(cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd)
hadal=${HADAL_BINARY:-$root/build/hadal}
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
ln -s "$root/recipes/reason_smoke_start.toml" "$work/reason_smoke_start.toml"
for seed in 1 2; do
  sed "s/^seed = .*/seed = $seed/" "$root/recipes/reason_smoke.toml" >"$work/smoke.toml"
  mkdir -p "$work/run-$seed"
  [[ $seed == 1 ]] || cp -r "$work/run-1/start" "$work/run-$seed/start"
  "$hadal" rl "$work/smoke.toml" --output "$work/run-$seed" --json >"$work/report.json" 2>"$work/log" || { tail -20 "$work/log"; exit 1; }
  python3 - "$work/report.json" <<'END' || { cat "$work/report.json"; exit 1; }
import json, sys
report = json.load(open(sys.argv[1]))
before, after = (report[when]["countdown3"]["pass@1"] for when in ("before", "after"))
print(f"pass@1 {before:.3f} -> {after:.3f}")
sys.exit(not (report["finished"] and before >= 0.3 and after >= before + 0.08))
END
done
