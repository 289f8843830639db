#!/usr/bin/env bash
# run.sh SECONDS [TARGET...]: builds the fuzzers with clang and sanitizers, and runs each for so many seconds, beginning
# with the seeds in tests/fuzz/corpus and what earlier runs found (build-fuzz/corpus). A find ends it: the input lies in
# build-fuzz/finds, and `build-fuzz/fuzz_TARGET FILE` repeats it. Exit status 77: skipped, clang is not installed.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/../.."
source cmake/setup.sh

seconds=${1:?expected seconds for each target}
command -v clang++ >/dev/null || { say "skipped: clang is not installed (apt-get install clang)"; exit 77; }
echo 'extern "C" int LLVMFuzzerTestOneInput(const char*, unsigned long) { return 0; }' |
  clang++ -fsanitize=fuzzer,address,undefined -x c++ - -o /dev/null 2>/dev/null ||
  { say "skipped: clang is here without libFuzzer and its sanitizers (apt-get install libclang-rt-dev)"; exit 77; }

mkdir -p build-fuzz
cmake --preset fuzz >build-fuzz/configure.log || die "CMake could not configure build-fuzz/ (its message is above)"
ninja -C build-fuzz -j "$(num_jobs)" fuzzers >&2

targets=()
for program in build-fuzz/fuzz_*; do targets+=("${program#build-fuzz/fuzz_}"); done
(($# > 1)) && targets=("${@:2}")
export ASAN_OPTIONS=detect_leaks=1:allocator_may_return_null=0 UBSAN_OPTIONS=print_stacktrace=1:halt_on_error=1

# One fuzzer; a find goes to standard error, with the log's end.
fuzz() {
  local target=$1 log=build-fuzz/$1.log
  mkdir -p "build-fuzz/corpus/$target" build-fuzz/finds
  local options=(-max_total_time="$seconds" -timeout=20 -rss_limit_mb=2048 -malloc_limit_mb=1024 -max_len=16384
    -print_final_stats=1 -artifact_prefix="build-fuzz/finds/$target-")
  [[ -f tests/fuzz/$target.dict ]] && options+=(-dict="tests/fuzz/$target.dict")
  "build-fuzz/fuzz_$target" "${options[@]}" "build-fuzz/corpus/$target" "tests/fuzz/corpus/$target" >"$log" 2>&1 ||
    { tail -n 60 "$log" >&2; die "the fuzzer $target found something; its input is in build-fuzz/finds (log: $log)"; }
  say "$target: $(sed -n 's/^stat::number_of_executed_units: *//p' "$log") inputs, nothing found"
}

# As many at once as there are cores.
status=0
for target in "${targets[@]}"; do
  while (($(jobs -rp | wc -l) >= $(nproc))); do wait -n || status=1; done
  (fuzz "$target") &
done
while [[ -n $(jobs -p) ]]; do wait -n || { code=$?; ((code == 127)) && break; status=1; }; done
exit "$status"
