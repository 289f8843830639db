#include "chat/reply_parser.h"

#include <algorithm>
#include <array>

#include "chat/reply/tool_formats.h"

namespace hadal::chat {
namespace {

constexpr std::string_view kThink = "<think>", kThinkEnd = "</think>", kSpaces = " \t\r\n";

size_t spaces_at_the_beginning(std::string_view text) { return std::min(text.find_first_not_of(kSpaces), text.size()); }
size_t end_without_spaces(std::string_view text) { return text.find_last_not_of(kSpaces) + 1; }

// Where a tag may have begun that is not complete; the end of the text where none has.
size_t begun_tag(std::string_view text, std::string_view tag) {
  for (size_t at = text.size() < tag.size() ? 0 : text.size() - tag.size() + 1; at < text.size(); ++at)
    if (tag.starts_with(text.substr(at))) return at;
  return text.size();
}

bool ends_with_quote(std::string_view text) {
  constexpr std::array<std::string_view, 4> kQuotes = {"`", "\"", "'", "\u201c"};
  return std::ranges::any_of(kQuotes, [&](std::string_view quote) { return text.ends_with(quote); });
}

bool is_wrapper(std::string_view tag) { return std::ranges::find(tool_wrappers(), tag) != tool_wrappers().end(); }

void add(std::vector<ReplyDelta>& out, ReplyDelta::Kind kind, std::string_view text) {
  if (out.empty() || out.back().kind != kind) out.push_back({.kind = kind});
  out.back().text += text;
}

}  // namespace

ReplyFormat reply_format(const Tokenizer& tokenizer) {
  ReplyFormat format;
  std::vector<std::string_view> tags = {kThink, kThinkEnd};
  tags.insert(tags.end(), tool_tags().begin(), tool_tags().end());
  for (const std::string_view tag : tags) {
    const TokenId id = tokenizer.find(tag);
    if (id >= 0 && tokenizer.is_special(id)) format.marks.emplace_back(id, tag);
  }
  format.think_begin = tokenizer.find(kThink), format.think_end = tokenizer.find(kThinkEnd);
  return format;
}

void append(Message& message, const ReplyDelta& delta) {
  switch (delta.kind) {
    case ReplyDelta::Kind::reasoning:
      message.reasoning = message.reasoning.value_or("") + delta.text;
      break;
    case ReplyDelta::Kind::content:
      message.content = message.content.value_or("") + delta.text;
      break;
    case ReplyDelta::Kind::tool_call:
      message.tool_calls.push_back(to_json(delta.call));
      break;
  }
}

ReplyParser::ReplyParser(ReplyFormat format) : format_(std::move(format)) {
  if (format_.begins_in_reasoning) state_ = State::reasoning, trim_ = true;
}

std::vector<ReplyDelta> ReplyParser::push(std::string_view text) {
  Deltas out;
  held_ += text;
  advance(out, false);
  return out;
}

std::vector<ReplyDelta> ReplyParser::push_mark(TokenId id) {
  Deltas out;
  const auto found = std::ranges::find(format_.marks, id, &std::pair<TokenId, std::string>::first);
  if (found == format_.marks.end()) {
    forced_ = forced_ || (id >= 0 && id == format_.think_end);
    return out;
  }
  const std::string before = std::exchange(held_, "");
  take_tag(out, before, found->second);
  return out;
}

std::vector<ReplyDelta> ReplyParser::finish() {
  Deltas out;
  advance(out, true);
  if (state_ == State::call) end_call(out, std::exchange(held_, ""), "");
  if (!gap_.empty()) add(out, ReplyDelta::Kind::content, std::exchange(gap_, ""));
  return out;
}

void ReplyParser::advance(Deltas& out, bool last) {
  for (;;) {
    const Found found = look(last);
    if (state_ == State::call && found.tag.empty()) return;
    if (state_ == State::beginning && found.at > 0 && found.tag.empty()) state_ = State::content;
    const std::string before = held_.substr(0, found.at);
    held_.erase(0, found.at + found.tag.size());
    if (found.tag.empty()) return say(out, before);
    take_tag(out, before, found.tag);
  }
}

// The first tag in what is held, or else how much of that can be no part of one.
ReplyParser::Found ReplyParser::look(bool last) const {
  const bool at_start = state_ == State::beginning || (state_ == State::reasoning && trim_);
  if (at_start) {  // in the thoughts, too: a model may repeat what the prompt has opened
    const size_t spaces = spaces_at_the_beginning(held_);
    const std::string_view start = std::string_view(held_).substr(spaces);
    if (is_text(kThink) && start.starts_with(kThink)) return {spaces, kThink};
    if (!last && (start.empty() || (is_text(kThink) && kThink.starts_with(start)))) return {0, ""};
  }
  Found first{held_.size(), ""};
  const std::vector<std::string_view> tags = text_tags();
  for (const std::string_view tag : tags)
    if (const size_t at = find(tag); at < first.at) first = {at, tag};
  if (!first.tag.empty() || last) return first;
  for (const std::string_view tag : tags) first.at = std::min(first.at, begun_tag(held_, tag));
  const bool holds_spaces = state_ == State::reasoning || format_.tools;
  if (holds_spaces) first.at = end_without_spaces(std::string_view(held_).substr(0, first.at));
  return first;
}

// The tags that the text may hold here, but for a <think> at its beginning.
std::vector<std::string_view> ReplyParser::text_tags() const {
  std::vector<std::string_view> tags;
  if (state_ == State::call) {
    if (!call_->end.empty()) tags.push_back(call_->end);
  } else if (state_ == State::reasoning) {
    tags.push_back(kThinkEnd);
  } else if (format_.tools) {
    tags.assign(tool_openings().begin(), tool_openings().end());
  }
  std::erase_if(tags, [&](std::string_view tag) { return !is_text(tag); });
  return tags;
}

// Where the text holds the tag, and does not quote it.
size_t ReplyParser::find(std::string_view tag) const {
  size_t at = held_.find(tag);
  while (tag == kThinkEnd && !forced_ && at != held_.npos && ends_with_quote(before_ + held_.substr(0, at)))
    at = held_.find(tag, at + 1);
  return at;
}

bool ReplyParser::is_text(std::string_view tag) const {
  return std::ranges::find(format_.marks, tag, &std::pair<TokenId, std::string>::second) == format_.marks.end();
}

// A tag behind `before`. What follows it in the text is held.
void ReplyParser::take_tag(Deltas& out, std::string_view before, std::string_view tag) {
  const std::string_view words = before.substr(0, end_without_spaces(before));
  if (state_ == State::call) {
    if (tag == call_->end) return end_call(out, before, tag);
    held_.insert(0, std::string(before) + std::string(tag));
  } else if (tag == kThink && state_ != State::reasoning) {
    say(out, words);
    state_ = State::reasoning, trim_ = true;
  } else if (tag == kThinkEnd && state_ != State::content) {
    say(out, words);
    state_ = State::content, trim_ = true;
  } else if (format_.tools && std::ranges::find(tool_openings(), tag) != tool_openings().end()) {
    take_tool_tag(out, before, tag);
  } else {
    held_.insert(0, before);  // a tag out of its place is left out, as other special tokens are
  }
}

void ReplyParser::take_tool_tag(Deltas& out, std::string_view before, std::string_view tag) {
  const size_t end = end_without_spaces(before);
  say(out, before.substr(0, end));
  if (state_ != State::reasoning && !trim_) gap_ += before.substr(end);
  state_ = State::content;
  if (!is_wrapper(tag)) {
    call_ = tool_format(tag);
    state_ = State::call;
  } else if (!called_) {
    gap_ += tag;
  }
}

void ReplyParser::end_call(Deltas& out, std::string_view body, std::string_view end_tag) {
  state_ = State::content;
  if (std::optional<ToolCall> call = call_->read(body)) {
    gap_.clear();
    out.push_back({.kind = ReplyDelta::Kind::tool_call, .call = std::move(*call)});
    trim_ = called_ = true;
    return;
  }
  trim_ = false;
  say(out, std::string(call_->begin) + std::string(body) + std::string(end_tag));
}

void ReplyParser::say(Deltas& out, std::string_view text) {
  if (trim_) text.remove_prefix(spaces_at_the_beginning(text));
  if (text.empty()) return;
  trim_ = called_ = false;
  add(out, state_ == State::reasoning ? ReplyDelta::Kind::reasoning : ReplyDelta::Kind::content,
      std::exchange(gap_, "") + std::string(text));
  before_ =
      (before_ + std::string(text)).substr(text.size() + before_.size() < 3 ? 0 : text.size() + before_.size() - 3);
}

}  // namespace hadal::chat
