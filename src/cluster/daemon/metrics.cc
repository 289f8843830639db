// metrics.jsonl of running attempts, read as it grows. Only lines of the present attempt count: those that were there
// when it began are passed over, and where it writes the file anew, as a trainer that resumes does, what it repeats.
#include <sys/stat.h>

#include <algorithm>

#include "cluster/daemon/impl.h"
#include "cluster/daemon/run_file.h"
#include "cluster/supervisor/attempt_files.h"

namespace hadal::cluster {
namespace {

constexpr int64_t kReadBytes = 16 << 20;  // after so much a round begins no other file
constexpr size_t kPointsOfKey = 200;      // of one round
constexpr size_t kKeysOfRun = 2'000, kKeyBytes = 250;

constexpr std::string_view kPartBegin = "validation/", kPartEnd = "/bits_per_byte";

bool is_mean_part(const std::string& key) {
  return key.size() > kPartBegin.size() + kPartEnd.size() && key.starts_with(kPartBegin) && key.ends_with(kPartEnd);
}

bool is_token_count(const std::string& key) { return key == "tokens" || key == "train/tokens"; }

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
  const RunFile file(run_folder(live.run.id), "metrics.jsonl");
  if (struct stat there = {}; file.is_open() && ::fstat(file.fd(), &there) == 0)
    tail.inode = there.st_ino, tail.offset = there.st_size;
  if (const auto before = store.tail(live.run.id))
    tail.bad_lines = before->bad_lines, tail.left_out = before->left_out, tail.left_bytes = before->left_bytes;
  commit([&] { store.set_tail(tail); });
  live.tail = tail;
}

// Reads and parses without the lock, which may take seconds. Whose attempt is not seen any more is read to its end.
std::map<int64_t, MetricPiece> Daemon::Impl::read_ahead(const std::vector<Sighting>& sightings) {
  struct Wanted {
    MetricsTail tail;
    bool to_its_end;
  };
  std::set<std::string> seen;
  for (const Sighting& sighting : sightings)
    if (sighting.state == Sighting::State::running || sighting.state == Sighting::State::waiting)
      seen.insert(sighting.name);
  std::vector<Wanted> wanted;
  {
    const auto guard = enter();
    for (const auto& [id, live] : runs)
      if (live.attempt && live.tail) {
        const int number = live.attempt->number;
        const bool goes_on = seen.contains(attempt_name(id, number)) || attempt_held(run_folder(id), number);
        wanted.push_back({*live.tail, !goes_on});
      }
  }
  std::map<int64_t, MetricPiece> read;
  int64_t left = kReadBytes;
  for (const auto& [tail, to_its_end] : wanted) {
    if (left <= 0) break;
    auto piece = read_metric_piece(run_folder(tail.run), tail, to_its_end);
    if (!piece) continue;
    left -= piece->bytes;
    read.emplace(tail.run, std::move(*piece));
  }
  return read;
}

void Daemon::Impl::read_metrics(LiveRun& live, bool to_its_end) {
  if (!live.tail) return;
  const auto read = pieces.find(live.run.id);
  if (read != pieces.end() && read->second.before == *live.tail && read->second.to_its_end == to_its_end)
    take_piece(live, read->second);
  if (!to_its_end) return;
  // What came meanwhile, and the mean that still waited for the rest of its step.
  const auto rest = read_metric_piece(run_folder(live.run.id), *live.tail, true);
  take_piece(live, rest ? *rest : MetricPiece{.before = *live.tail, .after = *live.tail, .to_its_end = true});
}

void Daemon::Impl::take_piece(LiveRun& live, const MetricPiece& piece) {
  MetricsTail tail = piece.after;
  MetricReader reader{live, tail, {}, now()};
  if (piece.anew) live.last_steps.reset();
  if (tail.replaced && !live.last_steps) {
    live.last_steps.emplace();
    for (const auto& summary : store.metric_summaries(live.run.id)) live.last_steps->emplace(summary.key, summary.step);
  }
  for (const MetricLine& line : piece.lines) reader.line(line);
  reader.flush(piece.to_its_end);
  if (tail == *live.tail && reader.points.empty()) return;
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

void MetricReader::line(const MetricLine& line) {
  // Programs that say which attempt they are may be of an older one that was thought lost.
  if (line.attempt && *line.attempt != tail.attempt) return;
  const int64_t step = line.step.value_or(live.last_step + 1);
  if (step != live.mean_step) flush_mean();
  live.last_step = live.mean_step = step;
  for (const auto& [key, value] : line.values)
    if (is_token_count(key) && value >= 0 && value < 9e15) {
      live.tokens = static_cast<int64_t>(value);
      if (live.first_tokens < 0 || live.first_tokens > live.tokens)
        live.first_tokens = live.tokens, live.first_tokens_at = at;
    }
  for (const auto& [key, value] : line.values) {
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
