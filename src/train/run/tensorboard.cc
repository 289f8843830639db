#include "train/run/tensorboard.h"

#include <bit>
#include <cerrno>
#include <cstring>

#include "base/clock.h"
#include "base/error.h"
#include "base/hash.h"
#include "train/run_folder.h"

namespace hadal {
namespace {

// Protocol buffers: a key is field << 3 | wire type; 0 varint, 1 eight bytes, 2 length and bytes, 5 four bytes.
void put_varint(std::string& out, uint64_t value) {
  for (; value >= 128; value >>= 7) out += static_cast<char>(value | 128);
  out += static_cast<char>(value);
}

template <typename T>
void put_little_endian(std::string& out, T value) {
  for (size_t i = 0; i < sizeof value; ++i) out += static_cast<char>(static_cast<uint64_t>(value) >> (8 * i));
}

void put_bytes(std::string& out, int field, const std::string& bytes) {
  put_varint(out, static_cast<uint64_t>(field) << 3 | 2);
  put_varint(out, bytes.size());
  out += bytes;
}

void put_time(std::string& out, double wall_time_s) {
  put_varint(out, 1 << 3 | 1);  // Event.wall_time
  put_little_endian(out, std::bit_cast<uint64_t>(wall_time_s));
}

}  // namespace

std::string encode_event(double wall_time_s, int64_t step, const std::vector<std::pair<std::string, float>>& scalars) {
  std::string event, summary;
  put_time(event, wall_time_s);
  put_varint(event, 2 << 3 | 0);  // Event.step
  put_varint(event, static_cast<uint64_t>(step));
  for (const auto& [tag, number] : scalars) {
    std::string value;
    put_bytes(value, 1, tag);       // Summary.Value.tag
    put_varint(value, 2 << 3 | 5);  // Summary.Value.simple_value
    put_little_endian(value, std::bit_cast<uint32_t>(number));
    put_bytes(summary, 1, value);  // Summary.value
  }
  put_bytes(event, 5, summary);  // Event.summary
  return event;
}

std::string encode_file_version(double wall_time_s) {
  std::string event;
  put_time(event, wall_time_s);
  put_bytes(event, 3, "brain.Event:2");  // Event.file_version
  return event;
}

std::string tf_record(const std::string& payload) {
  auto masked = [](const std::string& bytes) {
    const uint32_t crc = crc32c(bytes.data(), bytes.size());
    return ((crc >> 15) | (crc << 17)) + 0xa282ead8u;
  };
  std::string length, out;
  put_little_endian(length, static_cast<uint64_t>(payload.size()));
  out = length;
  put_little_endian(out, masked(length));
  out += payload;
  put_little_endian(out, masked(payload));
  return out;
}

EventFile::EventFile(const Path& folder) {
  make_folder(folder);
  const double now = unix_seconds();
  path_ = folder / fmt::format("events.out.tfevents.{:.6f}.hadal", now);
  file_.reset(std::fopen(path_.c_str(), "wb"));
  if (!file_) fail("{}: cannot be written: {}", path_.string(), std::strerror(errno));
  const std::string record = tf_record(encode_file_version(now));
  std::fwrite(record.data(), 1, record.size(), file_.get());
  std::fflush(file_.get());
}

void EventFile::write(int64_t step, const std::vector<std::pair<std::string, float>>& scalars) {
  const std::string record = tf_record(encode_event(unix_seconds(), step, scalars));
  if (std::fwrite(record.data(), 1, record.size(), file_.get()) != record.size() || std::fflush(file_.get()) != 0) {
    fail("{}: cannot be written: {}", path_.string(), std::strerror(errno));
  }
}

}  // namespace hadal
