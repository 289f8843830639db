// What a template computes with: Python's values, as far as chat templates know them. Values are cheap to copy;
// strings, lists and dicts are shared and never change once made (Hugging Face runs templates in a sandbox that forbids
// it, too). Errors of this folder are hadal::Error without the line; the evaluator adds it.
#pragma once

#include <concepts>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <variant>
#include <vector>

#include "base/json_fwd.h"
#include "chat/jinja/text.h"

namespace hadal::jinja {

class Value;
struct Evaluation;  // the running render: charges steps (builtins.h)

struct Undefined {
  std::string name;  // what was looked for, for messages
};
struct None {};
// How deep a value is and how much going through it costs: a step for each value in it and each 16 bytes of text.
// Lists share what they hold, so a few steps can make one that takes forever to print; both are bounded when it is
// made.
struct Extent {
  int depth = 0;
  size_t weight = 1;
};
enum class ListKind : uint8_t { list, tuple, group, dict_items, dict_keys, dict_values };  // group: of groupby, a tuple
struct List {
  std::vector<Value> items;
  ListKind kind = ListKind::list;
  Extent extent;
};
struct Dict {
  std::vector<std::pair<Value, Value>> entries;  // in order of insertion; keys are strings, numbers, None or tuples
  Extent extent;
  const Value* find(std::string_view key) const;
  const Value* find(const std::string& key) const { return find(std::string_view(key)); }
  const Value* find(const Value& key) const;
  void set(std::string key, Value value);
  void set(Value key, Value value);  // Error when the key is of a type that cannot be one
};
struct Namespace {  // {% set ns.x = 1 %} changes it
  Dict attributes;
};
struct Arguments {
  std::vector<Value> positional;
  std::vector<std::pair<std::string, Value>> named;
  // The argument at `index` or called `name`; null when it was not given.
  const Value* get(size_t index, std::string_view name) const;
};
// A function, or an object that can be called, has attributes, or both (loop, cycler, joiner).
struct Callable {
  std::string name;
  std::function<Value(Evaluation&, const Arguments&)> call;  // may be empty
  std::function<Value(const std::string& name)> attribute = {};
};

class Value {
 public:
  using Variant =
      std::variant<Undefined, None, bool, int64_t, double, std::shared_ptr<const Text>, std::shared_ptr<const List>,
                   std::shared_ptr<const Dict>, std::shared_ptr<Namespace>, std::shared_ptr<const Callable>>;
  Value() = default;  // undefined
  Value(None, Origin origin = Origin::own) : data_(None{}), origin_(origin) {}
  Value(Undefined undefined) : data_(std::move(undefined)) {}
  // bool itself: pointers would convert silently
  Value(std::same_as<bool> auto truth, Origin origin = Origin::own) : data_(truth), origin_(origin) {}
  Value(std::same_as<int64_t> auto number, Origin origin = Origin::own) : data_(number), origin_(origin) {}
  Value(std::same_as<double> auto number, Origin origin = Origin::own) : data_(number), origin_(origin) {}
  Value(std::string text) : data_(std::make_shared<const Text>(std::move(text))) {}
  Value(Text text) : data_(std::make_shared<const Text>(std::move(text))) {}
  Value(std::vector<Value> items, ListKind kind = ListKind::list);
  Value(Dict dict);
  Value(std::shared_ptr<Namespace> space) : data_(std::move(space)) {}
  Value(Callable callable) : data_(std::make_shared<const Callable>(std::move(callable))) {}
  static Value of(size_t number) { return Value(static_cast<int64_t>(number)); }

  bool is_undefined() const { return std::holds_alternative<Undefined>(data_); }
  bool is_none() const { return std::holds_alternative<None>(data_); }
  bool is_bool() const { return std::holds_alternative<bool>(data_); }
  bool is_integer() const { return std::holds_alternative<int64_t>(data_); }
  bool is_float() const { return std::holds_alternative<double>(data_); }
  bool is_number() const { return is_bool() || is_integer() || is_float(); }
  bool is_tuple() const {
    return list() != nullptr && (list()->kind == ListKind::tuple || list()->kind == ListKind::group);
  }
  // Null when the value is of another type.
  const Text* text() const { return pointee<std::shared_ptr<const Text>>(); }
  const std::string* string() const { return text() == nullptr ? nullptr : &text()->bytes(); }
  const List* list() const { return pointee<std::shared_ptr<const List>>(); }
  const Dict* dict() const { return pointee<std::shared_ptr<const Dict>>(); }
  const Callable* callable() const { return pointee<std::shared_ptr<const Callable>>(); }
  Namespace* space() const { return const_cast<Namespace*>(pointee<std::shared_ptr<Namespace>>()); }
  const Undefined& undefined() const { return std::get<Undefined>(data_); }
  Extent extent() const;
  size_t weight() const { return extent().weight; }
  Origin origin() const { return text() != nullptr ? text()->origin() : origin_; }  // of a text or a number

  bool truth() const;
  int64_t integer(std::string_view who) const;  // bool counts as 0 and 1; Error for other types
  double number(std::string_view who) const;
  const Text& text(std::string_view who) const;  // Error when no string
  const std::string& string(std::string_view who) const { return text(who).bytes(); }

 private:
  template <typename Pointer>
  auto pointee() const -> decltype(std::declval<const Pointer&>().get()) {
    const auto* pointer = std::get_if<Pointer>(&data_);
    return pointer == nullptr ? nullptr : pointer->get();
  }
  Variant data_;
  Origin origin_ = Origin::own;  // of numbers and the like; a text knows its own
};

inline constexpr int kMaxValueDepth = 200;  // nested lists and dicts
inline constexpr size_t kMaxWeight = 8'000'000;

Value value_of_json(const OrderedJson& json, Origin origin, int depth = 0);
std::string type_name(const Value& value);        // as messages call it
bool equal(const Value& a, const Value& b);       // ==
int compare(const Value& a, const Value& b);      // < 0, 0, > 0; Error when they have no order
std::vector<Value> items_of(const Value& value);  // what `for` visits; Error when it visits nothing of this type

// How values are written (value_text.cc).
Text to_text(const Value& value);  // Python's str()
Text to_repr(const Value& value);  // Python's repr()
std::string float_repr(double number);

struct JsonStyle {
  std::string indent;    // of one level
  bool one_line = true;  // without `indent`
  bool ensure_ascii = false, sort_keys = false;
  Text item_separator = ", ", key_separator = ": ";
};
Text to_json(const Value& value, const JsonStyle& style);  // Python's json.dumps

}  // namespace hadal::jinja
