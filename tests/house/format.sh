#!/usr/bin/env bash
# Every C++ file as .clang-format says. Versions differ in taste: ours is Debian 12's, 14; beside another the test is skipped.
# To format a change: clang-format -i FILE...
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/../.."
format=$(command -v clang-format-14 || command -v clang-format || true)
if [[ -z $format ]] || ! "$format" --version | grep -q 'version 14\.'; then
  echo "skipped: clang-format 14 is not installed"
  exit 77
fi
find src tests bench cmake \( -name node_modules -o -name '.*' \) -prune -o \( -name '*.cc' -o -name '*.h' \) -print0 |
  xargs -0 -n 50 "$format" --dry-run -Werror
