// Rows of bench/results/*.csv: commit, machine, command and what was measured.
#pragma once

#include <array>
#include <cstdio>
#include <filesystem>
#include <fstream>
#include <string>

#include "base/error.h"

namespace hadal::bench {

// What a command prints, without the last line break; empty when it fails.
inline std::string output_of(const char* command) {
  std::string text;
  if (FILE* pipe = popen(command, "r")) {
    std::array<char, 256> part;
    while (fgets(part.data(), part.size(), pipe)) text += part.data();
    if (pclose(pipe) != 0) text.clear();
  }
  while (!text.empty() && text.back() == '\n') text.pop_back();
  return text;
}

// The short commit, with + when sources differ from it.
inline std::string commit() {
  return output_of("cd '" HADAL_SOURCE_DIR "' && git describe --always --abbrev=10 2>/dev/null; true") +
         (output_of("cd '" HADAL_SOURCE_DIR "' && git diff --quiet HEAD -- src bench 2>/dev/null && echo same").empty()
              ? "+"
              : "");
}

inline std::string cpu_model() {
  std::ifstream info("/proc/cpuinfo");
  for (std::string line; std::getline(info, line);)
    if (line.starts_with("model name")) return line.substr(line.find(':') + 2);
  return "unknown";
}

inline std::string command_line(int argc, char** argv) {
  std::string line = std::filesystem::path(argv[0]).filename();
  for (int i = 1; i < argc; ++i) line += std::string(" ") + argv[i];
  return line;
}

// Appends one row to bench/results/<name>.csv; writes the header when the file is new.
inline void append(const std::string& name, const std::string& header, const std::string& row) {
  const std::filesystem::path path = std::filesystem::path(HADAL_SOURCE_DIR) / "bench" / "results" / (name + ".csv");
  std::filesystem::create_directories(path.parent_path());
  const bool fresh = !std::filesystem::exists(path);
  std::ofstream out(path, std::ios::app);
  if (fresh) out << header << '\n';
  out << row << '\n';
  if (!out) fail("{}: expected to append a row, found that it cannot be written; check the folder", path.string());
}

}  // namespace hadal::bench
