// Filters, as jinja2/filters.py defines them; tojson as Hugging Face replaces it (json.dumps without HTML escapes).
#include <algorithm>
#include <charconv>
#include <cmath>
#include <unordered_map>
#include <utility>

#include "base/error.h"
#include "tokenizer/jinja/builtins.h"
#include "tokenizer/jinja/text.h"

namespace hadal::jinja {
namespace {

struct Call {
  Evaluation& evaluation;
  const std::string& name;
  const Value& value;
  const Arguments& arguments;

  const Value* get(size_t index, std::string_view parameter) const { return arguments.get(index, parameter); }
  bool flag(size_t index, std::string_view parameter) const {
    const Value* given = get(index, parameter);
    return given != nullptr && given->truth();
  }
  std::string text() const { return to_text(value); }
  std::vector<Value> items() const {
    std::vector<Value> all = items_of(value);
    evaluation.charge(all.size());
    return all;
  }
};

using Filter = Value (*)(const Call&);

// "a.b" or "0": an attribute of an attribute, or an index.
Value attribute_of(const Value& value, const Value& path) {
  if (path.string() == nullptr) return get_item(value, path);
  Value found = value;
  std::string_view rest = *path.string();
  while (true) {
    const size_t dot = rest.find('.');
    const std::string_view part = rest.substr(0, dot);
    int64_t index = 0;
    const auto [end, error] = std::from_chars(part.data(), part.data() + part.size(), index);
    const bool is_index = !part.empty() && error == std::errc{} && end == part.data() + part.size();
    found = get_item(found, is_index ? Value(index) : Value(std::string(part)));
    if (dot == std::string_view::npos) return found;
    rest.remove_prefix(dot + 1);
  }
}

Value default_value(const Call& c) {
  const bool replace = c.value.is_undefined() || (c.flag(1, "boolean") && !c.value.truth());
  if (!replace) return c.value;
  const Value* given = c.get(0, "default_value");
  return given != nullptr ? *given : Value(std::string());
}

Value length(const Call& c) {
  if (c.value.is_undefined()) return int64_t{0};
  if (const std::string* text = c.value.string()) return Value::of(num_characters(*text));
  if (const List* list = c.value.list()) return Value::of(list->items.size());
  if (const Dict* dict = c.value.dict()) return Value::of(dict->entries.size());
  fail("length: expected a string, list or dict, found {}", type_name(c.value));
}

Value join(const Call& c) {
  const Value* separator = c.get(0, "d");
  const Value* attribute = c.get(1, "attribute");
  const std::string between = separator != nullptr ? to_text(*separator) : "";
  std::string out;
  bool first = true;
  for (const Value& item : c.items()) {
    if (!std::exchange(first, false)) out += between;
    out += to_text(attribute != nullptr ? attribute_of(item, *attribute) : item);
    c.evaluation.charge_bytes(out.size() > Evaluation::kMaxBytes ? out.size() : between.size());
  }
  return out;
}

Value to_json_filter(const Call& c) {
  JsonStyle style;
  // Positions as in Hugging Face's function: ensure_ascii, indent, separators, sort_keys.
  style.ensure_ascii = c.flag(0, "ensure_ascii");
  if (const Value* indent = c.get(1, "indent"); indent != nullptr && !indent->is_none()) {
    const int64_t width = indent->integer("tojson: indent");
    if (width < 0 || width > 64) fail("tojson: indent: expected 0 to 64, found {}", width);
    style.indent = static_cast<int>(width);
    style.item_separator.assign(1, ',');
  }
  if (const Value* separators = c.get(2, "separators"); separators != nullptr && !separators->is_none()) {
    const std::vector<Value> pair = items_of(*separators);
    if (pair.size() != 2) fail("tojson: separators: expected two, found {}", pair.size());
    style.item_separator = pair[0].text("tojson: separators");
    style.key_separator = pair[1].text("tojson: separators");
  }
  style.sort_keys = c.flag(3, "sort_keys");
  std::string text = to_json(c.value, style);
  c.evaluation.charge_bytes(text.size());
  return text;
}

Value replace(const Call& c) {
  const Value *from = c.get(0, "old"), *to = c.get(1, "new"), *count = c.get(2, "count");
  if (from == nullptr || to == nullptr) fail("replace: expected two arguments, found fewer");
  const Value text(c.text());
  Arguments arguments{{Value(to_text(*from)), Value(to_text(*to))}, {}};
  if (count != nullptr && !count->is_none()) arguments.positional.push_back(*count);
  return find_method(text, "replace").callable()->call(c.evaluation, arguments);
}

Value trim(const Call& c) {
  const Value* characters = c.get(0, "chars");
  const std::string text = c.text();
  return std::string(strip(text, characters == nullptr || characters->is_none() ? "" : characters->text("trim")));
}

Value first(const Call& c) {
  const std::vector<Value> items = c.items();
  return items.empty() ? Value(Undefined{"first"}) : items.front();
}

Value last(const Call& c) {
  const std::vector<Value> items = c.items();
  return items.empty() ? Value(Undefined{"last"}) : items.back();
}

Value to_integer(const Call& c) {
  const Value* given = c.get(0, "default");
  const Value otherwise = given != nullptr ? *given : Value(int64_t{0});
  if (c.value.is_integer() || c.value.is_bool()) return c.value.integer("int");
  double number = 0;
  if (const std::string* text = c.value.string()) {
    const std::string_view digits = strip(*text);
    const std::string_view unsigned_digits = digits.substr(digits.starts_with('+') ? 1 : 0);
    const char* end = unsigned_digits.data() + unsigned_digits.size();
    int64_t integer = 0;
    if (const auto r = std::from_chars(unsigned_digits.data(), end, integer); r.ec == std::errc{} && r.ptr == end)
      return integer;
    if (const auto r = std::from_chars(unsigned_digits.data(), end, number); r.ec != std::errc{} || r.ptr != end)
      return otherwise;
  } else if (c.value.is_float()) {
    number = c.value.number("int");
  } else {
    return otherwise;
  }
  return std::fabs(number) < 9.2e18 ? Value(static_cast<int64_t>(number)) : otherwise;
}

Value to_float(const Call& c) {
  const Value* given = c.get(0, "default");
  if (c.value.is_number()) return c.value.number("float");
  if (const std::string* text = c.value.string()) {
    const std::string_view digits = strip(*text);
    double number = 0;
    const auto r = std::from_chars(digits.data(), digits.data() + digits.size(), number);
    if (r.ec == std::errc{} && r.ptr == digits.data() + digits.size()) return number;
  }
  return given != nullptr ? *given : Value(0.0);
}

Value items_filter(const Call& c) {
  if (c.value.is_undefined()) return std::vector<Value>();
  if (c.value.dict() == nullptr) fail("items: expected a dict, found {}", type_name(c.value));
  return find_method(c.value, "items").callable()->call(c.evaluation, {});
}

Value map(const Call& c) {
  std::vector<Value> out;
  const Value *attribute = c.get(SIZE_MAX, "attribute"), *otherwise = c.get(SIZE_MAX, "default");
  Arguments rest;
  std::string filter;
  if (attribute == nullptr) {
    if (c.arguments.positional.empty()) fail("map: expected the name of a filter or attribute=, found neither");
    filter = c.arguments.positional[0].text("map");
    rest = {{c.arguments.positional.begin() + 1, c.arguments.positional.end()}, c.arguments.named};
  }
  for (const Value& item : c.items()) {
    if (attribute == nullptr) {
      out.push_back(apply_filter(c.evaluation, filter, item, rest));
    } else {
      Value found = attribute_of(item, *attribute);
      out.push_back(found.is_undefined() && otherwise != nullptr ? *otherwise : std::move(found));
    }
  }
  return out;
}

template <bool kKeep, bool kAttribute>  // select, reject, selectattr, rejectattr
Value choose(const Call& c) {
  const auto& given = c.arguments.positional;
  const size_t test_at = kAttribute ? 1 : 0;
  if (kAttribute && given.empty()) fail("{}: expected the name of an attribute, found none", c.name);
  const bool tested = given.size() > test_at;
  const std::string test = tested ? given[test_at].text(c.name) : "";
  const Arguments rest{tested ? std::vector<Value>(given.begin() + static_cast<ptrdiff_t>(test_at) + 1, given.end())
                              : std::vector<Value>(),
                       {}};
  std::vector<Value> out;
  for (const Value& item : c.items()) {
    const Value subject = kAttribute ? attribute_of(item, given[0]) : item;
    if ((tested ? apply_test(test, subject, rest) : subject.truth()) == kKeep) out.push_back(item);
  }
  return out;
}

// Strings are compared without case unless case_sensitive, as Jinja does.
Value sort_key(const Value& value, bool case_sensitive) {
  return !case_sensitive && value.string() != nullptr ? Value(to_lower(*value.string())) : value;
}

std::vector<Value> sorted(const std::vector<Value>& items, std::vector<Value> keys, bool reverse) {
  std::vector<size_t> order(items.size());
  for (size_t i = 0; i < order.size(); ++i) order[i] = i;
  std::stable_sort(order.begin(), order.end(), [&](size_t a, size_t b) {
    return reverse ? compare(keys[b], keys[a]) < 0 : compare(keys[a], keys[b]) < 0;
  });
  std::vector<Value> out;
  for (const size_t i : order) out.push_back(items[i]);
  return out;
}

Value sort(const Call& c) {
  const std::vector<Value> items = c.items();
  const Value* attribute = c.get(2, "attribute");
  std::vector<Value> keys;
  for (const Value& item : items) {
    keys.push_back(sort_key(attribute != nullptr ? attribute_of(item, *attribute) : item, c.flag(1, "case_sensitive")));
  }
  return sorted(items, std::move(keys), c.flag(0, "reverse"));
}

Value dict_sort(const Call& c) {
  const std::vector<Value> items = items_of(items_filter(c));
  const Value* by = c.get(1, "by");
  const size_t which = by != nullptr && to_text(*by) == "value" ? 1 : 0;
  std::vector<Value> keys;
  for (const Value& item : items) keys.push_back(sort_key(item.list()->items[which], c.flag(0, "case_sensitive")));
  return sorted(items, std::move(keys), c.flag(2, "reverse"));
}

Value unique(const Call& c) {
  std::vector<Value> out, keys;
  for (const Value& item : c.items()) {
    Value key = sort_key(item, c.flag(0, "case_sensitive"));
    c.evaluation.charge(keys.size());
    if (std::ranges::any_of(keys, [&](const Value& seen) { return equal(seen, key); })) continue;
    keys.push_back(std::move(key));
    out.push_back(item);
  }
  return out;
}

template <int kSign>  // 1: max, -1: min
Value extreme(const Call& c) {
  const std::vector<Value> items = c.items();
  if (items.empty()) return Undefined{c.name};
  Value best = items[0];
  for (const Value& item : items) {
    if (kSign * compare(sort_key(item, false), sort_key(best, false)) > 0) best = item;
  }
  return best;
}

Value sum(const Call& c) {
  const Value *attribute = c.get(0, "attribute"), *start = c.get(1, "start");
  Value total = start != nullptr ? *start : Value(int64_t{0});
  for (const Value& item : c.items()) {
    total = arithmetic(c.evaluation, "+", total, attribute != nullptr ? attribute_of(item, *attribute) : item);
  }
  return total;
}

Value round(const Call& c) {
  const Value* precision = c.get(0, "precision");
  const double scale = std::pow(10.0, precision != nullptr ? precision->number("round") : 0.0);
  const double number = c.value.number("round") * scale;
  const Value* method = c.get(1, "method");
  const std::string how = method != nullptr ? method->text("round") : "common";
  if (how == "ceil") return std::ceil(number) / scale;
  return (how == "floor" ? std::floor(number) : std::nearbyint(number)) / scale;
}

Value reverse(const Call& c) {
  std::vector<Value> items = c.items();
  std::reverse(items.begin(), items.end());
  if (c.value.string() == nullptr) return items;
  std::string text;
  for (const Value& character : items) text += *character.string();
  return text;
}

Value indent(const Call& c) {
  const Value* width = c.get(0, "width");
  std::string by = "    ";
  if (width != nullptr && width->string() != nullptr)
    by = *width->string();
  else if (width != nullptr)
    by.assign(static_cast<size_t>(std::clamp<int64_t>(width->integer("indent"), 0, 1000)), ' ');
  const bool first_line = c.flag(1, "first"), blank_lines = c.flag(2, "blank");
  const std::string text = c.text();
  std::string out;
  for (size_t at = 0, line = 0; at <= text.size(); ++line) {
    const size_t end = std::min(text.find('\n', at), text.size());
    if (line > 0) out += '\n';
    if ((line > 0 || first_line) && (blank_lines || end > at)) out += by;
    out.append(text, at, end - at);
    c.evaluation.charge_bytes(out.size() > Evaluation::kMaxBytes ? out.size() : by.size());
    at = end + 1;
  }
  return out;
}

Value escape(const Call& c) {
  std::string out;
  for (const char ch : c.text()) {
    if (ch == '&')
      out += "&amp;";
    else if (ch == '<')
      out += "&lt;";
    else if (ch == '>')
      out += "&gt;";
    else if (ch == '"')
      out += "&#34;";
    else if (ch == '\'')
      out += "&#39;";
    else
      out += ch;
  }
  return out;
}

Value absolute(const Call& c) {
  if (c.value.is_float()) return std::fabs(c.value.number("abs"));
  const int64_t number = c.value.integer("abs");
  return number < 0 ? arithmetic(c.evaluation, "-", Value(int64_t{0}), Value(number)) : Value(number);
}

const std::unordered_map<std::string_view, Filter>& filters() {
  static const std::unordered_map<std::string_view, Filter> table = {
      {"default", default_value},
      {"d", default_value},
      {"length", length},
      {"count", length},
      {"join", join},
      {"tojson", to_json_filter},
      {"replace", replace},
      {"trim", trim},
      {"first", first},
      {"last", last},
      {"int", to_integer},
      {"float", to_float},
      {"items", items_filter},
      {"map", map},
      {"select", choose<true, false>},
      {"reject", choose<false, false>},
      {"selectattr", choose<true, true>},
      {"rejectattr", choose<false, true>},
      {"sort", sort},
      {"dictsort", dict_sort},
      {"unique", unique},
      {"max", extreme<1>},
      {"min", extreme<-1>},
      {"sum", sum},
      {"round", round},
      {"reverse", reverse},
      {"indent", indent},
      {"escape", escape},
      {"e", escape},
      {"abs", absolute},
      {"upper", [](const Call& c) -> Value { return to_upper(c.text()); }},
      {"lower", [](const Call& c) -> Value { return to_lower(c.text()); }},
      {"title", [](const Call& c) -> Value { return to_title(c.text()); }},
      {"capitalize", [](const Call& c) -> Value { return to_capitalized(c.text()); }},
      {"string", [](const Call& c) -> Value { return c.text(); }},
      {"safe", [](const Call& c) -> Value { return c.text(); }},
      {"list", [](const Call& c) -> Value { return c.items(); }},
      {"attr", [](const Call& c) -> Value {
         const Value* name = c.get(0, "name");
         return get_attribute(c.value, name != nullptr ? name->text("attr") : "");
       }}};
  return table;
}

}  // namespace

Value apply_filter(Evaluation& evaluation, const std::string& name, const Value& value, const Arguments& arguments) {
  const auto found = filters().find(name);
  if (found == filters().end()) fail("filter: expected one that is supported, found \"{}\"", name);
  evaluation.charge(value.weight());
  return found->second({evaluation, name, value, arguments});
}

}  // namespace hadal::jinja
