// Small files of prices and scratch markets, for tests.
#pragma once

#include <string>
#include <vector>

#include "base/testing/scratch.h"
#include "market/import.h"

namespace hadal::market::test {

using hadal::test::error_of;
using hadal::test::ScratchFolder;

inline Path source_dir() { return HADAL_SOURCE_DIR; }

// A folder with files and a market "m" in it.
class MarketFolder {
 public:
  Path file(const std::string& name, std::string_view content) {
    const Path path = folder_ / name;
    std::filesystem::create_directories(path.parent_path());
    write_file_whole(path, content);
    return path;
  }
  std::string market() const { return (folder_.path() / "m").string(); }
  Path path() const { return folder_.path(); }
  ImportReport import(const std::vector<Path>& files, const ImportOptions& options = {}) {
    return import_files(market(), files, options);
  }
  ImportReport import(const std::string& name, std::string_view content, const ImportOptions& options = {}) {
    return import({file(name, content)}, options);
  }
  Market open() const { return Market::open(market()); }

 private:
  ScratchFolder folder_;
};

inline std::vector<Path> sample_files() {
  std::vector<Path> files;
  for (const char* name : {"drum", "fell", "kiln", "moor", "tarn"})
    files.push_back(source_dir() / "examples/market/sample/daily" / (std::string(name) + ".zip"));
  return files;
}

}  // namespace hadal::market::test
