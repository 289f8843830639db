// The replies of an evaluation, written to a file while they come, in the order of their questions. A write that fails
// ends the writing with a warning, never the evaluation.
#pragma once

#include <map>
#include <mutex>
#include <string>

namespace hadal {

class SamplesFile {
 public:
  // Opens it, and leaves what it holds until begin(); "" is no file. Throws Error when it cannot be written. `option`
  // named it, for messages.
  explicit SamplesFile(std::string path, std::string option = "--samples");
  ~SamplesFile();
  SamplesFile(const SamplesFile&) = delete;
  SamplesFile& operator=(const SamplesFile&) = delete;

  void begin();                              // the evaluation begins: what the file held is gone
  void add(size_t index, std::string line);  // from any thread; written as soon as all lines before it are
  void finish();                             // writes what still waits for lines that never came, and closes
  bool failed() const { return failed_; }    // after finish(): the file lacks replies

 private:
  void write(const std::string& line);
  void warn(int code);

  std::string path_, option_;
  int fd_ = -1;
  bool failed_ = false;
  std::mutex mutex_;
  size_t next_ = 0;
  std::map<size_t, std::string> waiting_;
};

}  // namespace hadal
