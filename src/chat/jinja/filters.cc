// Filters of lists, dicts and numbers, as jinja2/filters.py defines them, and how a filter is found.
#include <algorithm>
#include <charconv>
#include <cmath>
#include <random>

#include "chat/jinja/call.h"

namespace hadal::jinja {

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

Value sort_key(const Value& value, bool case_sensitive) {
  return !case_sensitive && value.text() != nullptr ? Value(to_lower(*value.text())) : value;
}

Value reversed(const Call& c) {
  std::vector<Value> items = c.items();
  std::ranges::reverse(items);
  return items;
}

namespace {

Value default_value(const Call& c) {
  const bool replace = c.self.is_undefined() || (c.flag(1, "boolean") && !c.self.truth());
  if (!replace) return c.self;
  const Value* given = c.get(0, "default_value");
  return given != nullptr ? *given : Value(Text());
}

Value length(const Call& c) {
  if (c.self.is_undefined()) return int64_t{0};
  if (const std::string* text = c.self.string()) return Value::of(num_characters(*text));
  if (const List* list = c.self.list()) return Value::of(list->items.size());
  if (const Dict* dict = c.self.dict()) return Value::of(dict->entries.size());
  fail("length: expected a string, list or dict, found {}", type_name(c.self));
}

Value first(const Call& c) {
  const std::vector<Value> items = c.items();
  return items.empty() ? Value(Undefined{"first"}) : items.front();
}

Value last(const Call& c) {
  const std::vector<Value> items = c.items();
  return items.empty() ? Value(Undefined{"last"}) : items.back();
}

// Digits of a base, with a sign, underscores between digits, and the prefix of the base (of any, for base 0).
bool read_integer(std::string_view text, int base, int64_t& number) {
  const bool negative = text.starts_with('-');
  if (negative || text.starts_with('+')) text.remove_prefix(1);
  const auto prefixed = [&](char letter, int its_base) {
    if (text.size() < 3 || text[0] != '0' || (text[1] | 32) != letter || (base != its_base && base != 0)) return false;
    text.remove_prefix(2);
    base = its_base;
    return true;
  };
  const bool had_prefix = prefixed('x', 16) || prefixed('o', 8) || prefixed('b', 2);
  if (!had_prefix && base == 0) base = 10;
  std::string digits = negative ? "-" : "";
  for (size_t i = 0; i < text.size(); ++i) {
    if (text[i] == '-' || text[i] == '+') return false;
    if (text[i] != '_')
      digits += text[i];
    else if (i == 0 || i + 1 == text.size() || text[i + 1] == '_')
      return false;
  }
  const char* end = digits.data() + digits.size();
  const auto read = std::from_chars(digits.data(), end, number, base);
  return read.ec == std::errc{} && read.ptr == end;
}

bool read_float(std::string_view text, double& number) {
  text = strip(text);
  if (text.starts_with('+')) text.remove_prefix(1);
  if (text.starts_with('+')) return false;
  const auto read = std::from_chars(text.data(), text.data() + text.size(), number);
  return read.ec == std::errc{} && read.ptr == text.data() + text.size() && !text.empty();
}

Value to_integer(const Call& c) {
  const Value* given = c.get(0, "default");
  const Value otherwise = given != nullptr ? *given : Value(int64_t{0});
  const Origin origin = c.self.origin();
  if (c.self.is_integer() || c.self.is_bool()) return {c.self.integer("int"), origin};
  double number = 0;
  if (const std::string* text = c.self.string()) {
    int64_t whole = 0;
    const int64_t base = c.integer(1, "base", 10);
    if (base != 0 && (base < 2 || base > 36)) fail("int: base: expected 0 or 2 to 36, found {}", base);
    if (read_integer(strip(*text), static_cast<int>(base), whole)) return {whole, origin};
    if (!read_float(*text, number)) return otherwise;
  } else if (c.self.is_float()) {
    number = c.self.number("int");
  } else {
    return otherwise;
  }
  return std::fabs(number) < 9.2e18 ? Value(static_cast<int64_t>(number), origin) : otherwise;
}

Value to_float(const Call& c) {
  const Value* given = c.get(0, "default");
  if (c.self.is_number()) return {c.self.number("float"), c.self.origin()};
  double number = 0;
  if (c.self.string() != nullptr && read_float(*c.self.string(), number)) return {number, c.self.origin()};
  return given != nullptr ? *given : Value(0.0);
}

Value items_filter(const Call& c) {
  if (c.self.is_undefined()) return std::vector<Value>();
  if (c.self.dict() == nullptr) fail("items: expected a dict, found {}", type_name(c.self));
  return items_of(find_method(c.self, "items").callable()->call(c.evaluation, {}));
}

Value map(const Call& c) {
  std::vector<Value> out;
  const Value *attribute = c.get(SIZE_MAX, "attribute"), *otherwise = c.get(SIZE_MAX, "default");
  Arguments rest;
  std::string filter;
  if (attribute == nullptr) {
    if (c.arguments.positional.empty()) fail("map: expected the name of a filter or attribute=, found neither");
    filter = c.arguments.positional[0].string("map");
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
  const std::string test = tested ? given[test_at].string(c.name) : "";
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

std::vector<size_t> order_of(const std::vector<Value>& keys, bool reverse) {
  std::vector<size_t> order(keys.size());
  for (size_t i = 0; i < order.size(); ++i) order[i] = i;
  std::ranges::stable_sort(order, [&](size_t a, size_t b) {
    return reverse ? compare(keys[b], keys[a]) < 0 : compare(keys[a], keys[b]) < 0;
  });
  return order;
}

std::vector<Value> sorted(const std::vector<Value>& items, const std::vector<Value>& keys, bool reverse) {
  std::vector<Value> out;
  for (const size_t i : order_of(keys, reverse)) out.push_back(items[i]);
  return out;
}

// By one attribute, or by several: "age,name".
Value sort(const Call& c) {
  const std::vector<Value> items = c.items();
  const Value* attribute = c.some(2, "attribute");
  const bool several =
      attribute != nullptr && attribute->string() != nullptr && attribute->string()->find(',') != std::string::npos;
  std::vector<Value> paths;
  if (several)
    paths = items_of(find_method(*attribute, "split").callable()->call(c.evaluation, {{Value(std::string(","))}, {}}));
  std::vector<Value> keys;
  for (const Value& item : items) {
    const bool exact = c.flag(1, "case_sensitive");
    if (!several) {
      keys.push_back(sort_key(attribute != nullptr ? attribute_of(item, *attribute) : item, exact));
      continue;
    }
    std::vector<Value> parts;
    for (const Value& path : paths) parts.push_back(sort_key(attribute_of(item, path), exact));
    keys.emplace_back(std::move(parts));
  }
  return sorted(items, keys, c.flag(0, "reverse"));
}

Value dict_sort(const Call& c) {
  const std::vector<Value> items = items_of(items_filter(c));
  const std::string_view by = c.string(1, "by", "key");
  if (by != "key" && by != "value") fail("dictsort: by: expected \"key\" or \"value\", found another one");
  std::vector<Value> keys;
  for (const Value& item : items)
    keys.push_back(sort_key(item.list()->items[by == "value" ? 1 : 0], c.flag(0, "case_sensitive")));
  return sorted(items, keys, c.flag(2, "reverse"));
}

// Those with equal attributes together, sorted by it; each group is (grouper, list).
Value group_by(const Call& c) {
  const std::vector<Value> items = c.items();
  const Value &attribute = c.required(0, "attribute"), *otherwise = c.get(1, "default");
  const auto key_of = [&](const Value& item) {
    Value found = attribute_of(item, attribute);
    return found.is_undefined() && otherwise != nullptr ? *otherwise : found;
  };
  std::vector<Value> keys;
  for (const Value& item : items) keys.push_back(sort_key(key_of(item), c.flag(2, "case_sensitive")));
  std::vector<Value> groups, members;
  const std::vector<size_t> order = order_of(keys, false);
  for (size_t i = 0; i < order.size(); ++i) {
    members.push_back(items[order[i]]);
    if (i + 1 < order.size() && equal(keys[order[i]], keys[order[i + 1]])) continue;
    Value key = key_of(members.front());
    groups.push_back({std::vector<Value>{std::move(key), Value(std::move(members))}, ListKind::group});
    members = {};
  }
  return groups;
}

Value unique(const Call& c) {
  const Value* attribute = c.some(1, "attribute");
  std::vector<Value> out, keys;
  for (const Value& item : c.items()) {
    Value key = sort_key(attribute != nullptr ? attribute_of(item, *attribute) : item, c.flag(0, "case_sensitive"));
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
  const Value* attribute = c.some(1, "attribute");
  const auto key = [&](const Value& item) {
    return sort_key(attribute != nullptr ? attribute_of(item, *attribute) : item, c.flag(0, "case_sensitive"));
  };
  Value best = items[0], best_key = key(best);
  for (const Value& item : items) {
    Value its_key = key(item);
    if (kSign * compare(its_key, best_key) > 0) best = item, best_key = std::move(its_key);
  }
  return best;
}

Value sum(const Call& c) {
  const Value *attribute = c.some(0, "attribute"), *start = c.get(1, "start");
  Value total = start != nullptr ? *start : Value(int64_t{0});
  for (const Value& item : c.items()) {
    total = arithmetic(c.evaluation, "+", total, attribute != nullptr ? attribute_of(item, *attribute) : item);
  }
  return total;
}

Value round(const Call& c) {
  const int64_t precision = std::clamp<int64_t>(c.integer(0, "precision", 0), -400, 400);
  const std::string_view how = c.string(1, "method", "common");
  const double number = c.self.number("round");
  const Origin origin = c.self.origin();
  if (how != "common" && how != "ceil" && how != "floor")
    fail("round: method: expected common, ceil or floor, found another one");
  if (how == "common" && !c.self.is_float() && precision >= 0) return {c.self.integer("round"), origin};
  if (how == "common" && precision >= 0) {  // exactly, halves to the even side: as printing does
    return {std::strtod(fmt::format("{:.{}f}", number, precision).c_str(), nullptr), origin};
  }
  const double scale = std::pow(10.0, static_cast<double>(precision));
  if (how == "common") {
    const double rounded = std::nearbyint(number * scale) / scale;
    return c.self.is_float() ? Value(rounded, origin) : Value(static_cast<int64_t>(rounded), origin);
  }
  return {(how == "floor" ? std::floor(number * scale) : std::ceil(number * scale)) / scale, origin};
}

Value batch(const Call& c) {
  const int64_t size = c.required(0, "linecount").integer("batch");
  if (size < 1) fail("batch: expected at least one item a batch, found {}", size);
  std::vector<Value> out, now;
  for (const Value& item : c.items()) {
    if (static_cast<int64_t>(now.size()) == size) out.emplace_back(std::exchange(now, {}));
    now.push_back(item);
  }
  if (now.empty()) return out;
  const Value* fill = c.some(1, "fill_with");
  if (fill != nullptr) {
    c.evaluation.charge(static_cast<size_t>(size));
    now.resize(static_cast<size_t>(size), *fill);
  }
  out.emplace_back(std::move(now));
  return out;
}

Value slices(const Call& c) {
  const std::vector<Value> items = c.items();
  const int64_t n = c.required(0, "slices").integer("slice");
  if (n < 1) fail("slice: expected at least one slice, found {}", n);
  c.evaluation.charge(static_cast<size_t>(n));
  const Value* fill = c.some(1, "fill_with");
  const size_t each = items.size() / static_cast<size_t>(n), longer = items.size() % static_cast<size_t>(n);
  std::vector<Value> out;
  size_t at = 0;
  for (size_t i = 0; i < static_cast<size_t>(n); ++i) {
    const size_t end = at + each + (i < longer ? 1 : 0);
    std::vector<Value> slice(items.begin() + static_cast<ptrdiff_t>(at), items.begin() + static_cast<ptrdiff_t>(end));
    if (fill != nullptr && i >= longer) slice.push_back(*fill);
    out.emplace_back(std::move(slice));
    at = end;
  }
  return out;
}

Value random_item(const Call& c) {
  const std::vector<Value> items = c.items();
  if (items.empty()) return Undefined{"random"};
  thread_local std::mt19937_64 generator{std::random_device{}()};
  return items[std::uniform_int_distribution<size_t>(0, items.size() - 1)(generator)];
}

Value absolute(const Call& c) {
  if (c.self.is_float()) return {std::fabs(c.self.number("abs")), c.self.origin()};
  const int64_t number = c.self.integer("abs");
  return number < 0 ? arithmetic(c.evaluation, "-", Value(int64_t{0}), c.self) : Value(number, c.self.origin());
}

// Unlike c.self.name this never looks an entry of a dict up.
Value attribute(const Call& c) {
  const std::string& name = c.required(0, "name").string("attr");
  if (c.self.dict() == nullptr) return get_attribute(c.self, name);
  Value method = find_method(c.self, name);
  return method.is_undefined() ? Value(Undefined{name}) : method;
}

const FunctionTable& filters() {
  static const FunctionTable table = {{"default", default_value},
                                      {"d", default_value},
                                      {"length", length},
                                      {"count", length},
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
                                      {"groupby", group_by},
                                      {"unique", unique},
                                      {"max", extreme<1>},
                                      {"min", extreme<-1>},
                                      {"sum", sum},
                                      {"round", round},
                                      {"batch", batch},
                                      {"slice", slices},
                                      {"random", random_item},
                                      {"abs", absolute},
                                      {"list", [](const Call& c) -> Value { return c.items(); }},
                                      {"attr", attribute}};
  return table;
}

}  // namespace

bool has_filter(const std::string& name) { return filters().contains(name) || text_filters().contains(name); }

Value apply_filter(Evaluation& evaluation, const std::string& name, const Value& value, const Arguments& arguments) {
  auto found = filters().find(name);
  if (found == filters().end()) found = text_filters().find(name);
  if (found == text_filters().end()) fail("filter: expected one of Jinja's, found \"{}\"", name.substr(0, 60));
  evaluation.charge(value.weight());
  return found->second({evaluation, name, value, arguments});
}

}  // namespace hadal::jinja
