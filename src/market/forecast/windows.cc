#include "market/forecast/windows.h"

#include <algorithm>

namespace hadal::market::forecast {
namespace {

// Sessions [first, last) as rows.
RowRange rows_between(const std::vector<size_t>& starts, int64_t first, int64_t last) {
  const int64_t end = static_cast<int64_t>(starts.size()) - 1;
  return {starts[std::clamp<int64_t>(first, 0, end)], starts[std::clamp<int64_t>(last, 0, end)]};
}

// Fold k of n sessions: sizes differ by one at most.
int64_t fold_start(int64_t num_sessions, int64_t folds, int64_t k) { return num_sessions * k / folds; }

// The sessions that are no test and stand behind no test part by less than the embargo, as runs.
Window split_of(const std::vector<bool>& tested, const ForecastSpec& spec, const std::vector<size_t>& starts) {
  const auto num_sessions = static_cast<int64_t>(starts.size()) - 1;
  std::vector<char> kind(num_sessions, 'r');
  for (int64_t k = 0; k < spec.folds; ++k) {
    if (!tested[k]) continue;
    const int64_t end = fold_start(num_sessions, spec.folds, k + 1);
    for (int64_t s = fold_start(num_sessions, spec.folds, k); s < end; ++s) kind[s] = 't';
    for (int64_t s = end; s < std::min(end + spec.embargo_days, num_sessions); ++s)
      if (kind[s] == 'r') kind[s] = 'e';
  }
  for (int64_t k = 0; k < spec.folds; ++k) {  // an embargo may not reach into the next test part
    if (!tested[k]) continue;
    for (int64_t s = fold_start(num_sessions, spec.folds, k); s < fold_start(num_sessions, spec.folds, k + 1); ++s)
      kind[s] = 't';
  }
  Window window;
  for (int64_t s = 0; s < num_sessions;) {
    int64_t end = s + 1;
    while (end < num_sessions && kind[end] == kind[s]) ++end;
    if (kind[s] == 'r') window.train.push_back(rows_between(starts, s, end));
    if (kind[s] == 't') window.test.push_back(rows_between(starts, s, end));
    s = end;
  }
  return window;
}

std::vector<Window> combinatorial(const ForecastSpec& spec, const std::vector<size_t>& starts, const std::string& who) {
  const auto num_sessions = static_cast<int64_t>(starts.size()) - 1;
  if (num_sessions < 2 * spec.folds) {
    fail("{}: expected at least two sessions in each of {} folds, found {} sessions", who, spec.folds, num_sessions);
  }
  std::vector<Window> windows;
  std::vector<bool> tested(spec.folds, false);
  std::fill(tested.begin(), tested.begin() + spec.test_folds, true);
  do {
    windows.push_back(split_of(tested, spec, starts));
    if (windows.back().train.empty()) {
      fail("{}: expected training sessions beside the test folds, found none; lower test_folds or embargo_days", who);
    }
  } while (std::prev_permutation(tested.begin(), tested.end()));
  return windows;
}

}  // namespace

std::vector<size_t> session_starts(const Panel& panel, RowRange rows) {
  std::vector<size_t> starts;
  for (size_t row = rows.first; row < rows.last; ++row)
    if (row == rows.first || panel.sessions[row] != panel.sessions[row - 1]) starts.push_back(row);
  starts.push_back(rows.last);
  return starts;
}

std::vector<Window> make_windows(const ForecastSpec& spec, const std::vector<size_t>& starts, bool join,
                                 const std::string& who) {
  if (spec.window == "combinatorial") return combinatorial(spec, starts, who);
  const auto num_sessions = static_cast<int64_t>(starts.size()) - 1;
  const int64_t before = spec.train_days + spec.valid_days + spec.embargo_days;
  if (num_sessions <= before) {
    fail(
        "{}: expected more than {} sessions (train_days {} + valid_days {} + embargo_days {}), found {}; take fewer "
        "days, or an earlier start",
        who, before, spec.train_days, spec.valid_days, spec.embargo_days, num_sessions);
  }
  std::vector<Window> windows;
  for (int64_t begin = 0; begin + before < num_sessions; begin += spec.test_days) {
    const int64_t train_begin = spec.window == "expanding" ? 0 : begin, train_end = begin + spec.train_days;
    const int64_t valid_end = train_end + spec.valid_days, test = begin + before;
    Window window;
    window.train = {rows_between(starts, train_begin, join ? valid_end : train_end)};
    window.valid = rows_between(starts, join ? valid_end : train_end, valid_end);
    window.test = {rows_between(starts, test, test + spec.test_days)};
    windows.push_back(std::move(window));
  }
  return windows;
}

}  // namespace hadal::market::forecast
