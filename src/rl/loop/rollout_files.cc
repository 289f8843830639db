#include "rl/loop/rollout_files.h"

#include <algorithm>
#include <charconv>

#include "base/error.h"
#include "base/json.h"

namespace hadal::rl {
namespace {

// The shortest texts that read back as the same floats.
std::string floats_text(std::span<const float> values) {
  std::string text = "[";
  for (const float value : values) {
    char digits[32];
    const auto [end, error] = std::to_chars(digits, digits + sizeof digits, value);
    HADAL_CHECK(error == std::errc());
    if (text.size() > 1) text += ",";
    text.append(digits, end);
  }
  return text + "]";
}

std::string line_of(const Group& group, size_t i) {
  const Rollout& r = group.rollouts[i];
  return fmt::format(
      "{{\"item\":{},\"prompt_ids\":{},\"ids\":{},\"log_probs\":{},\"mask\":{},\"reward\":{},\"text\":{}}}\n",
      dump_json(*group.question.item), dump_json(Json(group.prompt)), dump_json(Json(r.ids)), floats_text(r.log_probs),
      dump_json(Json(r.mask)), dump_json(Json(group.rewards[i].value)), dump_json(Json(r.text)));
}

std::string heading(int64_t step) { return fmt::format("## Step {}\n", step); }

// What stands before the entries of `step` and later ones.
std::string kept(const std::string& page, int64_t step) {
  for (size_t at = 0; (at = page.find("## Step ", at)) != std::string::npos; ++at) {
    if (at > 0 && page[at - 1] != '\n') continue;
    if (std::strtoll(page.c_str() + at + 8, nullptr, 10) >= step) return page.substr(0, at);
  }
  return page;
}

// As a block of code, whatever the text holds.
std::string quoted(const std::string& text) {
  std::string block;
  for (size_t begin = 0; begin <= text.size();) {
    const size_t end = std::min(text.find('\n', begin), text.size());
    block += "    " + text.substr(begin, end - begin) + "\n";
    begin = end + 1;
  }
  return block;
}

}  // namespace

void write_rollouts(const Path& run, int64_t step, const std::vector<Group>& groups) {
  WholeFile file(run / fmt::format("rollouts-{}.jsonl", step));
  for (const Group& group : groups)
    for (size_t i = 0; i < group.rollouts.size(); ++i) file.write(line_of(group, i));
  file.commit();
}

void add_to_samples(const Path& run, int64_t step, const std::vector<Group>& groups) {
  const auto mixed = std::ranges::find_if(groups, [](const Group& group) {
    return group.num_right() > 0 && group.num_right() < std::ssize(group.rewards);
  });
  if (mixed == groups.end()) return;
  const auto of = [&](bool right) {
    const auto at = std::ranges::find(mixed->rewards, right, &Reward::right) - mixed->rewards.begin();
    const std::string& why = mixed->rewards[static_cast<size_t>(at)].why;  // a program's verdict may have none
    return quoted(mixed->rollouts[static_cast<size_t>(at)].text) +
           (right || why.empty() ? "" : fmt::format("\n({})\n", why));
  };
  const Path path = run / "samples.md";
  std::error_code ignored;
  std::string page = std::filesystem::exists(path, ignored)
                         ? kept(read_file(path), step)
                         : "# Samples\n\nTwo replies to one item, as training drew them.\n\n";
  page += fmt::format("{}\n{} of {} replies were right.\n\n{}\nRight:\n\n{}\nWrong:\n\n{}\n", heading(step),
                      mixed->num_right(), mixed->rewards.size(), quoted(mixed->question.text), of(true), of(false));
  write_file_whole(path, page);
}

}  // namespace hadal::rl
