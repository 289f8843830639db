// Filters that lay texts out: wordwrap (Python's textwrap), urlize (jinja2.utils.urlize), pprint (Python's pprint).
#include <algorithm>
#include <deque>
#include <utility>

#include "chat/jinja/call.h"
#include "tokenizer/pre_tokenizer.h"

namespace hadal::jinja {
namespace {

bool fits(const SplitStage& regex, std::string_view text) {
  bool whole = false;
  regex.split(text,
              [&](std::string_view piece, bool matched) { whole = whole || (matched && piece.size() == text.size()); });
  return whole;
}

// --- wordwrap ---
using Chunks = std::deque<std::string_view>;

// Words and the white space between them; behind a hyphen a word may end, too (textwrap.TextWrapper._split).
Chunks chunks_of(std::string_view line, bool hyphens) {
  static const auto kWords =
      regex_split(R"([\t\n\x0b\x0c\r ]+|(?<=[\w!"'&.,?])-{2,}(?=\w)|[^\t\n\x0b\x0c\r ]+?(?:-(?:(?<=[^\d\W]{2}-)|)"
                  R"((?<=[^\d\W]-[^\d\W]-))(?=[^\d\W]-?[^\d\W])|(?=[\t\n\x0b\x0c\r ]|\z)|(?<=[\w!"'&.,?])(?=-{2,}\w)))",
                  "wordwrap");
  static const auto kSimple = regex_split(R"([\t\n\x0b\x0c\r ]+)", "wordwrap");
  Chunks chunks;
  (hyphens ? kWords : kSimple)->split(line, [&](std::string_view piece, bool) {
    if (!piece.empty()) chunks.push_back(piece);
  });
  return chunks;
}

std::string_view first_characters(std::string_view text, size_t n) {
  size_t bytes = 0;
  for (; n > 0 && bytes < text.size(); --n) bytes += read_char(text, bytes, char_classes()).length;
  return text.substr(0, bytes);
}

struct Wrapping {
  size_t width = 79;
  bool break_words = true, hyphens = true;
};

// One line of the result from the front of `chunks` (textwrap.TextWrapper._wrap_chunks).
std::vector<std::string_view> take_line(Chunks& chunks, const Wrapping& how) {
  std::vector<std::string_view> line;
  size_t length = 0;
  while (!chunks.empty() && length + num_characters(chunks.front()) <= how.width) {
    length += num_characters(chunks.front());
    line.push_back(chunks.front());
    chunks.pop_front();
  }
  if (!chunks.empty() && num_characters(chunks.front()) > how.width) {
    std::string_view& word = chunks.front();
    if (how.break_words) {
      std::string_view head = first_characters(word, how.width - length);
      if (const size_t hyphen = head.rfind('-');
          how.hyphens && hyphen != std::string_view::npos &&
          head.substr(0, hyphen).find_first_not_of('-') != std::string_view::npos)
        head = head.substr(0, hyphen + 1);
      line.push_back(head);
      word.remove_prefix(head.size());
    } else if (line.empty()) {
      line.push_back(word);
      chunks.pop_front();
    }
  }
  if (!line.empty() && strip(line.back()).empty()) line.pop_back();
  return line;
}

}  // namespace

Value word_wrap(const Call& c) {
  Wrapping how;
  how.width = c.width(0, "width", 79);
  how.break_words = c.flag(1, "break_long_words", true);
  how.hyphens = c.flag(3, "break_on_hyphens", true);
  if (how.width < 1) fail("wordwrap: expected a width of at least 1, found {}", how.width);
  const Value* given = c.some(2, "wrapstring");
  const Text between = given != nullptr ? to_text(*given) : Text("\n");
  const Text text = c.text();
  Text out;
  bool first_line = true;
  for (const std::string_view paragraph : split_lines(text.bytes())) {
    if (!std::exchange(first_line, false)) out.append(between);
    Chunks chunks = chunks_of(paragraph, how.hyphens);
    bool first = true;
    while (!chunks.empty()) {
      c.evaluation.charge(1 + chunks.front().size() / 16);  // a long word is counted for each line
      if (!first && strip(chunks.front()).empty()) chunks.pop_front();
      const auto line = take_line(chunks, how);
      if (line.empty()) continue;
      if (!std::exchange(first, false)) out.append(between);
      for (const std::string_view chunk : line) out.append(text, chunk);
    }
  }
  return out;
}

// --- urlize ---
namespace {

struct Link {
  int64_t shown = -1;  // characters of an address; -1: all
  std::string attributes;
  std::vector<std::string> schemes;
};

std::string anchor(std::string_view address, const std::string& attributes, std::string_view shown) {
  return fmt::format("<a href=\"{}\"{}>{}</a>", address, attributes, shown);
}

std::string linked(std::string_view word, const Link& link) {
  static const auto kHttp =
      regex_split(R"((?i)^((https?://|www\.)(([\w%-]+\.)+)?([a-z]{2,63}|xn--[\w%]{2,59})|([\w%-]{2,63}\.)+)"
                  R"((com|net|int|edu|gov|org|info|mil)|(https?://)((([\d]{1,3})(\.[\d]{1,3}){3})|)"
                  R"((\[([\da-f]{0,4}:){2}([\da-f]{0,4}:?){1,6}\])))(?::[\d]{1,5})?(?:[/?#]\S*)?$)",
                  "urlize");
  static const auto kMail = regex_split(R"(^\S+@\w[\w.-]*\.\w+$)", "urlize");
  std::string shown(word);
  if (link.shown >= 0 && static_cast<int64_t>(num_characters(word)) > link.shown)
    shown = std::string(first_characters(word, static_cast<size_t>(link.shown))) + "...";
  if (fits(*kHttp, word)) {
    const bool whole = word.starts_with("https://") || word.starts_with("http://");
    return anchor(whole ? std::string(word) : "https://" + std::string(word), link.attributes, shown);
  }
  if (word.starts_with("mailto:") && fits(*kMail, word.substr(7))) return anchor(word, "", word.substr(7));
  if (word.find('@') != std::string_view::npos && !word.starts_with("www.") && !word.starts_with('@') &&
      word.find(':') == std::string_view::npos && fits(*kMail, word))
    return anchor("mailto:" + std::string(word), "", word);
  for (const std::string& scheme : link.schemes) {
    if (word != scheme && word.starts_with(scheme)) return anchor(word, link.attributes, word);
  }
  return std::string(word);
}

size_t times(std::string_view text, std::string_view part) {
  size_t n = 0;
  for (size_t at = 0; (at = text.find(part, at)) != std::string_view::npos; at += part.size()) ++n;
  return n;
}

// Brackets and the end of a sentence stand outside of the link.
std::string urlized(std::string_view word, const Link& link) {
  std::string_view middle = word;
  size_t begin = 0, end = word.size();
  const auto opens = [&](std::string_view s) {
    return s.starts_with('(') || s.starts_with('<') ? 1u : s.starts_with("&lt;") ? 4u : 0u;
  };
  for (size_t n; (n = opens(word.substr(begin))) != 0;) begin += n;
  while (end > begin) {
    const std::string_view rest = word.substr(begin, end - begin);
    if (rest.ends_with("&gt;"))
      end -= 4;
    else if (std::string_view(")>.,\n").find(rest.back()) != std::string_view::npos)
      end -= 1;
    else
      break;
  }
  static constexpr std::pair<std::string_view, std::string_view> kPairs[] = {{"(", ")"}, {"<", ">"}, {"&lt;", "&gt;"}};
  for (const auto& [open, close] : kPairs) {
    middle = word.substr(begin, end - begin);
    const size_t opened = times(middle, open);
    if (opened <= times(middle, close)) continue;
    for (size_t n = std::min(opened, times(word.substr(end), close)); n > 0; --n)
      end = word.find(close, end) + close.size();
  }
  middle = word.substr(begin, end - begin);
  return std::string(word.substr(0, begin)) + linked(middle, link) + std::string(word.substr(end));
}

}  // namespace

Value urlize(const Call& c) {
  Link link;
  link.shown = c.integer(0, "trim_url_limit", -1);
  std::vector<std::string> rel = {"noopener"};
  if (const Value* given = c.some(3, "rel")) {
    for (const Value& part : items_of(find_method(*given, "split").callable()->call(c.evaluation, {})))
      rel.push_back(part.string("urlize: rel"));
  }
  if (c.flag(1, "nofollow")) rel.push_back("nofollow");
  std::ranges::sort(rel);
  rel.erase(std::unique(rel.begin(), rel.end()), rel.end());
  std::string joined;
  for (const std::string& part : rel) joined += (joined.empty() ? "" : " ") + part;
  link.attributes = fmt::format(" rel=\"{}\"", html_escape(joined).bytes());
  if (const Value* target = c.some(2, "target"))
    link.attributes += fmt::format(" target=\"{}\"", html_escape(target->text("urlize: target")).bytes());
  if (const Value* schemes = c.some(4, "extra_schemes")) {
    for (const Value& scheme : items_of(*schemes)) link.schemes.push_back(scheme.string("urlize: extra_schemes"));
  }
  const Text text = c.text().markup ? c.text() : html_escape(c.text());
  Text out;
  std::string_view rest = text.bytes();
  while (!rest.empty()) {
    size_t end = 0;
    const bool space = is_python_space(read_char(rest, 0, char_classes()));
    while (end < rest.size()) {
      const Char one = read_char(rest, end, char_classes());
      if (is_python_space(one) != space) break;
      end += one.length;
    }
    const std::string_view word = rest.substr(0, end);
    const std::string made = space ? std::string(word) : urlized(word, link);
    made == word ? out.append(text, word) : out.append(made, text.part(word).origin());
    rest.remove_prefix(end);
    c.evaluation.charge(1 + made.size() * made.size() / 64);  // what expressions may take
  }
  return out;
}

// --- pprint ---
namespace {

std::string_view class_name(const Value& value) {
  return value.is_bool()           ? "bool"
         : value.is_integer()      ? "int"
         : value.is_float()        ? "float"
         : value.is_none()         ? "NoneType"
         : value.text() != nullptr ? "str"
                                   : "tuple";
}

// Keys that cannot be compared are sorted by the names of their classes.
Value sorted_dicts(const Value& value) {
  if (const List* list = value.list()) {
    std::vector<Value> items;
    for (const Value& item : list->items) items.push_back(sorted_dicts(item));
    return {std::move(items), list->kind};
  }
  if (value.dict() == nullptr) return value;
  Dict dict;
  for (const auto& [key, item] : value.dict()->entries) dict.entries.emplace_back(key, sorted_dicts(item));
  std::ranges::stable_sort(dict.entries, [](const auto& a, const auto& b) {
    const bool alike = (a.first.is_number() && b.first.is_number()) ||
                       (a.first.text() != nullptr && b.first.text() != nullptr) ||
                       (a.first.is_tuple() && b.first.is_tuple());
    return alike ? compare(a.first, b.first) < 0 : class_name(a.first) < class_name(b.first);
  });
  return dict;
}

class Pretty {
 public:
  explicit Pretty(Evaluation& evaluation) : evaluation_(evaluation) {}
  Text run(const Value& value) {
    format(value, 0, 0, 0);
    return std::move(out_);
  }

 private:
  static constexpr int64_t kWidth = 80;
  static int64_t length(const Text& text) { return static_cast<int64_t>(num_characters(text.bytes())); }

  void format(const Value& value, int64_t indent, int64_t allowance, int level) {
    evaluation_.charge(value.weight());
    const Text whole = to_repr(value);
    if (length(whole) <= kWidth - indent - allowance) return out_.append(whole);
    if (const Dict* dict = value.dict(); dict != nullptr) return entries(*dict, indent, allowance + 1, level + 1);
    if (const List* list = value.list(); list != nullptr && list->kind <= ListKind::tuple)
      return items(*list, indent, allowance, level + 1);
    if (value.text() != nullptr) return string(*value.text(), indent, allowance, level + 1);
    out_.append(whole);
  }

  void new_line(int64_t indent) {
    evaluation_.charge_bytes(static_cast<size_t>(indent));
    out_.append("\n" + std::string(static_cast<size_t>(indent), ' '));
  }

  void entries(const Dict& dict, int64_t indent, int64_t allowance, int level) {
    out_.append("{");
    for (size_t i = 0; i < dict.entries.size(); ++i) {
      const auto& [key, value] = dict.entries[i];
      const bool last = i + 1 == dict.entries.size();
      const Text name = to_repr(key);
      out_.append(name);
      out_.append(": ");
      format(value, indent + 1 + length(name) + 2, last ? allowance : 1, level);
      if (!last) out_.append(","), new_line(indent + 1);
    }
    out_.append("}");
  }

  void items(const List& list, int64_t indent, int64_t allowance, int level) {
    const bool tuple = list.kind == ListKind::tuple;
    const std::string_view end = !tuple ? "]" : list.items.size() == 1 ? ",)" : ")";
    out_.append(tuple ? "(" : "[");
    for (size_t i = 0; i < list.items.size(); ++i) {
      const bool last = i + 1 == list.items.size();
      if (i > 0) out_.append(","), new_line(indent + 1);
      format(list.items[i], indent + 1, last ? allowance + static_cast<int64_t>(end.size()) : 1, level);
    }
    out_.append(end);
  }

  // A long string in pieces, each a line, cut between words.
  void string(const Text& text, int64_t indent, int64_t allowance, int level) {
    if (level == 1) ++indent, ++allowance;
    const int64_t widest = kWidth - indent;
    const std::vector<std::string_view> lines = split_lines(text.bytes(), true);
    std::vector<Text> chunks;
    for (size_t i = 0; i < lines.size(); ++i) {
      const bool last = i + 1 == lines.size();
      Text whole = to_repr(text.part(lines[i]));
      if (length(whole) <= widest - (last ? allowance : 0)) {
        chunks.push_back(std::move(whole));
        continue;
      }
      std::string_view rest = lines[i], current = rest.substr(0, 0);
      while (!rest.empty()) {
        size_t end = 0;
        for (bool spaces = false; end < rest.size();) {
          const Char c = read_char(rest, end, char_classes());
          if (spaces && !is_python_space(c)) break;
          spaces = is_python_space(c);
          end += c.length;
        }
        const bool last_part = end == rest.size();
        const std::string_view candidate(current.data(), current.size() + end);
        evaluation_.charge_bytes(candidate.size() * 16);
        if (length(to_repr(text.part(candidate))) > widest - (last_part && last ? allowance : 0)) {
          if (!current.empty()) chunks.push_back(to_repr(text.part(current)));
          current = rest.substr(0, end);
        } else {
          current = candidate;
        }
        rest.remove_prefix(end);
      }
      if (!current.empty()) chunks.push_back(to_repr(text.part(current)));
    }
    if (chunks.size() == 1) return out_.append(to_repr(text));
    if (level == 1) out_.append("(");
    for (size_t i = 0; i < chunks.size(); ++i) {
      if (i > 0) new_line(indent);
      out_.append(chunks[i]);
    }
    if (level == 1) out_.append(")");
  }

  Evaluation& evaluation_;
  Text out_;
};

}  // namespace

Value pretty(const Call& c) {
  c.evaluation.charge(c.self.weight());
  return Pretty(c.evaluation).run(sorted_dicts(c.self));
}

}  // namespace hadal::jinja
