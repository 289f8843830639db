#include "train/run_folder.h"

#include <fcntl.h>
#include <unistd.h>

#include <cerrno>
#include <cstdio>
#include <cstring>
#include <vector>

#include "base/error.h"
#include "base/log.h"

namespace hadal {
namespace {

// Names of folders that are being written or removed; what is found of them under the lock was left by a killed
// process.
constexpr const char *kWritten = "unfinished-", *kRemoved = "removed-";

constexpr double kFencedPatienceSeconds = 30;

// Only names that runs give: the folder may be somebody's home.
bool is_leftover(const std::string& name) {
  const auto rest = [&](std::string_view prefix) { return name.starts_with(prefix) ? name.substr(prefix.size()) : ""; };
  const std::string written = rest(kWritten), removed = rest(kRemoved);
  const auto number = [](const std::string& text) {
    return !text.empty() && text.find_first_not_of("0123456789") == std::string::npos;
  };
  return written == "model" || number(written) || removed == "model" || removed.starts_with("checkpoint-") ||
         name == "metrics.jsonl.tmp" || name == "samples.md.tmp" || name == "before.json.tmp" ||
         (name.starts_with("rollouts-") && name.ends_with(".jsonl.tmp")) || name == "report.json.tmp" ||
         name == "recipe_key.tmp" || name == "tokenizer.json.tmp" || name == "tokenizer_config.json.tmp" ||
         name.ends_with(".tokens.tmp");
}

void clear_leftovers(const Path& folder) {
  std::error_code ignored;
  std::vector<Path> left;
  for (const Path& place : {folder, folder / "cache", folder / "tokenizer"}) {
    for (const auto& entry : std::filesystem::directory_iterator(place, ignored))
      if (is_leftover(entry.path().filename().string())) left.push_back(entry.path());
  }
  for (const Path& path : left) {
    log_info("{}: left behind by a run that was killed, removed", path.string());
    std::filesystem::remove_all(path, ignored);
  }
}

}  // namespace

void make_folder(const Path& folder) {
  std::error_code failed, error;
  std::filesystem::create_directories(folder, failed);
  if (std::filesystem::is_directory(folder, error)) return;
  for (Path at = folder; !at.empty(); at = at.parent_path()) {
    if (std::filesystem::exists(at, error)) {
      if (!std::filesystem::is_directory(at, error))
        fail("{}: expected a folder, or a place for one, but {} is a file; remove it, or take another output",
             folder.string(), at.string());
      break;
    }
    if (at == at.parent_path()) break;
  }
  fail("{}: this folder cannot be made: {}; take an output that can be written", folder.string(), failed.message());
}

namespace {

const Path& made_folder(const Path& folder) {
  make_folder(folder);
  return folder;
}

}  // namespace

RunFolder::RunFolder(const Path& folder, bool fenced)
    : lock_(made_folder(folder), "another run is training in this folder",
            "wait until it has ended, stop it (it saves), or take another --output",
            fenced ? kFencedPatienceSeconds : 0, !fenced) {
  clear_leftovers(folder);
}

void sync_folder(const Path& folder) {
  const int fd = ::open(folder.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  if (fd < 0) fail("{}: cannot be opened: {}", folder.string(), std::strerror(errno));
  const int failed = ::fsync(fd), reason = errno;
  ::close(fd);
  if (failed != 0) fail("{}: cannot be forced to disk: {}", folder.string(), std::strerror(reason));
}

void remove_folder(const Path& folder) {
  std::error_code error;
  if (!std::filesystem::exists(folder, error)) return;
  const Path aside = folder.parent_path() / (kRemoved + folder.filename().string());
  std::filesystem::remove_all(aside, error);
  std::filesystem::rename(folder, aside, error);
  std::filesystem::remove_all(error ? folder : aside, error);
}

void replace_folder(const Path& target, const std::function<void(const Path&)>& fill) {
  const Path made = target.parent_path() / (kWritten + target.filename().string());
  std::error_code ignored;
  std::filesystem::remove_all(made, ignored);
  try {
    make_folder(made);
    fill(made);
    sync_folder(made);
    // Exchanged where the file system can, so that there is no moment without the folder.
    if (!std::filesystem::exists(target, ignored) ||
        ::renameat2(AT_FDCWD, made.c_str(), AT_FDCWD, target.c_str(), RENAME_EXCHANGE) != 0) {
      remove_folder(target);
      std::error_code error;
      std::filesystem::rename(made, target, error);
      if (error) fail("{}: cannot take this name: {}", target.string(), error.message());
    }
    sync_folder(target.parent_path());
  } catch (...) {
    std::filesystem::remove_all(made, ignored);
    throw;
  }
  std::filesystem::remove_all(made, ignored);  // the old one, where they were exchanged
}

}  // namespace hadal
