// Scalars in TensorBoard's event files: TFRecords (length, masked CRC-32C, bytes, masked CRC-32C) of Event messages,
// encoded by hand (tensorflow/core/util/event.proto, tensorflow/core/framework/summary.proto).
#pragma once

#include <cstdio>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "base/files.h"

namespace hadal {

// Encodings, for the writer and its tests.
std::string encode_event(double wall_time_s, int64_t step, const std::vector<std::pair<std::string, float>>& scalars);
std::string encode_file_version(double wall_time_s);
std::string tf_record(const std::string& payload);

class EventFile {
 public:
  explicit EventFile(const Path& folder);  // a new events.out.tfevents.* file; Error when it cannot be made
  void write(int64_t step, const std::vector<std::pair<std::string, float>>& scalars);  // flushed

 private:
  std::unique_ptr<std::FILE, int (*)(std::FILE*)> file_{nullptr, &std::fclose};
  Path path_;
};

}  // namespace hadal
