#include "cluster/daemon/metric_piece.h"

#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <limits>

#include "base/error.h"
#include "base/json.h"
#include "cluster/daemon/run_file.h"

namespace hadal::cluster {
namespace {

// Read at once, of a run that goes on and of one that ended. A line is shorter than the first, lest it be cut.
constexpr int64_t kTailBytes = 1 << 20, kEndBytes = 32 << 20;
// A file that is so far ahead is not caught up with: of a run that goes on, and of one that ended.
constexpr int64_t kBehindBytes = 64 << 20, kEndBehindBytes = 32 << 20;

void flatten(const Json& object, const std::string& prefix, std::vector<std::pair<std::string, double>>& into) {
  for (const auto& [name, value] : object.items()) {
    const std::string key = prefix + name;
    if (value.is_object())
      flatten(value, key + "/", into);
    else if (value.is_number())
      into.emplace_back(key, value.get<double>());
    else if (value.is_null())
      into.emplace_back(key, std::numeric_limits<double>::quiet_NaN());
  }
}

}  // namespace

std::optional<MetricLine> metric_line(std::string_view text) {
  Json json;
  try {
    json = parse_json(text, "a line");
  } catch (const Error&) {
  }
  if (!json.is_object()) return std::nullopt;
  MetricLine line;
  if (const auto attempt = json.find("attempt"); attempt != json.end() && attempt->is_number_integer()) {
    line.attempt = attempt->get<int64_t>();
    json.erase(attempt);
  }
  if (const auto step = json.find("step"); step != json.end()) {
    if (step->is_number()) line.step = static_cast<int64_t>(std::clamp(step->get<double>(), -9e15, 9e15));
    json.erase(step);
  }
  flatten(json, "", line.values);
  return line;
}

std::optional<MetricPiece> read_metric_piece(const Path& run_folder, const MetricsTail& tail, bool to_its_end) {
  const int64_t most = to_its_end ? kEndBytes : kTailBytes;
  const RunFile file(run_folder, "metrics.jsonl");
  struct stat there = {};
  if (!file.is_open() || ::fstat(file.fd(), &there) != 0) return std::nullopt;
  MetricPiece piece{.before = tail, .after = tail, .to_its_end = to_its_end};
  MetricsTail& after = piece.after;
  if (there.st_ino != tail.inode || there.st_size < tail.offset) {
    piece.anew = true;
    after.replaced = tail.inode != 0 || tail.attempt > 1;
    after.inode = there.st_ino, after.offset = 0;
  }
  if (there.st_size - after.offset > (to_its_end ? kEndBehindBytes : kBehindBytes)) {  // the end of it is worth most
    const int64_t skipped = there.st_size - most - after.offset;
    after.left_bytes += skipped, after.offset += skipped;
    const size_t line_end = file.read(after.offset, kTailBytes).find('\n');
    after.offset += line_end == std::string::npos ? 0 : static_cast<int64_t>(line_end) + 1;
  }
  const std::string text = file.read(after.offset, std::min<int64_t>(most, there.st_size - after.offset));
  piece.bytes = static_cast<int64_t>(text.size());
  const auto take = [&](std::string_view line) {
    if (line.find_first_not_of(" \t\r") == std::string_view::npos) return;
    if (auto taken = metric_line(line))
      piece.lines.push_back(std::move(*taken));
    else
      ++after.bad_lines;
  };
  size_t begin = 0;
  for (size_t end; (end = text.find('\n', begin)) != std::string::npos; begin = end + 1)
    take(std::string_view(text).substr(begin, end - begin));
  if (begin < text.size() && (to_its_end || (begin == 0 && piece.bytes == most))) {
    take(std::string_view(text).substr(begin));  // cut short, or longer than any line should be
    begin = text.size();
  }
  after.offset += static_cast<int64_t>(begin);
  if (after == tail) return std::nullopt;
  return piece;
}

}  // namespace hadal::cluster
