// Filters whose result is a text, as jinja2/filters.py defines them; tojson as Hugging Face replaces it (json.dumps
// without HTML escapes).
#include <algorithm>
#include <charconv>
#include <cmath>
#include <cstdlib>
#include <utility>

#include "chat/jinja/call.h"

namespace hadal::jinja {
namespace {

Value join(const Call& c) {
  const Value* separator = c.get(0, "d");
  const Value* attribute = c.some(1, "attribute");
  const Text between = separator != nullptr ? to_text(*separator) : Text();
  Text out;
  bool first = true;
  for (const Value& item : c.items()) {
    if (!std::exchange(first, false)) out.append(between);
    out.append(to_text(attribute != nullptr ? attribute_of(item, *attribute) : item));
    c.evaluation.charge_bytes(between.size());
  }
  return out;
}

Value to_json_filter(const Call& c) {
  JsonStyle style;
  // Positions as in Hugging Face's function: ensure_ascii, indent, separators, sort_keys.
  style.ensure_ascii = c.flag(0, "ensure_ascii");
  if (const Value* indent = c.some(1, "indent")) {
    if (indent->text() != nullptr) {
      style.indent = *indent->string();
    } else {
      const int64_t width = indent->integer("tojson: indent");
      if (width > 64) fail("tojson: indent: expected at most 64, found {}", width);
      style.indent.assign(static_cast<size_t>(std::max<int64_t>(width, 0)), ' ');
    }
    style.one_line = false;
    style.item_separator = ",";
  }
  if (const Value* separators = c.some(2, "separators")) {
    const std::vector<Value> pair = items_of(*separators);
    if (pair.size() != 2) fail("tojson: separators: expected two, found {}", pair.size());
    style.item_separator = pair[0].text("tojson: separators");
    style.key_separator = pair[1].text("tojson: separators");
  }
  style.sort_keys = c.flag(3, "sort_keys");
  Text text = to_json(c.self, style);
  c.evaluation.charge_bytes(text.size());
  return text;
}

Value replace(const Call& c) {
  const std::string from = to_text(c.required(0, "old")).bytes();
  return text_replace(c, c.text(), from, to_text(c.required(1, "new")), c.integer(2, "count", -1));
}

Value trim(const Call& c) {
  const Text text = c.text();
  return text.part(strip(text.bytes(), c.string(0, "chars")));
}

// Each word with a capital, where a word begins behind a blank, a hyphen or an opening bracket.
Value title(const Call& c) {
  const Text text = c.text();
  Text out;
  bool begins = true;
  for_each_character(text.bytes(), [&](std::string_view character) {
    const Char one = read_char(character, 0, char_classes());
    const bool border = is_python_space(one) || std::string_view("-({[<").find(character[0]) != std::string_view::npos;
    const Text part = text.part(character);
    out.append(border ? part : begins ? to_upper(part) : to_lower(part));
    begins = border;
  });
  return out;
}

Value indent(const Call& c) {
  const Value* width = c.get(0, "width");
  Text by = "    ";
  if (width != nullptr && width->text() != nullptr)
    by = *width->text();
  else if (width != nullptr)
    by = std::string(c.width(0, "width", 4), ' ');
  const bool first = c.flag(1, "first"), blank = c.flag(2, "blank");
  const Text text = c.text();
  // A line end more, so that one at the very end stays.
  std::vector<std::string_view> lines = split_lines(text.bytes());
  const bool ends_line = !text.empty() && !split_lines(text.bytes(), true).back().empty() &&
                         lines.back().size() != split_lines(text.bytes(), true).back().size();
  if (ends_line || lines.empty()) lines.emplace_back();
  Text out;
  for (size_t i = 0; i < lines.size(); ++i) {
    if (i > 0) out.append("\n");
    if (i == 0 ? first : blank || !lines[i].empty()) out.append(by);
    out.append(text, lines[i]);
    c.evaluation.charge_bytes(by.size());
  }
  return out;
}

Text escaped(const Text& text, bool again) {
  Text out = text.markup && !again ? text : html_escape(text);
  out.markup = true;
  return out;
}

Value marked_safe(const Call& c) {
  Text text = c.text();
  text.markup = true;
  return text;
}

Value plain(const Call& c) { return c.self.text() != nullptr ? c.self : Value(to_text(c.self)); }

Value format(const Call& c) {
  if (!c.arguments.named.empty()) {
    if (!c.arguments.positional.empty()) fail("format: expected values or named values, found both");
    Dict named;
    for (const auto& [name, value] : c.arguments.named) named.set(name, value);
    return percent_format(c.evaluation, c.text(), named);
  }
  return percent_format(c.evaluation, c.text(), {c.arguments.positional, ListKind::tuple});
}

Value truncate(const Call& c) {
  const int64_t length = c.integer(0, "length", 255);
  const Value* given_end = c.get(2, "end");
  const Text end = given_end != nullptr ? given_end->text("truncate: end") : Text("...");
  const auto n_end = static_cast<int64_t>(num_characters(end.bytes()));
  const int64_t leeway = c.integer(3, "leeway", 5);
  const Text text = c.text();
  if (length < n_end) fail("truncate: expected a length of at least {}, found {}", n_end, length);
  if (static_cast<int64_t>(num_characters(text.bytes())) <= length + leeway) return text;
  size_t bytes = 0;
  int64_t n = 0;
  for_each_character(text.bytes(), [&](std::string_view character) {
    if (n++ < length - n_end) bytes += character.size();
  });
  std::string_view kept = std::string_view(text.bytes()).substr(0, bytes);
  if (!c.flag(1, "killwords")) kept = kept.substr(0, std::min(kept.rfind(' '), kept.size()));
  Text out = text.part(kept);
  out.append(end);
  return out;
}

std::string percent_encoded(std::string_view text, std::string_view safe) {
  std::string out;
  for (const char c : text) {
    const bool plain = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
                       std::string_view("_.-~").find(c) != std::string_view::npos ||
                       safe.find(c) != std::string_view::npos;
    out += plain ? std::string(1, c) : fmt::format("%{:02X}", static_cast<uint8_t>(c));
  }
  return out;
}

Text encoded(const Text& text, bool query) {
  Text out;
  for_each_character(text.bytes(), [&](std::string_view character) {
    if (query && character == " ") return out.append("+", text.origin_of(character));
    out.append(percent_encoded(character, query ? "" : "/"), text.origin_of(character));
  });
  return out;
}

Value url_encode(const Call& c) {
  if (c.self.dict() == nullptr && c.self.list() == nullptr) return encoded(c.text(), false);
  std::vector<Value> pairs;
  if (c.self.dict() != nullptr) {
    for (const auto& [key, value] : c.self.dict()->entries) pairs.push_back(std::vector<Value>{key, value});
  } else {
    pairs = c.items();
  }
  Text out;
  for (size_t i = 0; i < pairs.size(); ++i) {
    const std::vector<Value> pair = items_of(pairs[i]);
    if (pair.size() != 2) fail("urlencode: expected pairs of a name and a value");
    if (i > 0) out.append("&");
    out.append(encoded(to_text(pair[0]), true));
    out.append("=");
    out.append(encoded(to_text(pair[1]), true));
  }
  return out;
}

// Without comments and tags; white space becomes single blanks; HTML's five escapes and its numbers are undone.
Text unescaped(const Text& text) {
  static constexpr std::pair<std::string_view, std::string_view> kNames[] = {
      {"&lt;", "<"}, {"&gt;", ">"}, {"&amp;", "&"}, {"&quot;", "\""}, {"&apos;", "'"}, {"&nbsp;", "\xC2\xA0"}};
  Text out;
  std::string_view rest = text.bytes();
  while (!rest.empty()) {
    const size_t at = std::min(rest.find('&'), rest.size());
    out.append(text, rest.substr(0, at));
    rest.remove_prefix(at);
    if (rest.empty()) break;
    const Origin origin = text.origin_of(rest);
    const auto named = std::ranges::find_if(kNames, [&](const auto& name) { return rest.starts_with(name.first); });
    const size_t end = rest.substr(0, 12).find(';');
    if (named != std::end(kNames)) {
      out.append(named->second, origin);
      rest.remove_prefix(named->first.size());
      continue;
    }
    const bool hex = rest.size() > 2 && (rest[2] == 'x' || rest[2] == 'X');
    uint32_t code = 0;
    if (rest.size() > 2 && rest[1] == '#' && end != std::string_view::npos) {
      const char* last = rest.data() + end;
      const auto read = std::from_chars(rest.data() + (hex ? 3 : 2), last, code, hex ? 16 : 10);
      if (read.ptr == last && read.ec == std::errc{} && code > 0 && code <= 0x10FFFF &&
          (code < 0xD800 || code > 0xDFFF)) {
        std::string one;
        append_utf8(one, code);
        out.append(one, origin);
        rest.remove_prefix(end + 1);
        continue;
      }
    }
    out.append(text, rest.substr(0, 1));
    rest.remove_prefix(1);
  }
  return out;
}

Text without(const Text& text, std::string_view open, std::string_view close) {
  Text out;
  std::string_view rest = text.bytes();
  for (size_t begin; (begin = rest.find(open)) != std::string_view::npos;) {
    const size_t end = rest.find(close, begin);
    if (end == std::string_view::npos) break;
    out.append(text, rest.substr(0, begin));
    rest.remove_prefix(end + close.size());
  }
  out.append(text, rest);
  return out;
}

Value strip_tags(const Call& c) {
  const Text bare = without(without(c.text(), "<!--", "-->"), "<", ">");
  Text words;
  bool begun = false, blank = false;
  for_each_character(bare.bytes(), [&](std::string_view character) {
    if (is_python_space(read_char(character, 0, char_classes()))) {
      blank = begun;
      return;
    }
    if (std::exchange(blank, false)) words.append(" ");
    begun = true;
    words.append(bare, character);
  });
  return unescaped(words);
}

Value word_count(const Call& c) {
  int64_t n = 0;
  bool inside = false;
  for_each_character(c.text().bytes(), [&](std::string_view character) {
    const Char one = read_char(character, 0, char_classes());
    const bool word = one.is(kLetter) || is_numeric(one) || one.code == '_';
    n += word && !inside;
    inside = word;
  });
  return n;
}

Value file_size(const Call& c) {
  const bool binary = c.flag(0, "binary");
  const double bytes =
      c.self.text() != nullptr ? std::strtod(c.self.string()->c_str(), nullptr) : c.self.number("filesizeformat");
  const double base = binary ? 1024 : 1000;
  if (bytes == 1) return std::string("1 Byte");
  if (bytes < base) return fmt::format("{} Bytes", static_cast<int64_t>(bytes));
  static constexpr std::string_view kLetters = "kMGTPEZY";
  double unit = base;
  size_t i = 0;
  for (; i + 1 < kLetters.size() && bytes >= unit * base; ++i) unit *= base;
  const std::string letter(1, binary && kLetters[i] == 'k' ? 'K' : kLetters[i]);
  return fmt::format("{:.1f} {}{}B", bytes / unit, letter, binary ? "i" : "");
}

Value xml_attributes(const Call& c) {
  if (c.self.dict() == nullptr) fail("xmlattr: expected a dict, found {}", type_name(c.self));
  Text out;
  for (const auto& [key, value] : c.self.dict()->entries) {
    if (value.is_none() || value.is_undefined()) continue;
    const Text name = to_text(key);
    if (name.bytes().find_first_of(" \t\n\r\f\v/>=") != std::string::npos)
      fail("xmlattr: expected names of attributes, found a blank or one of / > = in one");
    if (!out.empty()) out.append(" ");
    out.append(escaped(name, false));
    out.append("=\"");
    out.append(escaped(to_text(value), false));
    out.append("\"");
  }
  if (!c.flag(0, "autospace", true) || out.empty()) return out;
  Text spaced(" ");
  spaced.append(out);
  return spaced;
}

Value reverse_text(const Call& c) {
  Text out;
  const std::vector<Value> items = c.items();
  for (auto item = items.rbegin(); item != items.rend(); ++item) out.append(*item->text());
  return out;
}

Value centre(const Call& c) { return centered(c.text(), c.width(0, "width", 80), " "); }

}  // namespace

const FunctionTable& text_filters() {
  static const FunctionTable table = {
      {"join", join},
      {"tojson", to_json_filter},
      {"replace", replace},
      {"trim", trim},
      {"indent", indent},
      {"escape", [](const Call& c) -> Value { return escaped(c.text(), false); }},
      {"e", [](const Call& c) -> Value { return escaped(c.text(), false); }},
      {"forceescape", [](const Call& c) -> Value { return escaped(c.text(), true); }},
      {"safe", marked_safe},
      {"upper", [](const Call& c) -> Value { return to_upper(c.text()); }},
      {"lower", [](const Call& c) -> Value { return to_lower(c.text()); }},
      {"title", title},
      {"capitalize", [](const Call& c) -> Value { return to_capitalized(c.text()); }},
      {"center", centre},
      {"string", plain},
      {"format", format},
      {"truncate", truncate},
      {"urlencode", url_encode},
      {"urlize", urlize},
      {"striptags", strip_tags},
      {"wordcount", word_count},
      {"wordwrap", word_wrap},
      {"filesizeformat", file_size},
      {"xmlattr", xml_attributes},
      {"pprint", pretty},
      {"reverse", [](const Call& c) -> Value { return c.self.text() != nullptr ? reverse_text(c) : reversed(c); }}};
  return table;
}

}  // namespace hadal::jinja
