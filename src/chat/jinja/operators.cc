// Operators, attributes, items and slices: Python's rules and Jinja's (environment.getattr, environment.getitem).
#include <algorithm>
#include <cmath>

#include "base/error.h"
#include "chat/jinja/builtins.h"
#include "chat/jinja/text.h"

namespace hadal::jinja {

void Evaluation::charge(size_t steps) {
  steps_ += steps;
  if (steps_ > kMaxSteps) fail("expected a render of at most {} steps, found more", kMaxSteps);
}

void Evaluation::charge_bytes(size_t num_bytes) {
  if (num_bytes > kMaxBytes) fail("expected texts of at most {} bytes, found a longer one", kMaxBytes);
  charge(num_bytes / 64);
}

void Evaluation::at_end(std::function<void()> clear) {
  charge(1);
  at_end_.push_back(std::move(clear));
}

Evaluation::~Evaluation() {
  for (const auto& clear : at_end_) clear();
}

Value get_attribute(const Value& value, const std::string& name) {
  if (value.is_undefined()) fail("expected a value with \"{}\", found {}", name, type_name(value));
  if (Value method = find_method(value, name); !method.is_undefined()) return method;
  if (const Dict* dict = value.dict()) {
    if (const Value* found = dict->find(name)) return *found;
  }
  if (const Namespace* space = value.space()) {
    if (const Value* found = space->attributes.find(name)) return *found;
  }
  if (const List* list = value.list(); list != nullptr && list->kind == ListKind::group) {
    if (name == "grouper") return list->items[0];
    if (name == "list") return list->items[1];
  }
  if (const Callable* object = value.callable(); object != nullptr && object->attribute) return object->attribute(name);
  return Undefined{name};
}

namespace {

// Python's index: from the end when negative. False when outside.
bool find_index(int64_t index, size_t size, size_t& at) {
  if (index < 0) index += static_cast<int64_t>(size);
  if (index < 0 || index >= static_cast<int64_t>(size)) return false;
  at = static_cast<size_t>(index);
  return true;
}

std::string short_repr(const Value& value) { return to_repr(value).bytes().substr(0, 100); }

}  // namespace

Value get_item(const Value& value, const Value& key) {
  if (value.is_undefined()) fail("expected a value with {}, found {}", short_repr(key), type_name(value));
  if (const Dict* dict = value.dict()) {
    if (const Value* found = dict->find(key)) return *found;
  }
  if (const std::string* name = key.string()) return get_attribute(value, *name);
  size_t at = 0;
  if (!key.is_integer() && !key.is_bool()) return Undefined{short_repr(key)};
  const int64_t index = key.integer("index");
  if (const List* list = value.list()) {
    if (find_index(index, list->items.size(), at)) return list->items[at];
  } else if (const Text* text = value.text()) {
    if (!find_index(index, num_characters(text->bytes()), at)) return Undefined{short_repr(key)};
    Text found;
    for_each_character(text->bytes(), [&, i = size_t{0}](std::string_view character) mutable {
      if (i++ == at) found.append(*text, character);
    });
    return found;
  }
  return Undefined{short_repr(key)};
}

Value get_slice(Evaluation& evaluation, const Value& value, const Value* start, const Value* stop, const Value* step) {
  if (value.list() == nullptr && value.string() == nullptr)
    fail("slice: expected a list or string, found {}", type_name(value));
  const std::vector<Value> items = items_of(value);
  evaluation.charge(items.size());
  const auto n = static_cast<int64_t>(items.size());
  const int64_t by = step != nullptr ? step->integer("slice") : 1;
  if (by == 0) fail("slice: expected a step other than 0, found 0");
  // As CPython's PySlice_AdjustIndices.
  const auto bound = [&](const Value* given, int64_t otherwise) {
    if (given == nullptr) return otherwise;
    int64_t index = given->integer("slice");
    if (index < 0) index = std::max(index + n, by < 0 ? int64_t{-1} : int64_t{0});
    return std::min(index, by < 0 ? n - 1 : n);
  };
  const int64_t from = bound(start, by < 0 ? n - 1 : 0), to = bound(stop, by < 0 ? -1 : n);
  std::vector<Value> chosen;
  for (int64_t i = from; by > 0 ? i < to : i > to;) {
    chosen.push_back(items[static_cast<size_t>(i)]);
    if (__builtin_add_overflow(i, by, &i)) break;
  }
  if (value.list() != nullptr) return {std::move(chosen), value.is_tuple() ? ListKind::tuple : ListKind::list};
  Text text;
  for (const Value& character : chosen) text.append(*character.text());
  return text;
}

bool contains(const Value& container, const Value& item) {
  if (container.is_undefined()) return false;
  if (const std::string* text = container.string())
    return text->find(item.string("in: what is looked for in a string")) != std::string::npos;
  if (const List* list = container.list()) {
    return std::ranges::any_of(list->items, [&](const Value& candidate) { return equal(candidate, item); });
  }
  if (const Dict* dict = container.dict()) return dict->find(item) != nullptr;
  fail("in: expected a string, list or dict, found {}", type_name(container));
}

namespace {

Value repeat(Evaluation& evaluation, const Value& value, int64_t times) {
  const auto n = static_cast<size_t>(std::max<int64_t>(times, 0));
  if (const Text* text = value.text()) {
    if (!text->empty() && n > Evaluation::kMaxBytes / text->size())
      fail("*: expected a text of at most {} bytes, found a longer one", Evaluation::kMaxBytes);
    evaluation.charge_bytes(n * text->size());
    Text out;
    for (size_t i = 0; i < n && !text->empty(); ++i) out.append(*text);
    return out;
  }
  const auto& items = value.list()->items;
  if (!items.empty() && n > Evaluation::kMaxSteps / items.size())
    fail("*: expected a list of at most {} items, found a longer one", Evaluation::kMaxSteps);
  evaluation.charge(n * items.size());
  std::vector<Value> out;
  for (size_t i = 0; i < n && !items.empty(); ++i) out.insert(out.end(), items.begin(), items.end());
  return {std::move(out), value.list()->kind};
}

int64_t floor_divide(int64_t a, int64_t b) { return a / b - ((a % b != 0 && (a < 0) != (b < 0)) ? 1 : 0); }

int64_t integer_power(int64_t base, int64_t exponent) {
  int64_t result = 1;
  for (; exponent > 0; --exponent) {
    if (__builtin_mul_overflow(result, base, &result)) fail("**: expected a number below 2^63, found a larger one");
    if (result == 0 || (result == 1 && base == 1)) break;
    if (base == -1) return exponent % 2 == 0 ? 1 : -1;
  }
  return result;
}

Value integer_arithmetic(const std::string& op, int64_t a, int64_t b) {
  int64_t result = 0;
  bool overflow = false;
  if (op == "+")
    overflow = __builtin_add_overflow(a, b, &result);
  else if (op == "-")
    overflow = __builtin_sub_overflow(a, b, &result);
  else if (op == "*")
    overflow = __builtin_mul_overflow(a, b, &result);
  else if (op == "**" && b >= 0)
    result = integer_power(a, b);
  else if (op == "**")
    return std::pow(static_cast<double>(a), static_cast<double>(b));
  else if (b == 0)
    fail("{}: expected a divisor other than 0, found 0", op);
  else if (op == "/")
    return static_cast<double>(a) / static_cast<double>(b);
  else if (b == -1)
    overflow = __builtin_sub_overflow(int64_t{0}, op == "%" ? int64_t{0} : a, &result);
  else
    result = op == "//" ? floor_divide(a, b) : a - b * floor_divide(a, b);
  if (overflow) fail("{}: expected a number below 2^63, found a larger one", op);
  return result;
}

Value float_arithmetic(const std::string& op, double a, double b) {
  if (op == "+") return a + b;
  if (op == "-") return a - b;
  if (op == "*") return a * b;
  if (op == "**") return std::pow(a, b);
  if (b == 0) fail("{}: expected a divisor other than 0, found 0", op);
  if (op == "/") return a / b;
  const double quotient = std::floor(a / b);
  return op == "//" ? quotient : a - b * quotient;
}

// Joining what is escaped for HTML with what is not escapes the latter, as Markup does.
Text plus(const Text& a, const Text& b) {
  Text out = a.markup || !b.markup ? a : html_escape(a);
  out.append(a.markup && !b.markup ? html_escape(b) : b);
  out.markup = a.markup || b.markup;
  return out;
}

Value with_origin(Value value, Origin origin) {
  if (value.is_integer()) return {value.integer("origin"), origin};
  return {value.number("origin"), origin};
}

}  // namespace

Value arithmetic(Evaluation& evaluation, const std::string& op, const Value& left, const Value& right) {
  if (op == "~" || (op == "+" && left.text() != nullptr && right.text() != nullptr)) {
    evaluation.charge(left.weight() + right.weight());
    Text a = to_text(left);
    const Text b = to_text(right);
    evaluation.charge_bytes(a.size() + b.size());
    if (op == "+") return plus(a, b);
    a.append(b);
    a.markup = false;
    return a;
  }
  if (op == "%" && left.text() != nullptr) return percent_format(evaluation, *left.text(), right);
  if (left.is_number() && right.is_number()) {
    const bool floating = left.is_float() || right.is_float();
    return with_origin(floating ? float_arithmetic(op, left.number(op), right.number(op))
                                : integer_arithmetic(op, left.integer(op), right.integer(op)),
                       std::max(left.origin(), right.origin()));
  }
  if (op == "+" && left.list() != nullptr && right.list() != nullptr && left.is_tuple() == right.is_tuple()) {
    std::vector<Value> items = left.list()->items;
    const auto& more = right.list()->items;
    evaluation.charge(items.size() + more.size());
    items.insert(items.end(), more.begin(), more.end());
    return {std::move(items), left.list()->kind};
  }
  const auto sequence = [](const Value& v) { return v.string() != nullptr || v.list() != nullptr; };
  const auto count = [](const Value& v) { return v.is_integer() || v.is_bool(); };
  if (op == "*" && sequence(left) && count(right)) return repeat(evaluation, left, right.integer(op));
  if (op == "*" && count(left) && sequence(right)) return repeat(evaluation, right, left.integer(op));
  fail("{}: expected two numbers, strings or lists, found {} and {}", op, type_name(left), type_name(right));
}

}  // namespace hadal::jinja
