#include "market/forecast/checkpoint.h"

#include <cstring>

#include "base/hash.h"

namespace hadal::market::forecast {
namespace {

constexpr char kMagic[] = "hadal window 1\n";

template <typename T>
void put(std::string& bytes, const T& value) {
  bytes.append(reinterpret_cast<const char*>(&value), sizeof value);
}

class Reader {
 public:
  explicit Reader(std::string_view bytes) : bytes_(bytes) {}
  template <typename T>
  bool get(T& value) {
    if (bytes_.size() < sizeof value) return false;
    std::memcpy(&value, bytes_.data(), sizeof value);
    bytes_.remove_prefix(sizeof value);
    return true;
  }
  bool get(std::vector<double>& values, uint64_t count) {
    if (count > bytes_.size() / sizeof(double)) return false;
    values.resize(count);
    std::memcpy(values.data(), bytes_.data(), count * sizeof(double));
    bytes_.remove_prefix(count * sizeof(double));
    return true;
  }
  bool empty() const { return bytes_.empty(); }

 private:
  std::string_view bytes_;
};

bool read_body(Reader reader, Checkpoint& c) {
  uint64_t num_seeds = 0, count = 0;
  if (!reader.get(c.squared) || !reader.get(c.absolute) || !reader.get(c.compared) || !reader.get(c.rows)) return false;
  if (!reader.get(c.purged) || !reader.get(num_seeds) || num_seeds > 1'000'000) return false;
  for (uint64_t seed = 0; seed < num_seeds; ++seed) {
    if (!reader.get(count) || !reader.get(c.forecasts.emplace_back(), count)) return false;
  }
  return reader.empty();
}

}  // namespace

void save_checkpoint(const Path& file, const std::string& key, const Checkpoint& c) {
  std::string body;
  put(body, c.squared), put(body, c.absolute), put(body, c.compared), put(body, c.rows), put(body, c.purged);
  put(body, uint64_t{c.forecasts.size()});
  for (const auto& forecasts : c.forecasts) {
    put(body, uint64_t{forecasts.size()});
    body.append(reinterpret_cast<const char*>(forecasts.data()), forecasts.size() * sizeof(double));
  }
  std::string bytes = kMagic + key + "\n";
  put(bytes, crc32c(body.data(), body.size()));
  write_file_whole(file, bytes + body);
}

std::optional<Checkpoint> load_checkpoint(const Path& file, const std::string& key) {
  if (!std::filesystem::is_regular_file(file)) return std::nullopt;
  const std::string bytes = read_file(file), head = kMagic + key + "\n";
  uint32_t sum = 0;
  if (!bytes.starts_with(head) || bytes.size() < head.size() + sizeof sum) return std::nullopt;
  std::memcpy(&sum, bytes.data() + head.size(), sizeof sum);
  const std::string_view body = std::string_view(bytes).substr(head.size() + sizeof sum);
  Checkpoint checkpoint;
  if (crc32c(body.data(), body.size()) != sum || !read_body(Reader(body), checkpoint)) return std::nullopt;
  return checkpoint;
}

}  // namespace hadal::market::forecast
