// metrics.jsonl of running attempts, read as it grows. Only lines of the present attempt count: those that were there
// when it began are passed over, and where it writes the file anew, as a trainer that resumes does, what it repeats.
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <limits>

#include "base/json.h"
#include "cluster/daemon/impl.h"

namespace hadal::cluster {
namespace {

constexpr int64_t kTailBytes = 1 << 20;     // of one run, in one round
constexpr int64_t kEndBytes = 32 << 20;     // of one that ended
constexpr int64_t kBehindBytes = 64 << 20;  // a file that is so far ahead is not caught up with
constexpr size_t kPointsOfKey = 200;        // of one round
constexpr size_t kKeysOfRun = 2'000, kKeyBytes = 250;

constexpr std::string_view kPartBegin = "validation/", kPartEnd = "/bits_per_byte";

bool is_mean_part(const std::string& key) {
  return key.size() > kPartBegin.size() + kPartEnd.size() && key.starts_with(kPartBegin) && key.ends_with(kPartEnd);
}

bool is_token_count(const std::string& key) { return key == "tokens" || key == "train/tokens"; }

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

std::string read_bytes(int fd, int64_t offset, int64_t count) {
  std::string text(static_cast<size_t>(count), '\0');
  size_t done = 0;
  while (done < text.size()) {
    const ssize_t got = ::pread(fd, text.data() + done, text.size() - done, offset + static_cast<int64_t>(done));
    if (got <= 0) break;
    done += static_cast<size_t>(got);
  }
  text.resize(done);
  return text;
}

// Of each key the last point and at most kPointsOfKey in all, evenly. Returns how many were left out.
int64_t thin(std::vector<MetricPoint>& points) {
  std::map<std::string, size_t> count, seen;
  for (const MetricPoint& point : points) ++count[point.key];
  const auto before = points.size();
  std::erase_if(points, [&](const MetricPoint& point) {
    const size_t all = count[point.key], stride = (all + kPointsOfKey - 1) / kPointsOfKey, at = ++seen[point.key];
    return at != all && at % stride != 0;
  });
  return static_cast<int64_t>(before - points.size());
}

}  // namespace

void Daemon::Impl::begin_tail(LiveRun& live) {
  if (live.tail && live.tail->attempt == live.attempt->number) return;
  MetricsTail tail{.run = live.run.id, .attempt = live.attempt->number};
  if (const int fd = open_run_file(run_folder(live.run.id), "metrics.jsonl"); fd >= 0) {
    struct stat there = {};
    if (::fstat(fd, &there) == 0) tail.inode = there.st_ino, tail.offset = there.st_size;
    ::close(fd);
  }
  if (const auto before = store.tail(live.run.id))
    tail.bad_lines = before->bad_lines, tail.left_out = before->left_out, tail.left_bytes = before->left_bytes;
  commit([&] { store.set_tail(tail); });
  live.tail = tail;
}

void Daemon::Impl::read_metrics(LiveRun& live, bool to_its_end) {
  if (!live.tail || (read_left <= 0 && !to_its_end)) return;
  const int fd = open_run_file(run_folder(live.run.id), "metrics.jsonl");
  if (fd < 0) return;
  struct stat there = {};
  const bool known = ::fstat(fd, &there) == 0;
  MetricsTail tail = *live.tail;
  MetricReader reader{live, tail, {}, now()};
  if (known && (there.st_ino != tail.inode || there.st_size < tail.offset)) {
    tail.replaced = tail.inode != 0 || live.attempt->number > 1;
    tail.inode = there.st_ino, tail.offset = 0;
    live.last_steps.reset();
  }
  if (tail.replaced && !live.last_steps) {
    live.last_steps.emplace();
    for (const auto& summary : store.metric_summaries(live.run.id)) live.last_steps->emplace(summary.key, summary.step);
  }
  const int64_t most = to_its_end ? kEndBytes : std::min(kTailBytes, read_left);
  if (there.st_size - tail.offset > (to_its_end ? kEndBytes : kBehindBytes)) {  // the end of it is worth most
    const int64_t skipped = there.st_size - most - tail.offset;
    tail.left_bytes += skipped, tail.offset += skipped;
    const std::string piece = read_bytes(fd, tail.offset, kTailBytes);
    const size_t line_end = piece.find('\n');
    tail.offset += line_end == std::string::npos ? 0 : static_cast<int64_t>(line_end) + 1;
  }
  const std::string text = read_bytes(fd, tail.offset, std::min<int64_t>(most, there.st_size - tail.offset));
  ::close(fd);
  read_left -= static_cast<int64_t>(text.size());
  size_t begin = 0;
  for (size_t end; (end = text.find('\n', begin)) != std::string::npos; begin = end + 1)
    reader.line(std::string_view(text).substr(begin, end - begin));
  if (begin < text.size() && (to_its_end || (begin == 0 && static_cast<int64_t>(text.size()) == most))) {
    reader.line(std::string_view(text).substr(begin));  // cut short, or longer than any line should be
    begin = text.size();
  }
  reader.flush(to_its_end);
  tail.offset += static_cast<int64_t>(begin);
  if (begin == 0 && tail.offset == live.tail->offset && tail.inode == live.tail->inode && reader.points.empty()) return;
  tail.left_out += thin(reader.points);
  try {
    store.write_unforced([&] {
      store.add(reader.points);
      store.set_tail(tail);
    });
  } catch (...) {
    must_load = true;
    throw;
  }
  live.tail = tail;
}

void MetricReader::line(std::string_view text) {
  if (text.find_first_not_of(" \t\r") == std::string_view::npos) return;
  Json json;
  try {
    json = parse_json(text, "a line");
  } catch (const Error&) {
  }
  if (!json.is_object()) {
    ++tail.bad_lines;
    return;
  }
  // Programs that say which attempt they are may be of an older one that was thought lost.
  if (const auto attempt = json.find("attempt"); attempt != json.end() && attempt->is_number_integer()) {
    if (attempt->get<int64_t>() != tail.attempt) return;
    json.erase(attempt);
  }
  int64_t step = live.last_step + 1;
  if (const auto given = json.find("step"); given != json.end()) {
    if (given->is_number()) step = static_cast<int64_t>(std::clamp(given->get<double>(), -9e15, 9e15));
    json.erase(given);
  }
  if (step != live.mean_step) flush_mean();
  live.last_step = live.mean_step = step;
  std::vector<std::pair<std::string, double>> values;
  flatten(json, "", values);
  for (const auto& [key, value] : values)
    if (is_token_count(key) && value >= 0 && value < 9e15) {
      live.tokens = static_cast<int64_t>(value);
      if (live.first_tokens < 0 || live.first_tokens > live.tokens)
        live.first_tokens = live.tokens, live.first_tokens_at = at;
    }
  for (const auto& [key, value] : values) {
    if (is_mean_part(key)) live.mean_parts[key] = value;
    point(key, step, value);
  }
}

void MetricReader::point(const std::string& key, int64_t step, double value) {
  if (live.last_steps) {
    const auto [last, is_new] = live.last_steps->emplace(key, step);
    if (!is_new && step <= last->second) return;  // it is there already
    last->second = step;
  }
  if (key.empty() || key.size() > kKeyBytes || (live.keys.size() >= kKeysOfRun && !live.keys.contains(key))) {
    ++tail.left_out;
    return;
  }
  live.keys.insert(key);
  points.push_back({live.run.id, key, step, value, at, live.tokens});
}

void MetricReader::flush_mean() {
  if (live.mean_parts.empty()) return;
  double sum = 0;
  for (const auto& [key, value] : live.mean_parts) sum += value;
  live.mean_count = live.mean_parts.size();
  point(std::string(kMeanKey), live.mean_step, sum / static_cast<double>(live.mean_count));
  live.mean_parts.clear();
}

// Lines of one step may come in two rounds: its mean waits until they are as many as at the step before.
void MetricReader::flush(bool all) {
  if (all || (live.mean_count > 0 && live.mean_parts.size() >= live.mean_count)) flush_mean();
}

int64_t Daemon::Impl::tokens_of(int64_t run) {
  int64_t tokens = -1;
  for (const auto& summary : store.metric_summaries(run)) {
    tokens = std::max(tokens, summary.tokens);
    if (is_token_count(summary.key) && summary.most < 9e15)
      tokens = std::max(tokens, static_cast<int64_t>(summary.most));
  }
  return tokens;
}

std::vector<CurvePoint> Daemon::Impl::curve_of(const Run& run) {
  std::map<int64_t, int64_t> tokens_at;  // by step, for points that came without
  for (const char* key : {"tokens", "train/tokens"})
    for (const MetricPoint& point : store.metrics(run.id, key))
      tokens_at[point.step] = static_cast<int64_t>(std::clamp(point.value, 0.0, 9e15));
  std::map<int64_t, double> curve;  // by tokens: of what was measured twice, the later
  for (const MetricPoint& point : store.metrics(run.id, compared_key(run))) {
    int64_t tokens = point.tokens;
    if (tokens < 0) {
      const auto after = tokens_at.upper_bound(point.step);
      if (after != tokens_at.begin()) tokens = std::prev(after)->second;
    }
    if (tokens >= 0) curve[tokens] = point.value;
  }
  std::vector<CurvePoint> points;
  points.reserve(curve.size());
  for (const auto& [tokens, value] : curve) points.push_back({tokens, value});
  return points;
}

}  // namespace hadal::cluster
