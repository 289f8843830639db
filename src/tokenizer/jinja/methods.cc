// Methods of strings, dicts and lists that do not change them.
#include <algorithm>
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
  const Value& self;
  const Arguments& arguments;

  const std::string& text() const { return *self.string(); }
  const Value& required(size_t index, std::string_view parameter) const {
    const Value* value = arguments.get(index, parameter);
    if (value == nullptr) fail("{}: expected an argument \"{}\", found none", name, parameter);
    return *value;
  }
  std::string_view text_or_none(size_t index, std::string_view parameter) const {  // {} when absent or none
    const Value* value = arguments.get(index, parameter);
    return value == nullptr || value->is_none() ? std::string_view() : std::string_view(value->text(name));
  }
  int64_t integer_or(size_t index, std::string_view parameter, int64_t otherwise) const {
    const Value* value = arguments.get(index, parameter);
    return value == nullptr ? otherwise : value->integer(name);
  }
};

using Method = Value (*)(const Call&);

std::vector<Value> split_spaces(std::string_view text, int64_t max_splits) {
  std::vector<Value> parts;
  text = strip_left(text);
  while (!text.empty()) {
    size_t end = 0;
    if (max_splits != 0) {
      while (end < text.size()) {
        const Char c = read_char(text, end, char_classes());
        if (is_python_space(c)) break;
        end += c.length;
      }
      --max_splits;
    } else {
      end = text.size();
    }
    parts.emplace_back(std::string(text.substr(0, end)));
    text = strip_left(text.substr(end));
  }
  return parts;
}

Value split(const Call& c) {
  const std::string_view separator = c.text_or_none(0, "sep");
  int64_t max_splits = c.integer_or(1, "maxsplit", -1);
  const Value* given = c.arguments.get(0, "sep");
  if (given == nullptr || given->is_none()) return split_spaces(c.text(), max_splits);
  if (separator.empty()) fail("split: expected a separator, found an empty one");
  std::vector<Value> parts;
  std::string_view rest = c.text();
  for (size_t found; max_splits != 0 && (found = rest.find(separator)) != std::string_view::npos; --max_splits) {
    parts.emplace_back(std::string(rest.substr(0, found)));
    rest.remove_prefix(found + separator.size());
  }
  parts.emplace_back(std::string(rest));
  return parts;
}

Value rsplit(const Call& c) {
  const std::string_view separator = c.text_or_none(0, "sep");
  int64_t max_splits = c.integer_or(1, "maxsplit", -1);
  if (separator.empty()) fail("rsplit: expected a separator, found none");
  std::vector<Value> parts;
  std::string_view rest = c.text();
  for (size_t found; max_splits != 0 && (found = rest.rfind(separator)) != std::string_view::npos; --max_splits) {
    parts.emplace_back(std::string(rest.substr(found + separator.size())));
    rest = rest.substr(0, found);
  }
  parts.emplace_back(std::string(rest));
  std::reverse(parts.begin(), parts.end());
  return parts;
}

Value splitlines(const Call& c) {
  std::vector<Value> lines;
  std::string_view rest = c.text();
  while (!rest.empty()) {
    const size_t end = std::min(rest.find_first_of("\n\r"), rest.size());
    lines.emplace_back(std::string(rest.substr(0, end)));
    rest.remove_prefix(std::min(rest.size(), end + (rest.substr(end).starts_with("\r\n") ? 2 : 1)));
  }
  return lines;
}

template <bool kEnd>
Value starts_or_ends(const Call& c) {
  const auto fits = [&](const std::string& affix) {
    return kEnd ? c.text().ends_with(affix) : c.text().starts_with(affix);
  };
  const Value& affix = c.required(0, kEnd ? "suffix" : "prefix");
  if (affix.list() == nullptr) return fits(affix.text(c.name));
  return std::ranges::any_of(affix.list()->items, [&](const Value& one) { return fits(one.text(c.name)); });
}

// In characters, -1: not found.
template <bool kLast>
Value find(const Call& c) {
  const std::string& wanted = c.required(0, "sub").text(c.name);
  const size_t found = kLast ? c.text().rfind(wanted) : c.text().find(wanted);
  if (found == std::string::npos) return int64_t{-1};
  return Value::of(num_characters(std::string_view(c.text()).substr(0, found)));
}

Value count(const Call& c) {
  int64_t times = 0;
  const Value& wanted = c.required(0, "sub");
  if (const List* list = c.self.list())
    return static_cast<int64_t>(std::ranges::count_if(list->items, [&](const Value& v) { return equal(v, wanted); }));
  const std::string& part = wanted.text(c.name);
  if (part.empty()) return Value::of(num_characters(c.text()) + 1);
  for (size_t at = 0; (at = c.text().find(part, at)) != std::string::npos; at += part.size()) ++times;
  return times;
}

Value replace(const Call& c) {
  const std::string &from = c.required(0, "old").text(c.name), &to = c.required(1, "new").text(c.name);
  if (to.size() > from.size()) {
    const size_t times = c.text().size() / std::max<size_t>(1, from.size()) + 1;
    if (to.size() > Evaluation::kMaxBytes / times)
      fail("replace: expected a text of at most {} bytes, found what may be longer", Evaluation::kMaxBytes);
    c.evaluation.charge_bytes(times * to.size());
  }
  return replace_all(c.text(), from, to, c.integer_or(2, "count", -1));
}

Value join(const Call& c) {
  std::string out;
  bool first = true;
  for (const Value& item : items_of(c.required(0, "iterable"))) {
    if (!std::exchange(first, false)) out += c.text();
    out += item.text(c.name);
    c.evaluation.charge_bytes(out.size() > Evaluation::kMaxBytes ? out.size() : c.text().size());
  }
  return out;
}

template <bool (*kFits)(const Char&)>
Value all_characters(const Call& c) {
  bool all = !c.text().empty();
  for_each_character(c.text(),
                     [&](std::string_view character) { all = all && kFits(read_char(character, 0, char_classes())); });
  return all;
}
bool is_digit_char(const Char& c) { return c.code >= '0' && c.code <= '9'; }
bool is_letter_char(const Char& c) { return c.is(kLetter); }
bool is_alnum_char(const Char& c) { return c.is(kLetter | kNumber); }

const std::unordered_map<std::string_view, Method>& string_methods() {
  static const std::unordered_map<std::string_view, Method> table = {
      {"strip", [](const Call& c) -> Value { return std::string(strip(c.text(), c.text_or_none(0, "chars"))); }},
      {"lstrip", [](const Call& c) -> Value { return std::string(strip_left(c.text(), c.text_or_none(0, "chars"))); }},
      {"rstrip", [](const Call& c) -> Value { return std::string(strip_right(c.text(), c.text_or_none(0, "chars"))); }},
      {"lower", [](const Call& c) -> Value { return to_lower(c.text()); }},
      {"upper", [](const Call& c) -> Value { return to_upper(c.text()); }},
      {"title", [](const Call& c) -> Value { return to_title(c.text()); }},
      {"capitalize", [](const Call& c) -> Value { return to_capitalized(c.text()); }},
      {"removeprefix",
       [](const Call& c) -> Value {
         const std::string& prefix = c.required(0, "prefix").text(c.name);
         return c.text().substr(c.text().starts_with(prefix) ? prefix.size() : 0);
       }},
      {"removesuffix",
       [](const Call& c) -> Value {
         const std::string& suffix = c.required(0, "suffix").text(c.name);
         return c.text().substr(0, c.text().size() - (c.text().ends_with(suffix) ? suffix.size() : 0));
       }},
      {"split", split},
      {"rsplit", rsplit},
      {"splitlines", splitlines},
      {"replace", replace},
      {"join", join},
      {"startswith", starts_or_ends<false>},
      {"endswith", starts_or_ends<true>},
      {"find", find<false>},
      {"rfind", find<true>},
      {"count", count},
      {"isspace", all_characters<is_python_space>},
      {"isdigit", all_characters<is_digit_char>},
      {"isalpha", all_characters<is_letter_char>},
      {"isalnum", all_characters<is_alnum_char>},
      {"islower",
       [](const Call& c) -> Value { return to_lower(c.text()) == c.text() && to_upper(c.text()) != c.text(); }},
      {"isupper",
       [](const Call& c) -> Value { return to_upper(c.text()) == c.text() && to_lower(c.text()) != c.text(); }}};
  return table;
}

Value dict_items(const Call& c) {
  std::vector<Value> items;
  for (const auto& [key, value] : c.self.dict()->entries) items.push_back(std::vector<Value>{Value(key), value});
  return items;
}

Value dict_values(const Call& c) {
  std::vector<Value> values;
  for (const auto& entry : c.self.dict()->entries) values.push_back(entry.second);
  return values;
}

Value dict_get(const Call& c) {
  const std::string* key = c.required(0, "key").string();
  if (const Value* found = key != nullptr ? c.self.dict()->find(*key) : nullptr) return *found;
  const Value* otherwise = c.arguments.get(1, "default");
  return otherwise != nullptr ? *otherwise : Value(None{});
}

const std::unordered_map<std::string_view, Method>& dict_methods() {
  static const std::unordered_map<std::string_view, Method> table = {
      {"items", dict_items},
      {"values", dict_values},
      {"get", dict_get},
      {"keys", [](const Call& c) -> Value { return items_of(c.self); }},
      {"copy", [](const Call& c) -> Value { return c.self; }}};
  return table;
}

Value list_index(const Call& c) {
  const auto& items = c.self.list()->items;
  const auto found = std::ranges::find_if(items, [&](const Value& v) { return equal(v, c.required(0, "value")); });
  if (found == items.end()) fail("index: expected a value of the list, found {}", to_repr(c.required(0, "value")));
  return static_cast<int64_t>(found - items.begin());
}

const std::unordered_map<std::string_view, Method>& list_methods() {
  static const std::unordered_map<std::string_view, Method> table = {
      {"count", count}, {"index", list_index}, {"copy", [](const Call& c) -> Value { return c.self; }}};
  return table;
}

}  // namespace

Value find_method(const Value& value, const std::string& name) {
  const auto* table = value.string() != nullptr ? &string_methods()
                      : value.dict() != nullptr ? &dict_methods()
                      : value.list() != nullptr ? &list_methods()
                                                : nullptr;
  if (table == nullptr) return {};
  const auto found = table->find(name);
  if (found == table->end()) return {};
  return Callable{name, [value, name, method = found->second](Evaluation& evaluation, const Arguments& arguments) {
                    evaluation.charge(value.weight());
                    return method({evaluation, name, value, arguments});
                  }};
}

}  // namespace hadal::jinja
