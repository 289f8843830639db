// What the local backend remembers of each supervisor that it started: a file NAME.json in its folder. It is written by
// the supervisor's own process before it becomes the supervisor, and by one alone for each name: whoever was killed
// when, what runs has a note.
#pragma once

#include <sys/types.h>

#include <map>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "base/files.h"

namespace hadal::cluster {

struct LocalNote {
  std::string name;
  Path run_folder;
  int attempt = 0;
  std::vector<int> cores = {};  // that it is bound to
  Path group = {};              // the control group that it was given (supervisor/memory_group.h), or none
  std::string boot;
  pid_t process = 0;
  uint64_t start = 0;
};

Path note_file(const Path& folder, const std::string& name);

// The notes of a folder. They never change: each is read once.
class LocalNotes {
 public:
  explicit LocalNotes(Path folder) : folder_(std::move(folder)) {}
  const Path& folder() const { return folder_; }
  const std::map<std::string, LocalNote>&
  read();  // by name; one that cannot be read is logged and left out. Error: the folder is gone
  void remove(const std::string& name);

 private:
  Path folder_;
  std::map<std::string, LocalNote> notes_;
  std::set<std::string> damaged_;  // files
};

// The note's text but for what only its process knows. That process, in which nothing may be allocated any more, puts
// it into its place with this; returns 0, EEXIST where the name has a note, or another errno.
std::string note_beginning(const LocalNote& note);
int write_own_note(const char* temporary, const char* file, const char* beginning);

}  // namespace hadal::cluster
