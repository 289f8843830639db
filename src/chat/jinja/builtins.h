// The functions, filters, tests and methods that templates may use, and the limits of a render.
#pragma once

#include <functional>
#include <string>
#include <vector>

#include "chat/jinja/value.h"

namespace hadal::jinja {

// What one render has spent. A template comes with a model's files, and so is as untrusted as they are.
struct Evaluation {
  static constexpr size_t kMaxSteps = 20'000'000, kMaxBytes = kMaxTextBytes;

  void charge(size_t steps);            // Error when the render takes too long
  void charge_bytes(size_t num_bytes);  // the same for a string about to be made; Error when it is too long
  // What may come to hold itself (namespaces, loops that remember values) is cleared when the render ends.
  void at_end(std::function<void()> clear);

  Evaluation() = default;
  Evaluation(const Evaluation&) = delete;
  ~Evaluation();

 private:
  size_t steps_ = 0;
  std::vector<std::function<void()>> at_end_;
};

// Error when there is none of this name, or the arguments do not fit.
Value apply_filter(Evaluation& evaluation, const std::string& name, const Value& value, const Arguments& arguments);
bool has_filter(const std::string& name);
bool apply_test(const std::string& name, const Value& value, const Arguments& arguments);

// str.format and % (format.cc).
Text percent_format(Evaluation& evaluation, const Text& format, const Value& arguments);
Text brace_format(Evaluation& evaluation, const Text& format, const Arguments& arguments);

// value.name: a method, an attribute or an entry; undefined when there is none. Error when `value` is undefined.
Value get_attribute(const Value& value, const std::string& name);
Value get_item(const Value& value, const Value& key);  // value[key]
Value get_slice(Evaluation& evaluation, const Value& value, const Value* start, const Value* stop, const Value* step);
bool contains(const Value& container, const Value& item);  // item in container
Value arithmetic(Evaluation& evaluation, const std::string& op, const Value& left, const Value& right);

void add_functions(Dict& globals);  // range, namespace, dict, cycler, joiner, strftime_now, raise_exception

// Methods of strings, dicts and lists (methods.cc). Undefined when `value` has none of this name.
Value find_method(const Value& value, const std::string& name);

}  // namespace hadal::jinja
