#include "cluster/tracking/log.h"

#include <cmath>
#include <map>
#include <memory>
#include <set>

#include "base/json.h"
#include "cluster/supervisor/secrets.h"
#include "cluster/tracking/endpoints.h"
#include "cluster/tracking/limits.h"
#include "cluster/tracking/mlflow_error.h"

namespace hadal::cluster {
namespace {

constexpr int64_t kMostHistory = 25'000;  // points of a page of a metric's history
constexpr int kStreamedPoints = 5'000;    // read from the store at once

NamedText tag_of(const RequestFields& fields) {
  NamedText tag{fields.needed_text("key"), fields.text("value").value_or("")};
  check_key("tag", tag.name);
  check_length("tag", tag.name, tag.value, kMaxTagChars);
  return tag;
}

NamedText param_of(const RequestFields& fields) {
  NamedText param{fields.needed_text("key"), fields.text("value").value_or("")};
  check_key("parameter", param.name);
  check_length("parameter", param.name, param.value, kMaxParamChars);
  return param;
}

MetricPoint point_of(const RequestFields& fields) {
  MetricPoint point;
  point.key = fields.needed_text("key");
  check_key("metric", point.key);
  point.value = fields.needed_number("value");
  const int64_t time = fields.needed_integer("timestamp");
  if (time < 0) {
    refuse(MlflowCode::invalid, "metric {}: expected a timestamp in ms since 1970, found {}", point.key, time);
  }
  point.time = static_cast<double>(time) / 1000;
  point.step = fields.integer("step").value_or(0);
  return point;
}

void check_count(std::string_view what, size_t count, size_t limit) {
  if (count > limit) {
    refuse(MlflowCode::invalid,
           "A batch logging request can contain at most {} {}. Got {}; split them over several requests", limit, what,
           count);
  }
}

// A point named "tokens" says how far the run was at its step, for all points of that step in the batch.
void take_tokens(std::vector<MetricPoint>& points) {
  std::map<int64_t, int64_t> tokens;
  for (const MetricPoint& point : points)
    if (point.key == "tokens" && point.value >= 0 && point.value < 0x1p62)
      tokens[point.step] = static_cast<int64_t>(point.value);
  if (tokens.empty()) return;
  for (MetricPoint& point : points)
    if (const auto at = tokens.find(point.step); at != tokens.end()) point.tokens = at->second;
}

void log_params(Store& store, const Run& run, const std::vector<NamedText>& params) {
  for (const NamedText& param : params) {
    const std::optional<std::string> old = store.note("param", run.id, param.name);
    if (!old) {
      store.set_note("param", run.id, param.name, param.value);
    } else if (*old != param.value) {
      const bool hides = is_secret_key(param.name);
      refuse(MlflowCode::invalid,
             "parameter '{}' of {} was logged as {} and is not rewritten as {}; log it under another name, or in "
             "another run",
             param.name, run_name(run.id), hides ? kHiddenValue : brief(*old),
             hides ? kHiddenValue : brief(param.value));
    }
  }
}

// All together or nothing.
void log_all(const TrackingCall& call, std::vector<MetricPoint> points, const std::vector<NamedText>& params,
             const std::vector<NamedText>& tags) {
  take_tokens(points);
  const auto body = [&] {
    const Run run = run_asked(call, Act::change);
    check_active(call.store, run);
    check_fence(call);
    if (!points.empty() && !run.tracked && call.caller.run == 0) {
      refuse(MlflowCode::denied, "{} is scheduled: its metrics come with the token of its attempt alone",
             run_name(run.id));
    }
    log_params(call.store, run, params);
    for (const NamedText& tag : tags) call.store.set_note("tag", run.id, tag.name, tag.value);
    for (MetricPoint& point : points) point.run = run.id;
    call.store.add(points);
  };
  if (params.empty() && tags.empty()) {
    call.store.write_unforced(body);
  } else {
    call.store.write(body);
  }
}

std::string point_json(const MetricPoint& point) {
  return dump_json(OrderedJson{
      {"key", point.key}, {"value", number_json(point.value)}, {"timestamp", to_ms(point.time)}, {"step", point.step}});
}

// All points of a metric, read from the store as they are sent.
std::function<std::string()> history_stream(Store& store, int64_t run, const std::string& key) {
  struct Progress {
    int64_t row = 0;
    bool begun = false, ended = false;
  };
  return [&store, run, key, progress = std::make_shared<Progress>()] {
    if (progress->ended) return std::string();
    const auto points = store.metrics(run, key, progress->row, kStreamedPoints, &progress->row);
    std::string piece = progress->begun ? "" : "{\"metrics\":[";
    for (const MetricPoint& point : points) {
      if (progress->begun) piece += ',';
      piece += point_json(point);
      progress->begun = true;
    }
    progress->ended = points.size() < static_cast<size_t>(kStreamedPoints);
    if (progress->ended) piece += "]}";
    return piece;
  };
}

}  // namespace

std::vector<NamedText> tags_of(const RequestFields& fields) {
  check_count("tags", fields.count("tags"), kMaxBatchTags);
  std::vector<NamedText> tags;
  fields.for_each("tags", [&](const RequestFields& tag) { tags.push_back(tag_of(tag)); });
  return tags;
}

ApiReply log_metric(const TrackingCall& call) {
  log_all(call, {point_of(call.fields)}, {}, {});
  return mlflow_reply(OrderedJson::object());
}

ApiReply log_parameter(const TrackingCall& call) {
  log_all(call, {}, {param_of(call.fields)}, {});
  return mlflow_reply(OrderedJson::object());
}

ApiReply set_tag(const TrackingCall& call) {
  log_all(call, {}, {}, {tag_of(call.fields)});
  return mlflow_reply(OrderedJson::object());
}

ApiReply log_batch(const TrackingCall& call) {
  if (call.request.body.size() > kMaxBatchBytes) {
    refuse(MlflowCode::invalid, "Batched logging API requests must be at most {} bytes, got {}; split it",
           kMaxBatchBytes, call.request.body.size());
  }
  const size_t num_metrics = call.fields.count("metrics"), num_params = call.fields.count("params");
  check_count("metrics", num_metrics, kMaxBatchMetrics);
  check_count("params", num_params, kMaxBatchParams);
  const std::vector<NamedText> tags = tags_of(call.fields);
  check_count("metrics, params and tags", num_metrics + num_params + tags.size(), kMaxBatchEntries);
  std::vector<MetricPoint> points;
  points.reserve(num_metrics);
  call.fields.for_each("metrics", [&](const RequestFields& metric) { points.push_back(point_of(metric)); });
  std::vector<NamedText> params;
  std::set<std::string> names;
  call.fields.for_each("params", [&](const RequestFields& fields) {
    params.push_back(param_of(fields));
    if (!names.insert(params.back().name).second) {
      refuse(MlflowCode::invalid, "Duplicate parameter keys have been submitted: '{}'; give each once",
             params.back().name);
    }
  });
  log_all(call, std::move(points), params, tags);
  return mlflow_reply(OrderedJson::object());
}

ApiReply delete_tag(const TrackingCall& call) {
  const std::string key = call.fields.needed_text("key");
  call.store.write([&] {
    const Run run = run_asked(call, Act::change);
    check_active(call.store, run);
    check_fence(call);
    if (!call.store.note("tag", run.id, key)) {
      refuse(MlflowCode::no_such, "No tag with name: {} in run with id {}", brief(key), run_name(run.id));
    }
    call.store.drop_note("tag", run.id, key);
  });
  return mlflow_reply(OrderedJson::object());
}

ApiReply metric_history(const TrackingCall& call) {
  const Run run = run_asked(call, Act::read);
  const std::string key = call.fields.needed_text("metric_key");
  const std::optional<int64_t> size = call.fields.integer("max_results");
  const std::optional<std::string> token = call.fields.text("page_token");
  ApiReply reply;
  if (!size && (!token || token->empty())) {
    reply.read = history_stream(call.store, run.id, key);
    return reply;
  }
  // The token is the row of the store behind which the next page begins.
  const ResultPage page = result_page(size, token, kMostHistory, kMostHistory);
  int64_t last_row = 0;
  const auto points =
      call.store.metrics(run.id, key, static_cast<int64_t>(page.offset), static_cast<int>(page.size) + 1, nullptr);
  const bool more = points.size() > page.size;
  if (more) {
    call.store.metrics(run.id, key, static_cast<int64_t>(page.offset), static_cast<int>(page.size), &last_row);
  }
  reply.body = "{\"metrics\":[";
  for (size_t i = 0; i < points.size() && i < page.size; ++i) reply.body += (i ? "," : "") + point_json(points[i]);
  reply.body += more ? fmt::format("],\"next_page_token\":\"{}\"}}", last_row) : "]}";
  return reply;
}

}  // namespace hadal::cluster
