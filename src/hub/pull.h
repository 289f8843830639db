// Fetches a model into a models folder: all its files, checked, and under its final name only when it is whole. Until
// then it grows in `.NAME.partial`; a pull that was cut off goes on there. `.NAME.source` beside the model says which
// repository it is from.
#pragma once

#include <functional>
#include <string>
#include <vector>

#include "base/files.h"
#include "hub/remote/hub.h"

namespace hadal {

// Looks at a model before its weights are fetched, and throws Error where fetching them would be in vain. Empty:
// anything is fetched.
struct PullJudge {
  std::function<void(const Path& folder)> folder;  // which holds all files but the weights
  // The beginning of a GGUF file of `file_bytes`; false: more of it is needed.
  std::function<bool(const Path& head, uint64_t file_bytes)> gguf;
};

struct PullRequest {
  std::string source;                // hub/remote/hub.h, HubSource
  std::string name;                  // "": the repository's or the file's own
  std::string revision;              // "": "main"
  std::vector<std::string> include;  // patterns of the files to take; none: what running the model needs
  Path folder;                       // the models folder
  PullJudge judge = {};              // asked unless `include` chooses files
};

struct PulledModel {
  struct File {
    std::string path;  // in the model's folder
    uint64_t bytes;
    std::string sha256;
  };
  std::string name;
  Path path;
  uint64_t bytes = 0;
  std::vector<File> files;
};

struct PullProgress {
  std::string name, file;
  size_t file_number = 0, num_files = 0;  // counted from 1
  uint64_t bytes = 0, started_with = 0;   // of the whole model; what an earlier pull had left
  int64_t total_bytes = -1;               // -1: not known
};

PulledModel pull_model(const PullRequest& request, const HubAccess& access, const net::HttpOptions& options = {},
                       const std::function<void(const PullProgress&)>& progress = {});

}  // namespace hadal
