// A file of a run's folder, opened for reading and safe from what its user may have put in its place.
#pragma once

#include <sys/types.h>

#include <cstdint>
#include <string>

#include "base/files.h"

namespace hadal::cluster {

class RunFile {
 public:
  RunFile(const Path& run_folder, const std::string& name);
  ~RunFile();
  RunFile(const RunFile&) = delete;
  RunFile& operator=(const RunFile&) = delete;
  bool is_open() const { return fd_ >= 0; }  // no: there is none, or what stands there is no file of the run's
  int fd() const { return fd_; }
  int64_t size() const;                                  // 0 where it is not open
  std::string read(int64_t offset, int64_t most) const;  // less at its end

 private:
  int fd_ = -1;
};

}  // namespace hadal::cluster
