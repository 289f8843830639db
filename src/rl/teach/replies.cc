#include "rl/teach/replies.h"

#include <algorithm>
#include <set>

#include "base/error.h"
#include "base/log.h"
#include "train/run_folder.h"

namespace hadal::rl {
namespace {

constexpr uint64_t kTries = 20;  // at items that have not been drawn yet
constexpr std::string_view kSpace = " \t\r\n";

std::string_view trimmed(std::string_view text) {
  const size_t begin = text.find_first_not_of(kSpace);
  return begin == text.npos ? "" : text.substr(begin, text.find_last_not_of(kSpace) + 1 - begin);
}

// Different right replies, in random order.
std::vector<size_t> right_replies(const AskedItem& item, Rng& rng) {
  std::vector<size_t> right;
  for (size_t i = 0; i < item.replies.size(); ++i)
    if (item.replies[i].right) right.push_back(i);
  for (size_t i = right.size(); i > 1; --i) std::swap(right[i - 1], right[rng.below(i)]);
  std::set<std::string_view> seen;
  std::erase_if(right, [&](size_t i) { return !seen.insert(item.replies[i].reply.text).second; });
  return right;
}

OrderedJson to_json(const AskedItem& item) {
  OrderedJson json;
  json["item"] = *item.question.item;
  json["question"] = item.question.text;
  json["replies"] = OrderedJson::array();
  for (const JudgedReply& r : item.replies) {
    json["replies"].push_back({{"text", r.reply.text},
                               {"finished", r.reply.finished},
                               {"tokens", r.reply.tokens},
                               {"right", r.right},
                               {"why", r.why}});
  }
  return json;
}

std::vector<JudgedReply> replies_from(const OrderedJson& json, const AskedItem& item) {
  if (json.at("item") != *item.question.item || json.at("question") != item.question.text)
    fail("the replies to another question");
  std::vector<JudgedReply> replies;
  for (const OrderedJson& r : json.at("replies")) {
    replies.push_back({{r.at("text"), r.at("finished"), r.at("tokens")}, r.at("right"), r.at("why")});
  }
  return replies;
}

}  // namespace

int64_t AskedItem::num_right() const { return std::ranges::count_if(replies, &JudgedReply::right); }

std::vector<Question> questions_of(const Items& items, int64_t count, uint64_t seed) {
  const std::vector<bool> open(items.kinds().size(), true);
  std::vector<Question> questions;
  std::set<std::string> seen;
  const auto n = static_cast<uint64_t>(count);
  for (uint64_t i = 0; i < kTries * n && questions.size() < n; ++i) {
    Question q = items.draw(open, seed_of({seed, i}));
    if (seen.insert(q.task->canonical(*q.item)).second) questions.push_back(std::move(q));
  }
  return questions;
}

JudgedReply judge(const Question& question, TeacherReply reply) {
  if (!reply.finished) return {std::move(reply), false, "unfinished"};
  if (question.verifier != nullptr) {
    const auto verdict = question.verifier->judge(*question.item, reply.text);
    if (!verdict) return {std::move(reply), false, question.verifier->problem()};
    return {std::move(reply), verdict->right, verdict->why};
  }
  const tasks::Verdict verdict = tasks::judge_reply(*question.task, *question.item, reply.text);
  return {std::move(reply), verdict.right, verdict.why};
}

bool ReplyFolder::empty() const {
  std::error_code ignored;
  for (const auto& entry : std::filesystem::directory_iterator(folder_, ignored))
    if (entry.path().extension() == ".jsonl" && entry.is_regular_file(ignored)) return false;
  return true;
}

void ReplyFolder::bind(const Json& plan, const std::string& where) const {
  const Path file = folder_ / "plan.json";
  if (empty()) {
    make_folder(folder_);
    write_file_whole(file, dump_json(plan, 1) + "\n");
    return;
  }
  const Json before = parse_json(read_file(file), file.string());
  for (const auto& [key, value] : plan.items()) {
    const Json old = before.is_object() && before.contains(key) ? before[key] : Json();
    if (old != value) {
      fail(
          "{}: {}: expected {}, with which the replies in {} were made, found {}; set it back, or begin a new run with "
          "another output",
          where, key, brief_json(old, 200), folder_.string(), brief_json(value, 200));
    }
  }
}

Path ReplyFolder::file(size_t index) const { return folder_ / fmt::format("{:05}.jsonl", index); }

bool ReplyFolder::read(size_t index, std::vector<AskedItem>& batch) const {
  const Path path = file(index);
  std::error_code ignored;
  if (!std::filesystem::exists(path, ignored)) return false;
  try {
    size_t count = 0;
    for_each_line(path, [&](std::string_view line, int64_t number) {
      if (count == batch.size()) fail("more items than were asked");
      const std::string where = fmt::format("{}:{}", path.string(), number);
      batch[count].replies = replies_from(parse_ordered_json(line, where), batch[count]);
      return ++count, true;
    });
    if (count < batch.size()) fail("fewer items than were asked");
    return true;
  } catch (const Error& error) {
    log_warning("{}: cannot be used ({}); the teacher is asked again", path.string(), error.what());
  } catch (const Json::exception& error) {
    log_warning("{}: cannot be used ({}); the teacher is asked again", path.string(), plain_words(error));
  }
  return false;
}

void ReplyFolder::write(size_t index, const std::vector<AskedItem>& batch) const {
  WholeFile out(file(index));
  for (const AskedItem& item : batch) out.write(dump_json(to_json(item)) + "\n");
  out.commit();
}

std::vector<Kept> choose_replies(const std::vector<AskedItem>& items, int64_t keep, int64_t keep_per_item,
                                 uint64_t seed) {
  std::vector<std::vector<size_t>> right;
  std::vector<uint64_t> draws;
  std::vector<size_t> order;
  for (size_t i = 0; i < items.size(); ++i) {
    Rng rng(seed_of({seed, i}));
    draws.push_back(rng.next());
    right.push_back(right_replies(items[i], rng));
    if (!right[i].empty()) order.push_back(i);
  }
  const auto rate = [&](size_t i) {
    return static_cast<double>(items[i].num_right()) / static_cast<double>(items[i].replies.size());
  };
  std::ranges::sort(order, {}, [&](size_t i) { return std::tuple(rate(i), draws[i], i); });
  std::vector<Kept> kept;
  for (const size_t i : order) {
    for (size_t k = 0; k < right[i].size() && std::cmp_less(k, keep_per_item); ++k) {
      if (keep > 0 && std::cmp_equal(kept.size(), keep)) return kept;
      kept.push_back({i, right[i][k]});
    }
  }
  return kept;
}

PartedReply part_reply(std::string_view text) {
  constexpr std::string_view kThink = "<think>", kThinkEnd = "</think>";
  const size_t end = text.find(kThinkEnd);
  if (end == text.npos) return {"", std::string(trimmed(text))};
  std::string_view thinking = trimmed(text.substr(0, end));
  if (thinking.starts_with(kThink)) thinking = trimmed(thinking.substr(kThink.size()));
  return {std::string(thinking), std::string(trimmed(text.substr(end + kThinkEnd.size())))};
}

std::string chat_line(const AskedItem& item, const JudgedReply& reply) {
  PartedReply parted = part_reply(reply.reply.text);
  OrderedJson answer = {{"role", "assistant"}};
  if (!parted.thinking.empty()) answer["reasoning_content"] = std::move(parted.thinking);
  answer["content"] = std::move(parted.answer);
  OrderedJson line;
  line["item"] = *item.question.item;
  line["messages"] = OrderedJson::array();
  line["messages"].push_back({{"role", "user"}, {"content", item.question.text}});
  line["messages"].push_back(std::move(answer));
  return dump_json(line) + "\n";
}

}  // namespace hadal::rl
