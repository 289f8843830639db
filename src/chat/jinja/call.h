// One call of a filter or a method, with help to read its arguments.
#pragma once

#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "base/error.h"
#include "chat/jinja/builtins.h"

namespace hadal::jinja {

struct Call {
  Evaluation& evaluation;
  const std::string& name;
  const Value& self;
  const Arguments& arguments;

  const Value* get(size_t index, std::string_view parameter) const { return arguments.get(index, parameter); }
  // Null where the argument is None, too.
  const Value* some(size_t index, std::string_view parameter) const {
    const Value* given = get(index, parameter);
    return given == nullptr || given->is_none() ? nullptr : given;
  }
  const Value& required(size_t index, std::string_view parameter) const {
    const Value* given = get(index, parameter);
    if (given == nullptr) fail("{}: expected an argument \"{}\", found none", name, parameter);
    return *given;
  }
  bool flag(size_t index, std::string_view parameter, bool otherwise = false) const {
    const Value* given = get(index, parameter);
    return given == nullptr ? otherwise : given->truth();
  }
  int64_t integer(size_t index, std::string_view parameter, int64_t otherwise) const {
    const Value* given = some(index, parameter);
    return given == nullptr ? otherwise : given->integer(name);
  }
  std::string_view string(size_t index, std::string_view parameter, std::string_view otherwise = {}) const {
    const Value* given = some(index, parameter);
    return given == nullptr ? otherwise : std::string_view(given->string(name));
  }
  // How wide something is to become: bounded, since it is filled with blanks.
  size_t width(size_t index, std::string_view parameter, int64_t otherwise) const {
    const int64_t given = integer(index, parameter, otherwise);
    if (given > static_cast<int64_t>(kMaxTextBytes))
      fail("{}: expected a width of at most {}, found {}", name, kMaxTextBytes, given);
    evaluation.charge_bytes(static_cast<size_t>(std::max<int64_t>(given, 0)));
    return static_cast<size_t>(std::max<int64_t>(given, 0));
  }
  Text text() const { return to_text(self); }
  std::vector<Value> items() const {
    std::vector<Value> all = items_of(self);
    evaluation.charge(all.size());
    return all;
  }
};

using Function = Value (*)(const Call&);
using FunctionTable = std::unordered_map<std::string_view, Function>;

const FunctionTable& string_methods();  // string_methods.cc
const FunctionTable& text_filters();    // text_filters.cc

Value reversed(const Call& call);   // a list from its end
Value word_wrap(const Call& call);  // text_layout.cc
Value urlize(const Call& call);
Value pretty(const Call& call);

// "a.b" or "0": an attribute of an attribute, or an index.
Value attribute_of(const Value& value, const Value& path);
// Strings are compared without case unless case_sensitive, as Jinja does.
Value sort_key(const Value& value, bool case_sensitive);

std::vector<std::string_view> split_lines(std::string_view text, bool keep_ends = false);  // str.splitlines()
Text justified(const Text& text, size_t left, size_t right, const Text& fill);
Text centered(const Text& text, size_t width, const Text& fill);
Text text_replace(const Call& call, const Text& text, std::string_view from, const Text& to, int64_t count);

}  // namespace hadal::jinja
