#include "train/data/documents.h"
#include "tasks/sums.h"

#include <algorithm>

#include "base/error.h"
#include "base/hash.h"
#include "base/json.h"
#include "base/rng.h"
#include "train/data/data_files.h"
#include "train/data/dialogue_formats.h"
#include "train/data/reason_source.h"
#include "train/data/text_pieces.h"

namespace hadal {
namespace {

using Take = std::function<bool(Document&&)>;

bool matches(const std::vector<std::string>& patterns, const std::string& word) {
  return std::any_of(patterns.begin(), patterns.end(), [&](const std::string& p) {
    return p == word || (p.ends_with('*') && word.starts_with(p.substr(0, p.size() - 1)));
  });
}

std::vector<chat::Message> first_turns(std::vector<chat::Message> messages, int64_t max_turns) {
  messages.resize(static_cast<size_t>(max_turns));
  while (!messages.empty() && messages.back().role != "assistant") messages.pop_back();
  return messages;
}

// What to do with the line: take it, or leave it out and why.
struct Reading {
  Document document;
  std::string reason;
};

std::string filter_reason(const Json& line, const SourceSpec& source, const std::string& where) {
  const bool has_origin = line.contains("source") && !line["source"].is_null();
  const std::string origin = has_origin ? text_field(line, "source", where) : "";
  if (!source.include.empty() && !matches(source.include, origin)) return "not of include";
  if (matches(source.exclude, origin)) return "of exclude";
  if (!source.exclude_ids.empty() && matches(source.exclude_ids, text_field(line, "id", where)))
    return "of exclude_ids";
  return "";
}

std::string read_text(const Json& line, const std::string& where) {
  const bool dialogue = !line.contains("text") && (line.contains("messages") || line.contains("conversations") ||
                                                   line.contains("instruction") || line.contains("prompt"));
  if (dialogue)
    fail("{}: expected a field \"text\", found {}; dialogues are kind = \"chat\"", where, field_names(line));
  return text_field(line, "text", where);
}

Reading read_line(std::string_view text, const SourceSpec& source, const std::string& where, SourceReport& report,
                  int64_t number) {
  const Json line = parse_json(text, where);
  if (!line.is_object()) fail("{}: expected an object, found {}", where, line.type_name());
  Reading r;
  r.document.line = number;
  r.reason = filter_reason(line, source, where);
  if (!r.reason.empty()) return r;
  if (source.kind == SourceKind::text) {
    r.document.text = read_text(line, where);
  } else if (source.kind == SourceKind::chat) {
    Dialogue dialogue = read_dialogue(parse_ordered_json(text, where), where);
    r.reason = std::move(dialogue.unusable);
    r.document.conversation = std::move(dialogue.conversation);
    std::vector<chat::Message>& messages = r.document.conversation.messages;
    if (r.reason.empty() && source.max_turns > 0 && std::ssize(messages) > source.max_turns) {
      messages = first_turns(std::move(messages), source.max_turns);
      if (messages.empty())
        r.reason = fmt::format("without an answer in max_turns = {}", source.max_turns);
      else
        report.cut(fmt::format("to max_turns = {}", source.max_turns), number);
    }
  } else {
    const std::string solution = text_field(line, "solution", where), answer = text_field(line, "answer", where);
    r.document.conversation.messages = {
        {"user", text_field(line, "question", where)},
        {"assistant", solution + (solution.empty() ? "" : "\n") + "The answer is " + answer + "."}};
  }
  const auto size = static_cast<int64_t>(r.document.content().size());
  if (r.reason.empty() && source.max_document_bytes > 0 && size > source.max_document_bytes)
    r.reason = fmt::format("above max_document_bytes = {}", source.max_document_bytes);
  return r;
}

[[noreturn]] void fail_at_line(const SourceSpec& source, std::string_view error) {
  fail("{}source \"{}\": {}; on_bad_line = \"skip\" in its [[source]] leaves such lines out and counts them",
       source.where_prefix(), source.name, error);
}

void read_lines(const SourceSpec& source, SourceReport& report, const Take& take) {
  for_each_json(source.path, [&](std::string_view text, int64_t number) {
    const std::string where = fmt::format("{}:{}", source.path.string(), number);
    report.count_read();
    Reading reading;
    try {
      reading = read_line(text, source, where, report, number);
    } catch (const Error& error) {
      if (!source.skip_bad_lines) fail_at_line(source, error.what());
      report.skip_malformed(error.what(), number);
      return true;
    }
    if (reading.reason.empty()) return take(std::move(reading.document));
    report.leave_out(reading.reason, number);
    return true;
  });
}

bool split_and_take(const SourceSpec& source, Document&& d, const Take& take) {
  if (source.validation_tail > 0) {
    for (const TextPiece& piece : hold_out_tail(d.text, source.validation_tail)) {
      Document part;
      part.text = d.text.substr(piece.begin, piece.end - piece.begin);
      part.validation = piece.validation;
      part.line = d.line;
      if (!take(std::move(part))) return false;
    }
    return true;
  }
  d.validation = unit_hash(d.content()) < source.validation;
  return take(std::move(d));
}

// A text file is one document but for its parts that are held out, or those of at most max_document_bytes.
void read_text_file(const SourceSpec& source, SourceReport& report, const Take& take) {
  std::string text = read_plain_text(source.path, [&](int64_t number, const std::string& error) {
    if (!source.skip_bad_lines) fail_at_line(source, error);
    report.skip_malformed(error, number);
  });
  const auto most = static_cast<size_t>(source.max_megabytes * 1e6);
  if (source.max_megabytes > 0 && text.size() > most) {
    const size_t before = text.size();
    text.resize(last_cut(text, most / 2, std::max<size_t>(most, 1)));
    report.cut(fmt::format("to {} of {} bytes by max_megabytes", text.size(), before), 0);
  }
  const auto pieces = source.validation_tail > 0 ? hold_out_tail(text, source.validation_tail)
                                                 : hold_out_share(text, source.validation);
  int64_t line = 1;
  for (const TextPiece& piece : cut_to_size(text, pieces, static_cast<size_t>(source.max_document_bytes))) {
    Document d;
    d.text = text.substr(piece.begin, piece.end - piece.begin);
    d.validation = piece.validation;
    d.line = line;
    line += std::count(d.text.begin(), d.text.end(), '\n');
    report.count_read();
    if (!take(std::move(d))) return;
  }
}

// The hash below which whole documents together make `max_megabytes`.
uint64_t hash_limit(const SourceSpec& source) {
  std::vector<std::pair<uint64_t, size_t>> all;
  SourceReport counted_later;
  read_lines(source, counted_later, [&](Document&& d) {
    const std::string content = d.content();
    all.emplace_back(mix(fnv1a(content) + 1), content.size());
    return true;
  });
  std::sort(all.begin(), all.end());
  double bytes = 0;
  for (const auto& [hash, size] : all) {
    bytes += static_cast<double>(size);
    if (bytes > source.max_megabytes * 1e6) return hash;
  }
  return UINT64_MAX;
}

void make_up_sums(const SourceSpec& source, SourceReport& report, const Take& take) {
  for (int64_t i = 0; i < source.documents + 256; ++i) {
    Document d;
    d.validation = i >= source.documents;  // the last ones, from pairs that are held out
    Rng rng(source.seed, static_cast<uint64_t>(i));
    tasks::SumDialogue sum = tasks::make_sum(rng, d.validation);
    d.conversation.messages = {{"user", std::move(sum.question)}, {"assistant", std::move(sum.answer)}};
    report.count_read();
    if (!take(std::move(d))) return;
  }
}

// The last ones are of items that are held out. Up to max_megabytes, which a tokenizer's recipe may set.
void make_up_reasoning(const SourceSpec& source, SourceReport& report, const Take& take) {
  constexpr int64_t kHeldOut = 512;
  double bytes = 0;
  const auto take_of = [&](bool validation) {
    return [&, validation](ReasonDialogue&& dialogue) {
      Document d;
      d.conversation = std::move(dialogue.conversation);
      d.validation = validation;
      bytes += static_cast<double>(d.words().size());
      if (source.max_megabytes > 0 && bytes > source.max_megabytes * 1e6) return false;
      report.count_read();
      return take(std::move(d));
    };
  };
  if (for_each_reason_dialogue(source, tasks::Split::training, source.documents, take_of(false)))
    for_each_reason_dialogue(source, tasks::Split::held_out, kHeldOut, take_of(true));
}

}  // namespace

std::string Document::words() const {
  std::string out = content();
  for (const auto& message : conversation.messages)
    if (message.reasoning) (out += *message.reasoning) += '\n';
  return out;
}

std::string Document::content() const {
  if (conversation.messages.empty()) return text;
  std::string out;
  for (const auto& message : conversation.messages) (out += message.text()) += '\n';
  return out;
}

void for_each_document(const SourceSpec& source, const Take& take, SourceReport* wanted) {
  SourceReport unwanted;
  SourceReport& report = wanted ? *wanted : unwanted;
  if (source.kind == SourceKind::arithmetic) return make_up_sums(source, report, take);
  if (source.kind == SourceKind::reason) return make_up_reasoning(source, report, take);
  try {
    check_data_file(source.path);
  } catch (const Error& error) {
    fail("{}source \"{}\": path: {}", source.where_prefix(), source.name, error.what());
  }
  if (source.kind == SourceKind::text && is_plain_text(source.path)) return read_text_file(source, report, take);
  const uint64_t limit = source.max_megabytes > 0 ? hash_limit(source) : UINT64_MAX;
  read_lines(source, report, [&](Document&& d) {
    if (limit != UINT64_MAX && mix(fnv1a(d.content()) + 1) >= limit) {
      report.leave_out(fmt::format("beyond max_megabytes = {}", source.max_megabytes), d.line);
      return true;
    }
    return split_and_take(source, std::move(d), take);
  });
}

}  // namespace hadal
