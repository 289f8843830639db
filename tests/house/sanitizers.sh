#!/usr/bin/env bash
# sanitizers.sh asan|tsan [MODULE...]: builds the preset and runs the modules' unit tests in it. Threads are what tsan looks
# at, so by default it runs only the modules that have them.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/../.."
source cmake/setup.sh

preset=${1:?expected asan or tsan}
case $preset in
  asan) modules=(base hub kernels ops formats tokenizer model engine train assistant server cli parity) ;;
  tsan) modules=(base engine server) ;;
  *) die "expected asan or tsan, found $preset" ;;
esac
(($# > 1)) && modules=("${@:2}")
export ASAN_OPTIONS=detect_leaks=1:strict_string_checks=1 UBSAN_OPTIONS=print_stacktrace=1

cmake --preset "$preset" >/dev/null
targets=()
for module in "${modules[@]}"; do
  if compgen -G "*/$module/*_test.cc" >/dev/null; then targets+=("${module}_test"); fi
done
ninja -C "build-$preset" -j "$(num_jobs)" "${targets[@]}"

pattern=$(IFS='|'; echo "${targets[*]}")
ctest --test-dir "build-$preset" --output-on-failure --no-tests=error -R "^($pattern)\$"
