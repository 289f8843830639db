// Downloads one file: resumes where an earlier call stopped, checks size and hash, and renames the file only then.
// While it is incomplete, the folder has `NAME.part` and the note `NAME.part.json` (url, etag, size, sha256), from
// which a later call knows whether the bytes are the beginning of the same file.
#pragma once

#include <functional>
#include <string>

#include "base/files.h"
#include "net/http.h"

namespace hadal {

struct RemoteFile {
  std::string url;
  int64_t size = -1;     // -1: not known
  std::string sha256;    // "": not known
  std::string git_sha1;  // "": not known
  std::function<std::string(const net::TransferReply&)> explain =
      {};  // throws Error for an unexpected status: what it means here, and what to do

  // A hash that identifies the content, if the hub gives one; else "".
  const std::string& identity() const { return sha256.empty() ? git_sha1 : sha256; }
};

struct DownloadedFile {
  uint64_t bytes = 0;
  std::string sha256;
};

// `progress(bytes, total)`; total is -1 while it is unknown.
using DownloadProgress = std::function<void(uint64_t, int64_t)>;

// Throws Error if the file cannot be downloaded completely and as announced. What was received is kept if resuming may
// help (a lost connection, a full disk), and removed if it is not what was announced.
DownloadedFile download_file(net::HttpSession& http, const RemoteFile& file, const Path& path,
                             const DownloadProgress& progress = {});

// Extends `head`, which may have some of them already, to the first `count` bytes of a file (fewer if it is shorter).
// Returns the size of the whole file; -1 if the server does not tell.
int64_t download_head(net::HttpSession& http, const RemoteFile& file, uint64_t count, std::string& head);

// Bytes of an unfinished download of `path`; 0 if there is none.
uint64_t partial_bytes(const Path& path);

// "3.42 GB": for display.
std::string bytes_text(uint64_t bytes);

}  // namespace hadal
