// What the fuzzers share: files that hold the input, and the rule that bad input is a hadal::Error. Anything else that
// flies, aborts, hangs or takes much memory is a find. HADAL_FUZZ_SHOW=1 prints the errors: `build-fuzz/fuzz_TARGET
// FILE`.
#pragma once

#include <unistd.h>

#include <cstdint>
#include <cstdlib>
#include <fstream>
#include <string_view>

#include "base/error.h"
#include "base/files.h"

namespace hadal::fuzz {

// A folder of this process in memory, where the system has such a file system.
inline const Path& folder() {
  static const Path path = [] {
    const Path root =
        std::filesystem::is_directory("/dev/shm") ? Path("/dev/shm") : std::filesystem::temp_directory_path();
    const Path made = root / ("hadal_fuzz_" + std::to_string(::getpid()));
    std::filesystem::create_directories(made);
    std::atexit([] { std::filesystem::remove_all(folder()); });
    return made;
  }();
  return path;
}

inline Path file(const char* name, std::string_view content) {
  std::ofstream(folder() / name, std::ios::binary) << content;
  return folder() / name;
}

template <typename F>
void expect_error_or_success(F&& f) {
  try {
    f();
  } catch (const Error& e) {
    static const bool show = std::getenv("HADAL_FUZZ_SHOW") != nullptr;
    if (show) fmt::print(stderr, "{}\n", e.what());
  }
}

}  // namespace hadal::fuzz

// The body of a fuzzer over `std::string_view input`.
#define HADAL_FUZZER(input)                                                 \
  static void run_fuzzer(std::string_view input);                           \
  extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) { \
    const std::string_view text(reinterpret_cast<const char*>(data), size); \
    hadal::fuzz::expect_error_or_success([&] { run_fuzzer(text); });        \
    return 0;                                                               \
  }                                                                         \
  static void run_fuzzer(std::string_view input)
