#!/usr/bin/env bash
# recipes/distill_smoke.toml: the student of right replies solves held-out items that it did not solve before. Under ten
# minutes on two cores, most of them for its teacher and the student: ./test full.
set -euo pipefail
root=$(cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd)
hadal=${HADAL_BINARY:-$root/build/hadal}
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
"$hadal" distill "$root/recipes/distill_smoke.toml" --output "$work/run" --json >"$work/report.json" 2>"$work/log" || { tail -20 "$work/log"; exit 1; }
python3 - "$work/report.json" <<'END' || { cat "$work/report.json"; exit 1; }
import json, sys
report = json.load(open(sys.argv[1]))
before, after = (report[when]["countdown3"] for when in ("before", "after"))
print(f"pass@1 {before['pass@1']:.3f} -> {after['pass@1']:.3f}; {report['replies']['kept']} replies kept")
sys.exit(not (report["finished"] and after["pass@1"] > before["interval_95"][1]))
END
