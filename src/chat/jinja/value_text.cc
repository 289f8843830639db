// How values are written: Python's str(), repr() and json.dumps().
#include <algorithm>
#include <charconv>
#include <cmath>

#include "base/error.h"
#include "chat/jinja/value.h"

namespace hadal::jinja {

std::string float_repr(double number) {
  if (std::isnan(number)) return "nan";
  if (std::isinf(number)) return number > 0 ? "inf" : "-inf";
  char buffer[64];
  const double magnitude = std::fabs(number);
  const bool plain = magnitude == 0 || (magnitude >= 1e-4 && magnitude < 1e16);
  const auto end = std::to_chars(buffer, buffer + sizeof buffer, number,
                                 plain ? std::chars_format::fixed : std::chars_format::scientific);
  std::string text(buffer, end.ptr);
  if (plain && text.find('.') == std::string::npos) text += ".0";
  return text;
}

namespace {

// Python's repr() of a string: single quotes unless there are some inside and no double ones.
void append_string_repr(Text& out, const Text& text) {
  const std::string& bytes = text.bytes();
  const bool doubled = bytes.find('\'') != std::string::npos && bytes.find('"') == std::string::npos;
  const std::string quote = doubled ? "\"" : "'";
  out.append(quote);
  for_each_character(bytes, [&](std::string_view character) {
    const Char c = read_char(character, 0, char_classes());
    const Origin origin = text.origin_of(character);
    if (character == quote || character == "\\")
      out.append("\\" + std::string(character), origin);
    else if (c.code == '\n')
      out.append("\\n", origin);
    else if (c.code == '\r')
      out.append("\\r", origin);
    else if (c.code == '\t')
      out.append("\\t", origin);
    else if (!is_printable(c))
      out.append(c.code < 0x100     ? fmt::format("\\x{:02x}", c.code)
                 : c.code < 0x10000 ? fmt::format("\\u{:04x}", c.code)
                                    : fmt::format("\\U{:08x}", c.code),
                 origin);
    else
      out.append(text, character);
  });
  out.append(quote);
}

void append_repr(Text& out, const Value& value);

void append_items(Text& out, const std::vector<Value>& items) {
  for (size_t i = 0; i < items.size(); ++i) {
    if (i > 0) out.append(", ");
    append_repr(out, items[i]);
  }
}

void append_list_repr(Text& out, const List& list) {
  static constexpr std::string_view kOpen[] = {"[", "(", "(", "dict_items([", "dict_keys([", "dict_values(["};
  static constexpr std::string_view kClose[] = {"]", ")", ")", "])", "])", "])"};
  const auto kind = static_cast<size_t>(list.kind);
  out.append(kOpen[kind]);
  append_items(out, list.items);
  if (list.kind == ListKind::tuple && list.items.size() == 1) out.append(",");
  out.append(kClose[kind]);
}

void append_dict_repr(Text& out, const Dict& dict) {
  out.append("{");
  for (size_t i = 0; i < dict.entries.size(); ++i) {
    if (i > 0) out.append(", ");
    append_repr(out, dict.entries[i].first);
    out.append(": ");
    append_repr(out, dict.entries[i].second);
  }
  out.append("}");
}

void append_repr(Text& out, const Value& value) {
  if (value.is_undefined())
    out.append("Undefined");
  else if (value.is_none())
    out.append("None", value.origin());
  else if (value.is_bool())
    out.append(value.truth() ? "True" : "False", value.origin());
  else if (value.is_integer())
    out.append(std::to_string(value.integer("repr")), value.origin());
  else if (value.is_float())
    out.append(float_repr(value.number("repr")), value.origin());
  else if (const Text* text = value.text())
    append_string_repr(out, *text);
  else if (const List* list = value.list())
    append_list_repr(out, *list);
  else if (const Dict* dict = value.dict())
    append_dict_repr(out, *dict);
  else
    out.append(value.space() != nullptr ? "<namespace>" : fmt::format("<function {}>", value.callable()->name));
}

}  // namespace

Text to_repr(const Value& value) {
  Text out;
  append_repr(out, value);
  return out;
}

Text to_text(const Value& value) {
  if (value.is_undefined()) return {};
  if (const Text* text = value.text()) return *text;
  return to_repr(value);
}

namespace {

std::string json_escape(const Char& c, std::string_view bytes, bool ensure_ascii) {
  switch (c.code) {
    case '"':
      return "\\\"";
    case '\\':
      return "\\\\";
    case '\n':
      return "\\n";
    case '\r':
      return "\\r";
    case '\t':
      return "\\t";
    case '\b':
      return "\\b";
    case '\f':
      return "\\f";
    default:
      break;
  }
  if (c.code < 0x20) return fmt::format("\\u{:04x}", c.code);
  if (c.code < 0x7F || !ensure_ascii || c.code == 0xFFFFFFFFu) return std::string(bytes);
  if (c.code < 0x10000) return fmt::format("\\u{:04x}", c.code);
  return fmt::format("\\u{:04x}\\u{:04x}", 0xD800 + ((c.code - 0x10000) >> 10), 0xDC00 + ((c.code - 0x10000) & 0x3FF));
}

class JsonWriter {
 public:
  JsonWriter(Text& out, const JsonStyle& style) : out_(out), style_(style) {}

  void write(const Value& value, int level) {
    if (const Text* text = value.text()) return string(*text);
    if (const List* list = value.list()) return array(list->items, level);
    if (const Dict* dict = value.dict()) return object(*dict, level);
    scalar(value);
  }

 private:
  void new_line(int level) {
    if (style_.one_line) return;
    out_.append("\n");
    for (int i = 0; i < level; ++i) out_.append(style_.indent);
  }
  void separate(size_t i, int level) {
    if (i > 0) out_.append(style_.item_separator);
    new_line(level + 1);
  }

  void string(const Text& text) {
    out_.append("\"");
    for_each_character(text.bytes(), [&](std::string_view character) {
      const Char c = read_char(character, 0, char_classes());
      out_.append(json_escape(c, character, style_.ensure_ascii), text.origin_of(character));
    });
    out_.append("\"");
  }

  void array(const std::vector<Value>& items, int level) {
    out_.append("[");
    for (size_t i = 0; i < items.size(); ++i) {
      separate(i, level);
      write(items[i], level + 1);
    }
    if (!items.empty()) new_line(level);
    out_.append("]");
  }

  void object(const Dict& dict, int level) {
    std::vector<const std::pair<Value, Value>*> entries;
    for (const auto& entry : dict.entries) entries.push_back(&entry);
    if (style_.sort_keys) {
      std::ranges::stable_sort(entries, [](const auto* a, const auto* b) { return compare(a->first, b->first) < 0; });
    }
    out_.append("{");
    for (size_t i = 0; i < entries.size(); ++i) {
      separate(i, level);
      key(entries[i]->first);
      out_.append(style_.key_separator);
      write(entries[i]->second, level + 1);
    }
    if (!entries.empty()) new_line(level);
    out_.append("}");
  }

  void key(const Value& key) {
    if (key.string() != nullptr) return string(*key.text());
    out_.append("\"");
    scalar(key);
    out_.append("\"");
  }

  void scalar(const Value& value) {
    const Origin origin = value.origin();
    if (value.is_none())
      out_.append("null", origin);
    else if (value.is_bool())
      out_.append(value.truth() ? "true" : "false", origin);
    else if (value.is_float() && std::isnan(value.number("tojson")))
      out_.append("NaN", origin);
    else if (value.is_float() && std::isinf(value.number("tojson")))
      out_.append(value.number("tojson") > 0 ? "Infinity" : "-Infinity", origin);
    else if (value.is_number())
      out_.append(to_repr(value));
    else
      fail("tojson: expected a value that JSON knows, found {}", type_name(value));
  }

  Text& out_;
  const JsonStyle& style_;
};

}  // namespace

Text to_json(const Value& value, const JsonStyle& style) {
  Text out;
  JsonWriter(out, style).write(value, 0);
  return out;
}

}  // namespace hadal::jinja
