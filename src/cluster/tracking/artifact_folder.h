// The files that a run logged: the folder `artifacts` of its own folder, in which the run may write too. No name leads
// out of it: a path has neither .. nor percent codes, and each part is opened by itself and must be no link, so that
// what was checked is what is used, whoever changes the folder meanwhile. MlflowError for what a client did, Error for
// what the system did.
#pragma once

#include <cstdint>
#include <functional>
#include <string>
#include <string_view>
#include <vector>

#include "base/files.h"

namespace hadal::cluster {

using ArtifactPath = std::vector<std::string>;  // its parts; none: the folder itself
ArtifactPath artifact_path(std::string_view text);

class ArtifactFolder {
 public:
  // Where `make`, the run's folder is made when something is written.
  ArtifactFolder(Path run_folder, bool make) : run_folder_(std::move(run_folder)), make_(make) {}

  struct Entry {
    std::string name;
    bool is_folder = false;
    int64_t bytes = 0;
  };
  std::vector<Entry> list(const ArtifactPath& path) const;  // by name; none where no such folder is

  // The file's content in pieces, "" at its end; its file stays open as long as the function lives.
  std::function<std::string()> read(const ArtifactPath& path) const;

  // Whole or not at all.
  void write(const ArtifactPath& path, const std::function<std::string()>& pieces) const;

  void remove(const ArtifactPath& path) const;  // a file, or a folder with all that is in it

 private:
  Path run_folder_;
  bool make_;
};

}  // namespace hadal::cluster
