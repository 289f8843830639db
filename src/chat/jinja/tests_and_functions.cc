// Tests (`x is defined`), as jinja2/tests.py defines them, and the global functions of chat templates.
#include <ctime>
#include <unordered_map>
#include <utility>

#include "base/error.h"
#include "chat/jinja/builtins.h"
#include "chat/jinja/text.h"

namespace hadal::jinja {
namespace {

using Test = bool (*)(const Value&, const Arguments&);

const Value& other(const Arguments& arguments) {
  if (arguments.positional.empty()) fail("test: expected a value to compare with, found none");
  return arguments.positional[0];
}

bool is_sequence(const Value& v) { return v.string() != nullptr || v.list() != nullptr || v.dict() != nullptr; }

bool is_multiple(const Value& v, int64_t divisor) {
  if (divisor == 0) fail("test: expected a divisor other than 0, found 0");
  return divisor == -1 || v.integer("test") % divisor == 0;
}

bool same(const Value& v, const Arguments& a) {
  const Value& o = other(a);
  return v.is_bool() == o.is_bool() && v.is_float() == o.is_float() && equal(v, o);
}

template <bool kUpper>
bool has_case(std::string_view text) {  // str.isupper(), str.islower()
  bool any = false, all = true;
  for_each_character(text, [&](std::string_view character) {
    const Char c = read_char(character, 0, char_classes());
    if (!is_cased(c)) return;
    any = true;
    all = all && (kUpper ? is_upper(c) : is_lower(c));
  });
  return any && all;
}

const std::unordered_map<std::string_view, Test>& tests() {
  static constexpr Test kEqual = [](const Value& v, const Arguments& a) { return equal(v, other(a)); };
  static constexpr Test kUnequal = [](const Value& v, const Arguments& a) { return !equal(v, other(a)); };
  static constexpr Test kLess = [](const Value& v, const Arguments& a) { return compare(v, other(a)) < 0; };
  static constexpr Test kLessEqual = [](const Value& v, const Arguments& a) { return compare(v, other(a)) <= 0; };
  static constexpr Test kGreater = [](const Value& v, const Arguments& a) { return compare(v, other(a)) > 0; };
  static constexpr Test kGreaterEqual = [](const Value& v, const Arguments& a) { return compare(v, other(a)) >= 0; };
  static const std::unordered_map<std::string_view, Test> table = {
      {"defined", [](const Value& v, const Arguments&) { return !v.is_undefined(); }},
      {"undefined", [](const Value& v, const Arguments&) { return v.is_undefined(); }},
      {"none", [](const Value& v, const Arguments&) { return v.is_none(); }},
      {"string", [](const Value& v, const Arguments&) { return v.string() != nullptr; }},
      {"mapping", [](const Value& v, const Arguments&) { return v.dict() != nullptr; }},
      {"iterable", [](const Value& v, const Arguments&) { return is_sequence(v) || v.is_undefined(); }},
      {"sequence", [](const Value& v, const Arguments&) { return is_sequence(v) || v.is_undefined(); }},
      {"true", [](const Value& v, const Arguments&) { return v.is_bool() && v.truth(); }},
      {"false", [](const Value& v, const Arguments&) { return v.is_bool() && !v.truth(); }},
      {"boolean", [](const Value& v, const Arguments&) { return v.is_bool(); }},
      {"number", [](const Value& v, const Arguments&) { return v.is_number(); }},
      {"integer", [](const Value& v, const Arguments&) { return v.is_integer(); }},
      {"float", [](const Value& v, const Arguments&) { return v.is_float(); }},
      {"callable", [](const Value& v, const Arguments&) { return v.callable() != nullptr && v.callable()->call; }},
      {"odd", [](const Value& v, const Arguments&) { return !is_multiple(v, 2); }},
      {"even", [](const Value& v, const Arguments&) { return is_multiple(v, 2); }},
      {"divisibleby",
       [](const Value& v, const Arguments& a) { return is_multiple(v, other(a).integer("divisibleby")); }},
      {"lower", [](const Value& v, const Arguments&) { return has_case<false>(to_text(v).bytes()); }},
      {"upper", [](const Value& v, const Arguments&) { return has_case<true>(to_text(v).bytes()); }},
      {"filter", [](const Value& v, const Arguments&) { return v.string() != nullptr && has_filter(*v.string()); }},
      {"test", [](const Value& v, const Arguments&) { return v.string() != nullptr && tests().contains(*v.string()); }},
      {"escaped", [](const Value& v, const Arguments&) { return v.text() != nullptr && v.text()->markup; }},
      {"in", [](const Value& v, const Arguments& a) { return contains(other(a), v); }},
      {"sameas", same},
      {"eq", kEqual},
      {"equalto", kEqual},
      {"==", kEqual},
      {"ne", kUnequal},
      {"!=", kUnequal},
      {"lt", kLess},
      {"lessthan", kLess},
      {"<", kLess},
      {"le", kLessEqual},
      {"<=", kLessEqual},
      {"gt", kGreater},
      {"greaterthan", kGreater},
      {">", kGreater},
      {"ge", kGreaterEqual},
      {">=", kGreaterEqual}};
  return table;
}

Value range(Evaluation& evaluation, const Arguments& a) {
  const size_t n = a.positional.size();
  if (n < 1 || n > 3) fail("range: expected one to three numbers, found {}", n);
  const int64_t start = n > 1 ? a.positional[0].integer("range") : 0;
  const int64_t stop = a.positional[n > 1 ? 1 : 0].integer("range"),
                step = n > 2 ? a.positional[2].integer("range") : 1;
  if (step == 0) fail("range: expected a step other than 0, found 0");
  constexpr size_t kMaxRange = 100'000;  // jinja2.sandbox.MAX_RANGE
  std::vector<Value> items;
  for (int64_t i = start; step > 0 ? i < stop : i > stop;) {
    if (items.size() >= kMaxRange) fail("range: expected at most {} numbers, found more", kMaxRange);
    items.emplace_back(i);
    if (__builtin_add_overflow(i, step, &i)) break;
  }
  evaluation.charge(items.size());
  return items;
}

Dict dict_of(Evaluation& evaluation, const Arguments& a) {
  Dict dict;
  if (!a.positional.empty() && a.positional[0].dict() != nullptr) {
    dict = *a.positional[0].dict();
  } else if (!a.positional.empty()) {
    for (const Value& item : items_of(a.positional[0])) {
      const std::vector<Value> pair = items_of(item);
      if (pair.size() != 2) fail("dict: expected a dict, pairs or named values, found a list of something else");
      evaluation.charge(dict.entries.size() / 16);
      dict.set(pair[0], pair[1]);
    }
  }
  for (const auto& [name, value] : a.named) dict.set(name, value);
  return dict;
}

// Gives its values in turn: next(), current, reset().
Value cycler(Evaluation&, const Arguments& a) {
  if (a.positional.empty()) fail("cycler: expected values, found none");
  const auto items = std::make_shared<const std::vector<Value>>(a.positional);
  const auto at = std::make_shared<size_t>(0);
  return Callable{"a cycler", {}, [items, at](const std::string& name) -> Value {
                    if (name == "current") return (*items)[*at];
                    if (name == "reset") {
                      return Callable{name, [at](Evaluation&, const Arguments&) -> Value { return *at = 0, None{}; }};
                    }
                    if (name != "next") return Undefined{"cycler." + name};
                    return Callable{name, [items, at](Evaluation&, const Arguments&) -> Value {
                                      const Value now = (*items)[*at];
                                      *at = (*at + 1) % items->size();
                                      return now;
                                    }};
                  }};
}

// "" when it is called first, then its separator.
Value joiner(Evaluation&, const Arguments& a) {
  const Value* given = a.get(0, "sep");
  const Value separator = given != nullptr ? *given : Value(std::string(", "));
  const auto used = std::make_shared<bool>(false);
  return Callable{"a joiner", [separator, used](Evaluation&, const Arguments&) -> Value {
                    return std::exchange(*used, true) ? separator : Value(Text());
                  }};
}

// The local date and time as a template writes them (Llama 3.2's says today's).
Value strftime_now(Evaluation&, const Arguments& a) {
  if (a.positional.size() != 1 || a.positional[0].string() == nullptr)
    fail("strftime_now: expected a format, as strftime_now('%d %b %Y')");
  const std::string& format = *a.positional[0].string();
  if (format.empty()) return std::string();
  const std::time_t now = std::time(nullptr);
  std::tm parts{};
  localtime_r(&now, &parts);
  char text[512];
  const size_t length = std::strftime(text, sizeof text, format.c_str(), &parts);
  if (length == 0)
    fail("strftime_now: expected a format that gives at most {} characters, found \"{}\"", sizeof text - 1, format);
  return std::string(text, length);
}

}  // namespace

bool apply_test(const std::string& name, const Value& value, const Arguments& arguments) {
  const auto found = tests().find(name);
  if (found == tests().end()) fail("test: expected one that is supported, found \"{}\"", name.substr(0, 60));
  return found->second(value, arguments);
}

void add_functions(Dict& globals) {
  const auto add = [&](const char* name, auto function) { globals.set(name, Callable{name, function}); };
  add("range", range);
  add("dict", [](Evaluation& evaluation, const Arguments& a) -> Value { return dict_of(evaluation, a); });
  add("namespace", [](Evaluation& evaluation, const Arguments& a) -> Value {
    const auto space = std::make_shared<Namespace>(Namespace{dict_of(evaluation, a)});
    evaluation.at_end([space] { space->attributes.entries.clear(); });
    return space;
  });
  add("cycler", cycler);
  add("joiner", joiner);
  add("strftime_now", strftime_now);
  add("raise_exception", [](Evaluation&, const Arguments& a) -> Value {
    fail("the template refuses the conversation: {}",
         a.positional.empty() ? std::string() : to_text(a.positional[0]).bytes().substr(0, 2000));
  });
}

}  // namespace hadal::jinja
