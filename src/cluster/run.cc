#include "cluster/run.h"

#include <array>
#include <charconv>

#include "cluster/idea.h"

namespace hadal::cluster {
namespace {

using S = RunState;

struct StateRow {
  S state;
  std::string_view name;
  std::array<S, 7> next;  // filled up with the state itself
};

// The state machine. What is over stays so.
constexpr std::array<StateRow, 9> kStates = {{
    {S::queued, "queued", {S::starting, S::suspended, S::stopped, S::failed, S::queued, S::queued, S::queued}},
    {S::starting, "starting", {S::running, S::suspending, S::queued, S::paused, S::done, S::failed, S::stopped}},
    {S::running, "running", {S::suspending, S::queued, S::paused, S::done, S::failed, S::stopped, S::running}},
    {S::suspending,
     "suspending",
     {S::suspended, S::done, S::stopped, S::suspending, S::suspending, S::suspending, S::suspending}},
    {S::suspended,
     "suspended",
     {S::starting, S::stopped, S::failed, S::suspended, S::suspended, S::suspended, S::suspended}},
    {S::paused, "paused", {S::suspended, S::starting, S::stopped, S::done, S::failed, S::paused, S::paused}},
    {S::done, "done", {S::done, S::done, S::done, S::done, S::done, S::done, S::done}},
    {S::failed, "failed", {S::failed, S::failed, S::failed, S::failed, S::failed, S::failed, S::failed}},
    {S::stopped, "stopped", {S::stopped, S::stopped, S::stopped, S::stopped, S::stopped, S::stopped, S::stopped}},
}};

bool is_digit(char c) { return c >= '0' && c <= '9'; }

}  // namespace

std::string_view name_of(RunState state) { return kStates[static_cast<size_t>(state)].name; }

std::optional<RunState> state_named(std::string_view name) {
  for (const StateRow& row : kStates)
    if (row.name == name) return row.state;
  return std::nullopt;
}

bool may_follow(RunState from, RunState to) {
  if (from == to) return false;
  for (const S next : kStates[static_cast<size_t>(from)].next)
    if (next == to) return true;
  return false;
}

bool is_over(RunState state) { return state == S::done || state == S::failed || state == S::stopped; }

bool is_live(RunState state) { return state == S::starting || state == S::running || state == S::suspending; }

std::string run_name(int64_t id) { return "r" + std::to_string(id); }

std::optional<int64_t> run_named(std::string_view text) {
  int64_t id = 0;
  if (text.size() < 2 || text[0] != 'r' || !is_digit(text[1]) || text[1] == '0') return std::nullopt;
  const auto [end, error] = std::from_chars(text.data() + 1, text.data() + text.size(), id);
  if (error != std::errc() || end != text.data() + text.size()) return std::nullopt;
  return id;
}

std::string name_mistake(std::string_view name) {
  if (name.empty()) return "a name is empty";
  if (name.size() > 64) return "a name is longer than 64 characters";
  if (name[0] == '.' || name[0] == '-') return "a name begins with '" + std::string(1, name[0]) + "'";
  for (const char c : name)
    if (!is_digit(c) && (c < 'a' || c > 'z') && (c < 'A' || c > 'Z') && c != '.' && c != '_' && c != '-')
      return "a name holds other characters than A-Z a-z 0-9 . _ -";
  if (run_named(name)) return "'" + std::string(name) + "' looks like the id of a run";
  return "";
}

}  // namespace hadal::cluster
