// One file from a server to the disk: resumed where it stopped, checked against what is known of it, and given its name
// only then. While it comes, the folder holds `NAME.part` and the note `NAME.part.json` (url, etag, size, sha256), by
// which a later call knows whether the bytes there are the beginning of the same file.
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
      {};  // what an unwelcome status means here, and what to do

  // Names the content, where the hub does; "" otherwise.
  const std::string& identity() const { return sha256.empty() ? git_sha1 : sha256; }
};

struct DownloadedFile {
  uint64_t bytes = 0;
  std::string sha256;
};

// `progress(bytes, total)`: how much is there of how much; total is -1 while it is not known.
using DownloadProgress = std::function<void(uint64_t, int64_t)>;

// Throws Error when it cannot be had whole and as announced. What came so far is kept when going on later may help
// (a lost connection, a full disk), and removed when it is not what was announced.
DownloadedFile download_file(net::HttpSession& http, const RemoteFile& file, const Path& path,
                             const DownloadProgress& progress = {});

// The first `count` bytes of a file (fewer where it ends before them), appended to `head`, which may hold the first of
// them already. Returns the size of the whole file; -1 where the server does not say.
int64_t download_head(net::HttpSession& http, const RemoteFile& file, uint64_t count, std::string& head);

// Bytes of an unfinished download of `path`; 0 when there is none.
uint64_t partial_bytes(const Path& path);

// "3.42 GB": for people.
std::string bytes_text(uint64_t bytes);

}  // namespace hadal
