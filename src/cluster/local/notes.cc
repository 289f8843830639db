#include "cluster/local/notes.h"

#include <fcntl.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstdio>
#include <cstring>

#include "base/error.h"
#include "base/json.h"
#include "base/log.h"

namespace hadal::cluster {

Path note_file(const Path& folder, const std::string& name) { return folder / (name + ".json"); }

namespace {

LocalNote read_note(const Path& file) {
  const Json json = parse_json(read_file(file, 1 << 20), file.string());
  try {
    LocalNote note;
    note.name = json.at("name").get<std::string>();
    note.run_folder = json.at("run_folder").get<std::string>();
    note.attempt = json.at("attempt").get<int>();
    note.cores = json.at("cores").get<std::vector<int>>();
    note.group = json.at("group").get<std::string>();
    note.boot = json.at("boot").get<std::string>();
    note.process = json.at("process").get<pid_t>();
    note.start = json.at("start").get<uint64_t>();
    if (note_file(file.parent_path(), note.name) != file) fail("{}: expected the note of this name", file.string());
    return note;
  } catch (const nlohmann::json::exception& error) {
    fail("{}: expected a note of what was started, found another: {}", file.string(), plain_words(error));
  }
}

}  // namespace

const std::map<std::string, LocalNote>& LocalNotes::read() {
  std::map<std::string, LocalNote> now;
  std::error_code error;
  const std::filesystem::directory_iterator entries(folder_, error);
  if (error)
    fail("{}: the notes of what runs cannot be read: {}; put the folder back", folder_.string(), error.message());
  for (const auto& entry : entries) {
    if (entry.path().extension() != ".json") continue;
    const std::string name = entry.path().stem().string();
    if (auto known = notes_.extract(name)) {
      now.insert(std::move(known));
      continue;
    }
    try {
      now[name] = read_note(entry.path());
    } catch (const Error& mistake) {
      if (damaged_.insert(name).second) log_warning("{}", mistake.what());
    }
  }
  return notes_ = std::move(now);
}

void LocalNotes::remove(const std::string& name) {
  std::error_code ignored;
  std::filesystem::remove(note_file(folder_, name), ignored);
}

std::string note_beginning(const LocalNote& note) {
  std::string text = dump_json(OrderedJson{{"name", note.name},
                                           {"run_folder", note.run_folder.string()},
                                           {"attempt", note.attempt},
                                           {"cores", note.cores},
                                           {"group", note.group.string()},
                                           {"boot", note.boot}});
  text.pop_back();  // the brace
  return text;
}

int write_own_note(const char* temporary, const char* file, const char* beginning) {
  // Field 22 of stat; no name of a process in it may deceive us, for it is our own program's.
  char stat[1024];
  const int source = ::open("/proc/self/stat", O_RDONLY | O_CLOEXEC);
  const ssize_t size = source < 0 ? -1 : ::read(source, stat, sizeof stat - 1);
  if (size <= 0) return errno != 0 ? errno : EIO;
  ::close(source);
  stat[size] = '\0';
  const char* at = std::strrchr(stat, ')');
  unsigned long long start = 0;
  if (at == nullptr ||
      std::sscanf(at + 1, " %*c %*d %*d %*d %*d %*d %*u %*u %*u %*u %*u %*u %*u %*d %*d %*d %*d %*d %*d %llu",
                  &start) != 1)
    return EIO;
  const int fd = ::open(temporary, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
  if (fd < 0) return errno;
  const bool written =
      ::dprintf(fd, "%s,\"process\":%d,\"start\":%llu}\n", beginning, ::getpid(), start) > 0 && ::fsync(fd) == 0;
  int reason = written ? 0 : errno;
  ::close(fd);
  if (reason == 0 && ::link(temporary, file) != 0) reason = errno;
  ::unlink(temporary);
  return reason;
}

}  // namespace hadal::cluster
