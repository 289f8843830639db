// Metrics: points in batches, and for each key of a run the figures that lists show, kept as points come.
#include <algorithm>
#include <cmath>
#include <limits>

#include "base/error.h"
#include "cluster/store/impl.h"

namespace hadal::cluster {
namespace {

#define SUMMARY_COLUMNS "key, last, least, most, step, tokens, time"

Store::MetricSummary summary_in(const Query& row, int first = 0) {
  Store::MetricSummary summary;
  summary.key = row.text(first), summary.last = row.real(first + 1);
  summary.least = row.real(first + 2), summary.most = row.real(first + 3);
  summary.step = row.integer(first + 4), summary.tokens = row.integer(first + 5), summary.time = row.real(first + 6);
  return summary;
}

// nan is neither the least nor the most, unless there is nothing else.
void take_in(Store::MetricSummary& summary, const MetricPoint& point) {
  if (!(point.value >= summary.least)) summary.least = std::isnan(point.value) ? summary.least : point.value;
  if (!(point.value <= summary.most)) summary.most = std::isnan(point.value) ? summary.most : point.value;
  summary.last = point.value, summary.step = point.step, summary.time = point.time;
  summary.tokens = std::max(summary.tokens, point.tokens);
}

}  // namespace

Store::Impl::Series& Store::Impl::series_of(int64_t run, const std::string& key) {
  auto& of_run = series[run];
  if (const auto found = of_run.find(key); found != of_run.end()) return found->second;
  constexpr double kNone = std::numeric_limits<double>::quiet_NaN();
  Series made;
  made.summary = {key, kNone, kNone, kNone, 0, -1, 0};
  Query known(writer, "SELECT id, points, " SUMMARY_COLUMNS " FROM series WHERE run = ? AND key = ?");
  if (known.bind(run).bind(key).step()) {
    made.id = known.integer(0), made.points = known.integer(1), made.summary = summary_in(known, 2);
  } else {
    Query metric(writer, "SELECT metric FROM runs WHERE id = ?");
    if (!metric.bind(run).step()) fail("there is no run {} for the metric \"{}\"", run_name(run), brief(key));
    Run named;
    named.metric = metric.text(0);
    Query(writer, "INSERT INTO series(run, key, compared, points, step, tokens, time) VALUES(?, ?, ?, 0, 0, -1, 0)")
        .bind(run)
        .bind(key)
        .bind(compared_key(named) == key)
        .run();
    made.id = writer.last_row();
  }
  return of_run.emplace(key, std::move(made)).first->second;
}

void Store::add(const std::vector<MetricPoint>& metrics) {
  if (metrics.empty()) return;
  write_unforced([&] {
    if (impl_->series.size() > 20'000) impl_->series.clear();
    std::vector<Impl::Series*> changed;
    {
      Query insert(impl_->writer, "INSERT INTO points VALUES(?, ?, ?, ?, ?, ?)");
      for (const MetricPoint& point : metrics) {
        Impl::Series& series = impl_->series_of(point.run, point.key);
        if (!series.changed) changed.push_back(&series);
        series.changed = true;
        take_in(series.summary, point);
        insert.bind(series.id).bind(++series.points).bind(point.step).bind(point.value).bind(point.time);
        insert.bind(point.tokens).run();
      }
    }
    Query update(impl_->writer,
                 "UPDATE series SET points = ?, last = ?, least = ?, most = ?, step = ?, tokens = ?, time = ? WHERE id "
                 "= ?");
    for (Impl::Series* series : changed) {
      const MetricSummary& s = series->summary;
      update.bind(series->points).bind(s.last).bind(s.least).bind(s.most).bind(s.step).bind(s.tokens).bind(s.time);
      update.bind(series->id).run();
      series->changed = false;
    }
  });
}

std::vector<std::string> Store::metric_keys(int64_t run) {
  Impl::Reader reader(*impl_);
  return all_rows(
      reader, "SELECT key FROM series WHERE run = ? ORDER BY key", [](const Query& row) { return row.text(0); }, run);
}

std::vector<MetricPoint> Store::metrics(int64_t run, const std::string& key, int64_t after_row, int limit,
                                        int64_t* last_row) {
  Impl::Reader reader(*impl_);
  if (last_row != nullptr) *last_row = after_row;
  return all_rows(
      reader,
      "SELECT number, step, value, time, tokens FROM points WHERE series = (SELECT id FROM series WHERE run = ? AND "
      "key = ?) AND number > ? ORDER BY number LIMIT ?",
      [&](const Query& row) {
        if (last_row != nullptr) *last_row = row.integer(0);
        return MetricPoint{run, key, row.integer(1), row.real(2), row.real(3), row.integer(4)};
      },
      run, key, after_row, limit > 0 ? limit : -1);
}

std::vector<Store::MetricSummary> Store::metric_summaries(int64_t run) {
  Impl::Reader reader(*impl_);
  return all_rows(
      reader, "SELECT " SUMMARY_COLUMNS " FROM series WHERE run = ? AND points > 0 ORDER BY key",
      [](const Query& row) { return summary_in(row); }, run);
}

std::unordered_map<int64_t, Store::MetricSummary> Store::compared_summaries() {
  Impl::Reader reader(*impl_);
  Query query(reader, "SELECT run, " SUMMARY_COLUMNS " FROM series WHERE compared = 1 AND points > 0");
  std::unordered_map<int64_t, MetricSummary> summaries;
  while (query.step()) summaries.emplace(query.integer(0), summary_in(query, 1));
  return summaries;
}

void Store::set_tail(const MetricsTail& tail) {
  write_unforced([&] {
    Query(impl_->writer, "INSERT OR REPLACE INTO tails VALUES(?, ?, ?, ?, ?, ?, ?, ?)")
        .bind(tail.run)
        .bind(tail.attempt)
        .bind(static_cast<int64_t>(tail.inode))
        .bind(tail.offset)
        .bind(tail.replaced)
        .bind(tail.bad_lines)
        .bind(tail.left_out)
        .bind(tail.left_bytes)
        .run();
  });
}

std::optional<MetricsTail> Store::tail(int64_t run) {
  Impl::Reader reader(*impl_);
  return first_row(
      reader,
      "SELECT run, attempt, inode, position, replaced, bad_lines, left_out, left_bytes FROM tails WHERE run = ?",
      [](const Query& row) {
        return MetricsTail{row.integer(0),
                           static_cast<int>(row.integer(1)),
                           static_cast<uint64_t>(row.integer(2)),
                           row.integer(3),
                           row.flag(4),
                           row.integer(5),
                           row.integer(6),
                           row.integer(7)};
      },
      run);
}

#undef SUMMARY_COLUMNS

}  // namespace hadal::cluster
