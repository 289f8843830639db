// The folder of a run while a process trains in it: made, locked, and cleared of what a killed process left half done.
#pragma once

#include <functional>

#include "base/error.h"
#include "base/files.h"
#include "base/folder_lock.h"

namespace hadal {

// Makes the folder and those above it. Error where it cannot be made, or where a file stands in its place.
void make_folder(const Path& folder);

// One run, one folder: makes it and holds its lock. Error naming who trains there, when another process does; and where
// the folder cannot be made or written. `fenced`: an older attempt of the run may still be there and will publish
// nothing (TrainerOptions::may_publish); it is given half a minute to see that and end.
class RunFolder {
 public:
  explicit RunFolder(const Path& folder, bool fenced = false);

 private:
  FolderLock lock_;
};

// Calls job() while the folder is held. What the file system refuses is an Error that names the path.
template <typename Job>
auto in_run_folder(const Path& folder, bool fenced, Job&& job) {
  const RunFolder held(folder, fenced);
  try {
    return job();
  } catch (const std::filesystem::filesystem_error& error) {
    fail("{}: {}", error.path1().string(), error.code().message());
  }
}

// Calls fill() with a new empty folder beside `target`, which then takes its place at once: a reader finds the old
// folder or the new one, each whole. Where fill() throws, the old one stays.
void replace_folder(const Path& target, const std::function<void(const Path&)>& fill);

// Removes a folder that readers look for by name: renamed first, so that one half removed is never taken for a whole
// one.
void remove_folder(const Path& folder);

// Forces the names in a folder to disk.
void sync_folder(const Path& folder);

}  // namespace hadal
