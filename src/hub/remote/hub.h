// The model hub (Hugging Face's API): parses sources, resolves revisions to commits, lists files. Endpoint and token
// are those of the hub's own tools: HF_ENDPOINT; HF_TOKEN, else the file HF_TOKEN_PATH, else HF_HOME/token, HF_HOME
// being
// ~/.cache/huggingface by default.
#pragma once

#include <string>
#include <vector>

#include "net/http.h"

namespace hadal {

struct HubAccess {
  std::string endpoint = "https://huggingface.co";
  std::string token;         // "": none
  std::string token_origin;  // where the token was found: for errors
  static HubAccess from_environment();
};

// What the user requests:
//   hf:owner/repo               a whole model
//   hf:owner/repo/x.gguf        one GGUF file (or all its splits)
//   hf:owner/repo:Q4_K_M        the GGUF file with this quantisation in its name
//   http://... https://...      one file; pages of the hub (/owner/repo, /owner/repo/blob/main/x.gguf) mean the above
struct HubSource {
  std::string url;           // a plain address; then the rest is empty
  std::string repo;          // "owner/repo"
  std::string file;          // "x.gguf" or ""
  std::string quantisation;  // "Q4_K_M" or ""
  std::string revision;      // from a page of the hub; else ""
};
HubSource parse_source(const std::string& text, const std::string& endpoint);

struct HubFile {
  std::string path;
  int64_t size = 0;
  std::string sha256;    // of files in large-file storage
  std::string git_sha1;  // of the others
};

class Hub {
 public:
  Hub(HubAccess access, const net::HttpOptions& options)
      : access_(std::move(access)), http_(options, {access_.token, access_.endpoint}) {}

  // The current commit of `revision` (a branch, a tag, a commit). Resolved first, so that all files are of one commit.
  std::string commit(const std::string& repo, const std::string& revision);

  // All files of that commit, sorted by path. Error for a path that would leave its folder.
  std::vector<HubFile> files(const std::string& repo, const std::string& commit);

  std::string file_url(const std::string& repo, const std::string& commit, const std::string& path) const;

  // What an unexpected status means for this repository, and what to do.
  std::string explain(const std::string& repo, const net::TransferReply& reply) const;

  net::HttpSession& http() { return http_; }

 private:
  HubAccess access_;
  net::HttpSession http_;
};

// Selects files of the hub's list: those of `source`, by `include` patterns (as in a shell) if given, else what running
// the model needs. Throws Error with the list if nothing or too much matches.
std::vector<HubFile> choose_files(const std::vector<HubFile>& files, const HubSource& source,
                                  const std::vector<std::string>& include);

// Error unless the path stays below the folder it is joined to, whatever its parts.
void check_relative_path(const std::string& path, const std::string& who);

}  // namespace hadal
