// Methods of dicts and lists that do not change them, and how a method of any value is found.
#include <algorithm>
#include <bit>
#include <cmath>

#include "chat/jinja/call.h"

namespace hadal::jinja {
namespace {

Value dict_items(const Call& c) {
  std::vector<Value> items;
  for (const auto& [key, value] : c.self.dict()->entries)
    items.push_back({std::vector<Value>{key, value}, ListKind::tuple});
  return {std::move(items), ListKind::dict_items};
}

Value dict_keys(const Call& c) { return {items_of(c.self), ListKind::dict_keys}; }

Value dict_values(const Call& c) {
  std::vector<Value> values;
  for (const auto& entry : c.self.dict()->entries) values.push_back(entry.second);
  return {std::move(values), ListKind::dict_values};
}

Value dict_get(const Call& c) {
  if (const Value* found = c.self.dict()->find(c.required(0, "key"))) return *found;
  const Value* otherwise = c.get(1, "default");
  return otherwise != nullptr ? *otherwise : Value(None{});
}

Value same(const Call& c) { return c.self; }

const FunctionTable& dict_methods() {
  static const FunctionTable table = {
      {"items", dict_items}, {"values", dict_values}, {"get", dict_get}, {"keys", dict_keys}, {"copy", same}};
  return table;
}

Value list_count(const Call& c) {
  const Value& wanted = c.required(0, "value");
  return static_cast<int64_t>(
      std::ranges::count_if(c.self.list()->items, [&](const Value& v) { return equal(v, wanted); }));
}

Value list_index(const Call& c) {
  const auto& items = c.self.list()->items;
  const Value& wanted = c.required(0, "value");
  const auto found = std::ranges::find_if(items, [&](const Value& v) { return equal(v, wanted); });
  if (found == items.end()) fail("index: expected a value of the list, found another one");
  return static_cast<int64_t>(found - items.begin());
}

const FunctionTable& list_methods() {
  static const FunctionTable table = {{"count", list_count}, {"index", list_index}, {"copy", same}};
  return table;
}

Value is_whole(const Call& c) { return c.self.number(c.name) == std::floor(c.self.number(c.name)); }

Value bit_length(const Call& c) {
  const int64_t number = c.self.integer(c.name);
  const uint64_t magnitude = number < 0 ? ~static_cast<uint64_t>(number) + 1 : static_cast<uint64_t>(number);
  return static_cast<int64_t>(std::bit_width(magnitude));
}

const FunctionTable& number_methods() {
  static const FunctionTable table = {{"is_integer", is_whole}, {"bit_length", bit_length}};
  return table;
}

}  // namespace

Value find_method(const Value& value, const std::string& name) {
  const FunctionTable* table = value.text() != nullptr   ? &string_methods()
                               : value.dict() != nullptr ? &dict_methods()
                               : value.list() != nullptr ? &list_methods()
                               : value.is_number()       ? &number_methods()
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
