#include "chat/jinja/value.h"

#include <algorithm>
#include <cmath>

#include "base/error.h"
#include "base/json.h"
#include "chat/jinja/text.h"

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
    if (name.string() != nullptr && *name.string() == key) return &value;
  }
  return nullptr;
}

const Value* Dict::find(const Value& key) const {
  if (key.string() != nullptr) return find(*key.string());
  for (const auto& [name, value] : entries) {
    if (name.string() == nullptr && equal(name, key)) return &value;
  }
  return nullptr;
}

void Dict::set(std::string key, Value value) { set(Value(std::move(key)), std::move(value)); }

void Dict::set(Value key, Value value) {
  if (key.is_undefined() || key.dict() != nullptr || (key.list() != nullptr && !key.is_tuple())) {
    fail("the key of a dict: expected a string, a number, None or a tuple, found {}", type_name(key));
  }
  if (const Value* old = find(key)) {
    *const_cast<Value*>(old) = std::move(value);
    return;
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

Value::Value(std::vector<Value> items, ListKind kind) {
  Extent extent;
  for (const Value& item : items) widen(extent, item.extent());
  data_ = std::make_shared<const List>(List{std::move(items), kind, extent});
}

Value::Value(Dict dict) {
  dict.extent = {};
  for (const auto& [key, value] : dict.entries) {
    widen(dict.extent, value.extent());
    Extent of_key = key.extent();
    --of_key.weight;
    widen(dict.extent, of_key);
  }
  data_ = std::make_shared<const Dict>(std::move(dict));
}

Extent Value::extent() const {
  if (const List* items = list()) return items->extent;
  if (const Dict* entries = dict()) return entries->extent;
  if (const Text* t = text()) return {0, 1 + t->size() / 16};
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

const Text& Value::text(std::string_view who) const {
  if (const Text* t = text()) return *t;
  fail("{}: expected a string, found {}", who, type_name(*this));
}

Value value_of_json(const OrderedJson& json, Origin origin, int depth) {
  check_depth(depth);
  switch (json.type()) {
    case OrderedJson::value_t::null:
      return {None{}, origin};
    case OrderedJson::value_t::boolean:
      return {json.get<bool>(), origin};
    case OrderedJson::value_t::number_integer:
      return {json.get<int64_t>(), origin};
    case OrderedJson::value_t::number_unsigned:
      if (json.get<uint64_t>() > INT64_MAX) return {json.get<double>(), origin};
      return {json.get<int64_t>(), origin};
    case OrderedJson::value_t::number_float:
      return {json.get<double>(), origin};
    case OrderedJson::value_t::string:
      return Text(json.get<std::string>(), origin);
    case OrderedJson::value_t::array: {
      std::vector<Value> items;
      for (const auto& item : json) items.push_back(value_of_json(item, origin, depth + 1));
      return items;
    }
    case OrderedJson::value_t::object: {
      Dict dict;
      for (const auto& [key, value] : json.items()) {
        dict.entries.emplace_back(Text(key, origin), value_of_json(value, origin, depth + 1));
      }
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
  if (value.list() != nullptr) return value.is_tuple() ? "a tuple" : "a list";
  if (value.dict() != nullptr) return "a dict";
  if (value.space() != nullptr) return "a namespace";
  return value.callable()->attribute ? value.callable()->name : "a function";
}

bool equal(const Value& a, const Value& b) {
  if (a.is_number() && b.is_number()) {
    if (a.is_float() || b.is_float()) return a.number("==") == b.number("==");
    return a.integer("==") == b.integer("==");
  }
  if (a.string() != nullptr && b.string() != nullptr) return *a.string() == *b.string();
  if (a.list() != nullptr && b.list() != nullptr) {
    return a.is_tuple() == b.is_tuple() && std::ranges::equal(a.list()->items, b.list()->items, equal);
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
  if (const Text* text = value.text()) {
    for_each_character(text->bytes(), [&](std::string_view character) { items.emplace_back(text->part(character)); });
    return items;
  }
  fail("expected a list, dict or string to go through, found {}", type_name(value));
}

}  // namespace hadal::jinja
