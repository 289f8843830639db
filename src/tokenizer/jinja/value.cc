#include "tokenizer/jinja/value.h"

#include <algorithm>
#include <charconv>
#include <cmath>

#include "base/error.h"
#include "tokenizer/jinja/text.h"
#include "tokenizer/unicode.h"

namespace hadal::jinja {
namespace {

void check_depth(int depth) {
  if (depth > kMaxValueDepth) fail("expected lists and dicts nested at most {} deep, found more", kMaxValueDepth);
}

// The extent of what holds a value of extent `part`.
void widen(Extent& whole, Extent part) {
  whole.depth = std::max(whole.depth, part.depth + 1);
  whole.weight += part.weight;
  check_depth(whole.depth);
  if (whole.weight > kMaxWeight)
    fail("expected lists and dicts with at most {} values in them, found more", kMaxWeight);
}

}  // namespace

const Value* Dict::find(std::string_view key) const {
  for (const auto& [name, value] : entries) {
    if (name == key) return &value;
  }
  return nullptr;
}

void Dict::set(std::string key, Value value) {
  for (auto& [name, old] : entries) {
    if (name == key) {
      old = std::move(value);
      return;
    }
  }
  entries.emplace_back(std::move(key), std::move(value));
}

const Value* Arguments::get(size_t index, std::string_view name) const {
  if (index < positional.size()) return &positional[index];
  for (const auto& [key, value] : named) {
    if (key == name) return &value;
  }
  return nullptr;
}

Value::Value(std::vector<Value> items) {
  Extent extent;
  for (const Value& item : items) widen(extent, item.extent());
  data_ = std::make_shared<const List>(List{std::move(items), extent});
}

Value::Value(Dict dict) {
  dict.extent = {};
  for (const auto& [key, value] : dict.entries) {
    widen(dict.extent, value.extent());
    dict.extent.weight += key.size() / 16;
  }
  data_ = std::make_shared<const Dict>(std::move(dict));
}

Extent Value::extent() const {
  if (const List* items = list()) return items->extent;
  if (const Dict* entries = dict()) return entries->extent;
  if (const std::string* text = string()) return {0, 1 + text->size() / 16};
  return {};
}

bool Value::truth() const {
  if (is_undefined() || is_none()) return false;
  if (const bool* b = std::get_if<bool>(&data_)) return *b;
  if (const int64_t* i = std::get_if<int64_t>(&data_)) return *i != 0;
  if (const double* d = std::get_if<double>(&data_)) return *d != 0;
  if (const std::string* s = string()) return !s->empty();
  if (const List* l = list()) return !l->items.empty();
  if (const Dict* d = dict()) return !d->entries.empty();
  return true;
}

int64_t Value::integer(std::string_view who) const {
  if (const bool* b = std::get_if<bool>(&data_)) return *b;
  if (const int64_t* i = std::get_if<int64_t>(&data_)) return *i;
  fail("{}: expected an integer, found {}", who, type_name(*this));
}

double Value::number(std::string_view who) const {
  if (const double* d = std::get_if<double>(&data_)) return *d;
  if (!is_number()) fail("{}: expected a number, found {}", who, type_name(*this));
  return static_cast<double>(integer(who));
}

const std::string& Value::text(std::string_view who) const {
  if (const std::string* s = string()) return *s;
  fail("{}: expected a string, found {}", who, type_name(*this));
}

Value value_of_json(const OrderedJson& json, int depth) {
  check_depth(depth);
  switch (json.type()) {
    case OrderedJson::value_t::null:
      return None{};
    case OrderedJson::value_t::boolean:
      return json.get<bool>();
    case OrderedJson::value_t::number_integer:
      return json.get<int64_t>();
    case OrderedJson::value_t::number_unsigned:
      if (json.get<uint64_t>() > INT64_MAX) return json.get<double>();
      return json.get<int64_t>();
    case OrderedJson::value_t::number_float:
      return json.get<double>();
    case OrderedJson::value_t::string:
      return json.get<std::string>();
    case OrderedJson::value_t::array: {
      std::vector<Value> items;
      for (const auto& item : json) items.push_back(value_of_json(item, depth + 1));
      return items;
    }
    case OrderedJson::value_t::object: {
      Dict dict;
      for (const auto& [key, value] : json.items()) dict.entries.emplace_back(key, value_of_json(value, depth + 1));
      return dict;
    }
    default:
      fail("expected a JSON value, found {}", json.type_name());
  }
}

std::string type_name(const Value& value) {
  if (value.is_undefined()) {
    const std::string& name = value.undefined().name;
    return name.empty() ? "an undefined value" : fmt::format("'{}', which is undefined", name);
  }
  if (value.is_none()) return "None";
  if (value.is_bool()) return "a bool";
  if (value.is_integer()) return "an int";
  if (value.is_float()) return "a float";
  if (value.string() != nullptr) return "a string";
  if (value.list() != nullptr) return "a list";
  if (value.dict() != nullptr) return "a dict";
  return value.space() != nullptr ? "a namespace" : "a function";
}

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
void append_string_repr(std::string& out, const std::string& text) {
  const char quote = text.find('\'') != std::string::npos && text.find('"') == std::string::npos ? '"' : '\'';
  out += quote;
  for (const char c : text) {
    if (c == quote || c == '\\')
      (out += '\\') += c;
    else if (c == '\n')
      out += "\\n";
    else if (c == '\r')
      out += "\\r";
    else if (c == '\t')
      out += "\\t";
    else if (static_cast<uint8_t>(c) < 0x20 || c == 0x7F)
      out += fmt::format("\\x{:02x}", static_cast<uint8_t>(c));
    else
      out += c;
  }
  out += quote;
}

void append_repr(std::string& out, const Value& value) {
  if (value.is_undefined())
    out += "Undefined";
  else if (value.is_none())
    out += "None";
  else if (value.is_bool())
    out += value.truth() ? "True" : "False";
  else if (value.is_integer())
    out += std::to_string(value.integer("repr"));
  else if (value.is_float())
    out += float_repr(value.number("repr"));
  else if (const std::string* text = value.string())
    append_string_repr(out, *text);
  else if (const List* list = value.list()) {
    out += '[';
    for (size_t i = 0; i < list->items.size(); ++i) {
      if (i > 0) out += ", ";
      append_repr(out, list->items[i]);
    }
    out += ']';
  } else if (const Dict* dict = value.dict()) {
    out += '{';
    for (size_t i = 0; i < dict->entries.size(); ++i) {
      if (i > 0) out += ", ";
      append_string_repr(out, dict->entries[i].first);
      out += ": ";
      append_repr(out, dict->entries[i].second);
    }
    out += '}';
  } else {
    out += value.space() != nullptr ? "<namespace>" : fmt::format("<function {}>", value.callable()->name);
  }
}

}  // namespace

std::string to_repr(const Value& value) {
  std::string out;
  append_repr(out, value);
  return out;
}

std::string to_text(const Value& value) {
  if (value.is_undefined()) return "";
  if (const std::string* text = value.string()) return *text;
  return to_repr(value);
}

bool equal(const Value& a, const Value& b) {
  if (a.is_number() && b.is_number()) {
    if (a.is_float() || b.is_float()) return a.number("==") == b.number("==");
    return a.integer("==") == b.integer("==");
  }
  if (a.string() != nullptr && b.string() != nullptr) return *a.string() == *b.string();
  if (a.list() != nullptr && b.list() != nullptr) {
    return std::ranges::equal(a.list()->items, b.list()->items, equal);
  }
  if (a.dict() != nullptr && b.dict() != nullptr) {
    if (a.dict()->entries.size() != b.dict()->entries.size()) return false;
    return std::ranges::all_of(a.dict()->entries, [&](const auto& entry) {
      const Value* other = b.dict()->find(entry.first);
      return other != nullptr && equal(entry.second, *other);
    });
  }
  if (a.space() != nullptr || a.callable() != nullptr) return a.space() == b.space() && a.callable() == b.callable();
  return (a.is_none() && b.is_none()) || (a.is_undefined() && b.is_undefined());
}

int compare(const Value& a, const Value& b) {
  if (a.is_number() && b.is_number()) {
    const double x = a.number("<"), y = b.number("<");
    return x < y ? -1 : x > y;
  }
  if (a.string() != nullptr && b.string() != nullptr) return a.string()->compare(*b.string());
  if (a.list() != nullptr && b.list() != nullptr) {
    const auto &x = a.list()->items, &y = b.list()->items;
    for (size_t i = 0; i < x.size() && i < y.size(); ++i) {
      if (!equal(x[i], y[i])) return compare(x[i], y[i]);
    }
    return x.size() < y.size() ? -1 : x.size() > y.size();
  }
  fail("comparison: expected two numbers, strings or lists, found {} and {}", type_name(a), type_name(b));
}

std::vector<Value> items_of(const Value& value) {
  if (value.is_undefined()) return {};
  if (const List* list = value.list()) return list->items;
  std::vector<Value> items;
  if (const Dict* dict = value.dict()) {
    for (const auto& entry : dict->entries) items.emplace_back(entry.first);
    return items;
  }
  if (const std::string* text = value.string()) {
    for_each_character(*text, [&](std::string_view character) { items.emplace_back(std::string(character)); });
    return items;
  }
  fail("expected a list, dict or string to go through, found {}", type_name(value));
}

namespace {

void append_json_string(std::string& out, const std::string& text, bool ensure_ascii) {
  out += '"';
  const uint8_t* classes = char_classes();
  for (size_t i = 0; i < text.size();) {
    const Char c = read_char(text, i, classes);
    const std::string_view bytes = std::string_view(text).substr(i, c.length);
    i += c.length;
    if (c.code == '"' || c.code == '\\')
      (out += '\\') += bytes;
    else if (c.code == '\n')
      out += "\\n";
    else if (c.code == '\r')
      out += "\\r";
    else if (c.code == '\t')
      out += "\\t";
    else if (c.code == '\b')
      out += "\\b";
    else if (c.code == '\f')
      out += "\\f";
    else if (c.code < 0x20)
      out += fmt::format("\\u{:04x}", c.code);
    else if (c.code < 0x7F || !ensure_ascii || c.code == 0xFFFFFFFFu)
      out += bytes;
    else if (c.code < 0x10000)
      out += fmt::format("\\u{:04x}", c.code);
    else
      out +=
          fmt::format("\\u{:04x}\\u{:04x}", 0xD800 + ((c.code - 0x10000) >> 10), 0xDC00 + ((c.code - 0x10000) & 0x3FF));
  }
  out += '"';
}

void append_json(std::string& out, const Value& value, const JsonStyle& style, int level) {
  const auto new_line = [&](int at) {
    if (style.indent >= 0) out.append("\n").append(static_cast<size_t>(style.indent) * static_cast<size_t>(at), ' ');
  };
  const auto separate = [&](size_t i) {
    if (i > 0) out += style.item_separator;
    new_line(level + 1);
  };
  if (const std::string* text = value.string()) return append_json_string(out, *text, style.ensure_ascii);
  if (const List* list = value.list()) {
    out += '[';
    for (size_t i = 0; i < list->items.size(); ++i) {
      separate(i);
      append_json(out, list->items[i], style, level + 1);
    }
    if (!list->items.empty()) new_line(level);
    out += ']';
    return;
  }
  if (const Dict* dict = value.dict()) {
    std::vector<const std::pair<std::string, Value>*> entries;
    for (const auto& entry : dict->entries) entries.push_back(&entry);
    if (style.sort_keys)
      std::ranges::sort(entries, {}, [](const auto* entry) -> const std::string& { return entry->first; });
    out += '{';
    for (size_t i = 0; i < entries.size(); ++i) {
      separate(i);
      append_json_string(out, entries[i]->first, style.ensure_ascii);
      out += style.key_separator;
      append_json(out, entries[i]->second, style, level + 1);
    }
    if (!entries.empty()) new_line(level);
    out += '}';
    return;
  }
  if (value.is_none())
    out += "null";
  else if (value.is_bool())
    out += value.truth() ? "true" : "false";
  else if (value.is_float() && std::isnan(value.number("tojson")))
    out += "NaN";
  else if (value.is_float() && std::isinf(value.number("tojson")))
    out += value.number("tojson") > 0 ? "Infinity" : "-Infinity";
  else if (value.is_number())
    out += to_repr(value);
  else
    fail("tojson: expected a value that JSON knows, found {}", type_name(value));
}

}  // namespace

std::string to_json(const Value& value, const JsonStyle& style) {
  std::string out;
  append_json(out, value, style, 0);
  return out;
}

}  // namespace hadal::jinja
