// Downloads a model into a models folder. It gets its final name only when all its files are complete and checked;
// until then it is in `.NAME.partial`, where an interrupted pull resumes. `.NAME.source` beside the model names its
// repository.
#pragma once

#include <functional>
#include <string>
#include <vector>

#include "base/files.h"
#include "hub/remote/hub.h"

namespace hadal {

// Checks a model before its weights are downloaded, and throws Error if it cannot be used. Empty: no check.
struct PullJudge {
  std::function<void(const Path& folder)> folder;  // which has all files but the weights
  // Checks the beginning of a GGUF file of `file_bytes`; false: a longer beginning is needed.
  std::function<bool(const Path& head, uint64_t file_bytes)> gguf;
};

struct PullRequest {
  std::string source;                // hub/remote/hub.h, HubSource
  std::string name;                  // "": the repository's or the file's own
  std::string revision;              // "": "main"
  std::vector<std::string> include;  // patterns of the files to download; none: what running the model needs
  Path folder;                       // the models folder
  PullJudge judge = {};              // called unless `include` selects files
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
  uint64_t bytes = 0, started_with = 0;   // of the whole model; of an earlier pull
  int64_t total_bytes = -1;               // -1: unknown
};

PulledModel pull_model(const PullRequest& request, const HubAccess& access, const net::HttpOptions& options = {},
                       const std::function<void(const PullProgress&)>& progress = {});

}  // namespace hadal
