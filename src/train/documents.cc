#include "train/documents.h"

#include <algorithm>
#include <optional>

#include "base/error.h"
#include "base/json.h"
#include "base/rng.h"
#include "train/arithmetic.h"
#include "train/hash.h"

namespace hadal {
namespace {

using Take = std::function<bool(Document&&)>;

bool matches(const std::vector<std::string>& patterns, const std::string& word) {
  return std::any_of(patterns.begin(), patterns.end(), [&](const std::string& p) {
    return p == word || (p.ends_with('*') && word.starts_with(p.substr(0, p.size() - 1)));
  });
}

const Json& field(const Json& object, const char* key, Json::value_t type, const std::string& where) {
  const auto found = object.find(key);
  if (found == object.end()) fail("{}: expected a field \"{}\", found none", where, key);
  if (found->type() != type)
    fail("{}: \"{}\": expected a {}, found {}", where, key, Json(type).type_name(), found->type_name());
  return *found;
}

std::string text_field(const Json& object, const char* key, const std::string& where) {
  return field(object, key, Json::value_t::string, where).get<std::string>();
}

std::vector<ChatMessage> read_messages(const Json& line, const SourceSpec& source, const std::string& where) {
  std::vector<ChatMessage> messages;
  for (const Json& item : field(line, "messages", Json::value_t::array, where)) {
    if (!item.is_object()) fail("{}: messages: expected objects, found {}", where, item.type_name());
    messages.push_back({text_field(item, "role", where), text_field(item, "content", where)});
  }
  if (source.max_turns > 0 && static_cast<int64_t>(messages.size()) > source.max_turns) {
    messages.resize(static_cast<size_t>(source.max_turns));
    while (!messages.empty() && messages.back().role != "assistant") messages.pop_back();
  }
  return messages;
}

// The document of one line, or nothing when a filter leaves it out.
std::optional<Document> read_line(const Json& line, const SourceSpec& source, const std::string& where) {
  if (!line.is_object()) fail("{}: expected an object, found {}", where, line.type_name());
  const std::string origin = line.contains("source") ? text_field(line, "source", where) : "";
  if (!source.include.empty() && !matches(source.include, origin)) return std::nullopt;
  if (matches(source.exclude, origin)) return std::nullopt;
  if (!source.exclude_ids.empty() && matches(source.exclude_ids, text_field(line, "id", where))) return std::nullopt;
  Document d;
  if (source.kind == SourceKind::text) {
    d.text = text_field(line, "text", where);
  } else if (source.kind == SourceKind::chat) {
    d.messages = read_messages(line, source, where);
    if (d.messages.empty()) return std::nullopt;
  } else {
    const std::string solution = text_field(line, "solution", where), answer = text_field(line, "answer", where);
    d.messages = {{"user", text_field(line, "question", where)},
                  {"assistant", solution + (solution.empty() ? "" : "\n") + "The answer is " + answer + "."}};
  }
  return d;
}

bool split_and_take(const SourceSpec& source, Document&& d, const Take& take) {
  if (source.validation_tail > 0) {
    Document tail;
    size_t cut = static_cast<size_t>(static_cast<double>(d.text.size()) * (1 - source.validation_tail));
    while (cut < d.text.size() && (static_cast<unsigned char>(d.text[cut]) & 0xC0) == 0x80)
      ++cut;  // not inside a character
    tail.text = d.text.substr(cut);
    tail.validation = true;
    d.text.resize(cut);
    return take(std::move(d)) && take(std::move(tail));
  }
  d.validation = unit_hash(d.content()) < source.validation;
  return take(std::move(d));
}

void read_lines(const SourceSpec& source, const Take& take) {
  for_each_line(source.path, [&](std::string_view text, int64_t number) {
    if (text.empty()) return true;
    const std::string where = fmt::format("{}:{}", source.path.string(), number);
    auto document = read_line(parse_json(text, where), source, where);
    if (!document) return true;
    if (source.max_document_bytes > 0 && static_cast<int64_t>(document->content().size()) > source.max_document_bytes)
      return true;
    return take(std::move(*document));
  });
}

// The hash below which whole documents together make `max_megabytes`.
uint64_t hash_limit(const SourceSpec& source) {
  std::vector<std::pair<uint64_t, size_t>> all;
  read_lines(source, [&](Document&& d) {
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

void make_up_sums(const SourceSpec& source, const Take& take) {
  for (int64_t i = 0; i < source.documents + 256; ++i) {
    Document d;
    d.validation = i >= source.documents;  // the last ones, from pairs that are held out
    Rng rng(source.seed, static_cast<uint64_t>(i));
    SumDialogue sum = make_sum(rng, d.validation);
    d.messages = {{"user", std::move(sum.question)}, {"assistant", std::move(sum.answer)}};
    if (!take(std::move(d))) return;
  }
}

}  // namespace

std::string Document::content() const {
  if (messages.empty()) return text;
  std::string out;
  for (const auto& message : messages) out += message.content + "\n";
  return out;
}

void for_each_document(const SourceSpec& source, const Take& take) {
  if (source.kind == SourceKind::arithmetic) return make_up_sums(source, take);
  if (!std::filesystem::exists(source.path)) {
    fail("source \"{}\": expected data at {}, found no such file; put it there or change the recipe's path",
         source.name, source.path.string());
  }
  if (source.kind == SourceKind::text && source.path.extension() == ".txt") {
    Document d;
    d.text = read_file(source.path);
    split_and_take(source, std::move(d), take);
    return;
  }
  const uint64_t limit = source.max_megabytes > 0 ? hash_limit(source) : UINT64_MAX;
  read_lines(source, [&](Document&& d) {
    if (limit != UINT64_MAX && mix(fnv1a(d.content()) + 1) >= limit) return true;
    return split_and_take(source, std::move(d), take);
  });
}

}  // namespace hadal
