#include "tokenizer/jinja/evaluator.h"

#include <algorithm>
#include <utility>

#include "base/error.h"
#include "tokenizer/jinja/builtins.h"

namespace hadal::jinja {
namespace {

constexpr int kMaxDepth = 1000;  // of expressions, statements and macro calls in one another

enum class Flow { next, loop_break, loop_continue };

class Evaluator {
 public:
  Evaluator() {
    frames_.emplace_back();
    add_functions(frames_[0]);
  }

  void read_context(const OrderedJson& context) {
    if (!context.is_object()) fail("expected the context to be an object, found {}", context.type_name());
    for (const auto& [name, value] : context.items()) frames_[0].set(name, value_of_json(value));
  }

  std::string run(const Body& body) {
    std::string out;
    out_ = &out;
    run_body(body);
    return out;
  }

  int line() const { return line_; }

 private:
  struct Deeper {
    explicit Deeper(Evaluator& e) : evaluator(e) {
      evaluator.evaluation_.charge(1);
      if (++evaluator.depth_ > kMaxDepth)
        fail("expected at most {} levels of expressions and calls, found more", kMaxDepth);
    }
    ~Deeper() { --evaluator.depth_; }
    Evaluator& evaluator;
  };

  // --- names ---
  Value look_up(const std::string& name) const {
    for (size_t i = frames_.size(); i-- > base_;) {
      if (const Value* found = frames_[i].find(name)) return *found;
    }
    const Value* found = frames_[0].find(name);
    return found != nullptr ? *found : Value(Undefined{name});
  }

  void assign(const std::vector<std::string>& names, Value value) {
    if (names.size() == 1) return frames_.back().set(names[0], std::move(value));
    const std::vector<Value> items = items_of(value);
    if (items.size() != names.size()) fail("expected {} values to assign, found {}", names.size(), items.size());
    for (size_t i = 0; i < names.size(); ++i) frames_.back().set(names[i], items[i]);
  }

  // --- statements ---
  void write(const std::string& text) {
    evaluation_.charge_bytes(out_->size() + text.size() > Evaluation::kMaxBytes ? Evaluation::kMaxBytes + 1
                                                                                : text.size());
    *out_ += text;
  }

  void write_value(const Value& value) {
    evaluation_.charge(value.weight());
    write(to_text(value));
  }

  Flow run_body(const Body& body) {
    for (const auto& statement : body) {
      if (const Flow flow = run_statement(*statement); flow != Flow::next) return flow;
    }
    return Flow::next;
  }

  Flow run_statement(const Statement& s) {
    using Kind = Statement::Kind;
    const Deeper deeper(*this);
    line_ = s.line;
    switch (s.kind) {
      case Kind::text:
        write(s.text);
        break;
      case Kind::output:
        write_value(evaluate(*s.exprs[0]));
        break;
      case Kind::if_else:
        return run_if(s);
      case Kind::for_loop:
        run_for(s);
        break;
      case Kind::set:
        assign(s.names, evaluate(*s.exprs[0]));
        break;
      case Kind::set_member:
        set_member(s);
        break;
      case Kind::set_block:
        set_block(s);
        break;
      case Kind::macro:
        frames_.back().set(s.text, macro(s));
        break;
      case Kind::call_block:
        call_block(s);
        break;
      case Kind::filter_block:
        filter_block(s);
        break;
      case Kind::block:
        return run_body(s.bodies[0]);
      case Kind::loop_break:
        return Flow::loop_break;
      case Kind::loop_continue:
        return Flow::loop_continue;
    }
    return Flow::next;
  }

  Flow run_if(const Statement& s) {
    for (size_t i = 0; i < s.exprs.size(); ++i) {
      if (evaluate(*s.exprs[i]).truth()) return run_body(s.bodies[i]);
    }
    return s.bodies.size() > s.exprs.size() ? run_body(s.bodies.back()) : Flow::next;
  }

  void run_for(const Statement& s) {
    std::vector<Value> items = items_of(evaluate(*s.exprs[0]));
    if (s.exprs[1]) {
      std::vector<Value> kept;
      for (const Value& item : items) {
        frames_.emplace_back();
        assign(s.names, item);
        if (evaluate(*s.exprs[1]).truth()) kept.push_back(item);
        frames_.pop_back();
      }
      items = std::move(kept);
    }
    if (items.empty() && s.bodies.size() > 1) {
      run_body(s.bodies[1]);
      return;
    }
    for (size_t i = 0; i < items.size(); ++i) {
      evaluation_.charge(10);
      frames_.emplace_back();
      frames_.back().set("loop", loop(items, i));
      assign(s.names, items[i]);
      const Flow flow = run_body(s.bodies[0]);
      frames_.pop_back();
      if (flow == Flow::loop_break) break;
    }
  }

  static Value loop(const std::vector<Value>& items, size_t i) {
    const size_t n = items.size();
    Dict loop;
    loop.entries = {{"index", Value::of(i + 1)},
                    {"index0", Value::of(i)},
                    {"first", i == 0},
                    {"last", i + 1 == n},
                    {"length", Value::of(n)},
                    {"revindex", Value::of(n - i)},
                    {"revindex0", Value::of(n - i - 1)},
                    {"previtem", i > 0 ? items[i - 1] : Value(Undefined{"loop.previtem"})},
                    {"nextitem", i + 1 < n ? items[i + 1] : Value(Undefined{"loop.nextitem"})}};
    loop.entries.emplace_back("cycle", Callable{"cycle", [i](Evaluation&, const Arguments& a) -> Value {
                                                  if (a.positional.empty())
                                                    fail("loop.cycle: expected values, found none");
                                                  return a.positional[i % a.positional.size()];
                                                }});
    return loop;
  }

  void set_member(const Statement& s) {
    const Value target = look_up(s.names[0]);
    if (target.space() == nullptr)
      fail("set {}.{}: expected a namespace, found {}", s.names[0], s.names[1], type_name(target));
    target.space()->attributes.set(s.names[1], evaluate(*s.exprs[0]));
  }

  std::string capture(const Body& body) {
    std::string text;
    std::string* const outer = std::exchange(out_, &text);
    run_body(body);
    out_ = outer;
    return text;
  }

  // The text of a body, passed through the filters of exprs[0].
  Value filtered_body(const Statement& s) {
    frames_.emplace_back();
    Value text(capture(s.bodies[0]));
    frames_.back().set(std::string(kBlockText), std::move(text));
    Value filtered = evaluate(*s.exprs[0]);
    frames_.pop_back();
    return filtered;
  }

  void set_block(const Statement& s) {
    Value text = filtered_body(s);  // first: it may move the frames
    frames_.back().set(s.names[0], std::move(text));
  }
  void filter_block(const Statement& s) { write_value(filtered_body(s)); }

  // {% call(names) macro(...) %}body{% endcall %}: the macro gets the body as caller(), which sees the names of here.
  void call_block(const Statement& s) {
    Dict visible;
    for (size_t i = base_; i < frames_.size(); ++i) {
      for (const auto& [name, value] : frames_[i].entries) visible.set(name, value);
    }
    const Value caller(Callable{"caller", [this, &s, visible](Evaluation&, const Arguments& given) {
                                  const Deeper deeper(*this);
                                  const size_t outer_base = std::exchange(base_, frames_.size());
                                  frames_.push_back(visible);
                                  for (size_t i = 0; i < s.names.size(); ++i) {
                                    const Value* value = given.get(i, s.names[i]);
                                    frames_.back().set(s.names[i],
                                                       value != nullptr ? *value : Value(Undefined{s.names[i]}));
                                  }
                                  std::string text = capture(s.bodies[0]);
                                  frames_.pop_back();
                                  base_ = outer_base;
                                  return Value(std::move(text));
                                }});
    if (s.exprs[0]->kind != Expr::Kind::call) fail("call: expected a call of a macro, found another expression");
    write_value(call(*s.exprs[0], &caller));
  }

  Value macro(const Statement& s) {
    return Callable{s.text, [this, &s](Evaluation&, const Arguments& arguments) { return call_macro(s, arguments); }};
  }

  // A macro sees its parameters and what the whole template sees, nothing of its caller.
  Value call_macro(const Statement& s, const Arguments& arguments) {
    const Deeper deeper(*this);
    if (arguments.positional.size() > s.names.size()) {
      fail("macro {}: expected at most {} arguments, found {}", s.text, s.names.size(), arguments.positional.size());
    }
    for (const auto& [name, value] : arguments.named) {
      if (name != "caller" && std::find(s.names.begin(), s.names.end(), name) == s.names.end())
        fail("macro {}: has no parameter {}", s.text, name);
    }
    const size_t outer_base = std::exchange(base_, frames_.size());
    frames_.emplace_back();
    const size_t first_default = s.names.size() - s.exprs.size();
    for (size_t i = 0; i < s.names.size(); ++i) {
      const Value* given = arguments.get(i, s.names[i]);
      Value value = given != nullptr     ? *given
                    : i >= first_default ? evaluate(*s.exprs[i - first_default])
                                         : Value(Undefined{s.names[i]});
      frames_.back().set(s.names[i], std::move(value));
    }
    if (const Value* caller = arguments.get(SIZE_MAX, "caller")) frames_.back().set("caller", *caller);
    std::string text = capture(s.bodies[0]);
    frames_.pop_back();
    base_ = outer_base;
    return text;
  }

  // --- expressions ---
  Value evaluate(const Expr& e) {
    using Kind = Expr::Kind;
    const Deeper deeper(*this);
    line_ = e.line;
    switch (e.kind) {
      case Kind::constant:
        return e.value;
      case Kind::name:
        return look_up(e.text);
      case Kind::list:
        return list(e);
      case Kind::dict:
        return dict(e);
      case Kind::negate:
        return arithmetic(evaluation_, "*", Value(int64_t{-1}), number(*e.parts[0]));
      case Kind::positive:
        return arithmetic(evaluation_, "*", Value(int64_t{1}), number(*e.parts[0]));
      case Kind::logic_not:
        return !evaluate(*e.parts[0]).truth();
      case Kind::logic_and:
      case Kind::logic_or:
        return logic(e);
      case Kind::arithmetic:
        return binary(e);
      case Kind::comparison:
        return comparison(e);
      case Kind::conditional:
        return conditional(e);
      case Kind::attribute:
        return get_attribute(evaluate(*e.parts[0]), e.text);
      case Kind::item:
        return item(e);
      case Kind::slice:
        return slice(e);
      case Kind::call:
        return call(e);
      case Kind::filter:
      case Kind::test:
        return filter_or_test(e);
      case Kind::unpack:
      case Kind::unpack_named:
        break;  // arguments() deals with them
    }
    return {};
  }

  Value number(const Expr& e) {
    Value value = evaluate(e);
    value.number("sign");  // an Error when it is none
    return value;
  }

  Value list(const Expr& e) {
    std::vector<Value> items;
    for (const ExprPtr& part : e.parts) items.push_back(evaluate(*part));
    return items;
  }

  Value dict(const Expr& e) {
    Dict entries;
    for (size_t i = 0; i < e.parts.size(); i += 2) {
      const Value key = evaluate(*e.parts[i]);
      entries.set(key.text("the key of a dict"), evaluate(*e.parts[i + 1]));
    }
    return entries;
  }

  Value logic(const Expr& e) {
    Value left = evaluate(*e.parts[0]);
    const bool decided = left.truth() == (e.kind == Expr::Kind::logic_or);
    return decided ? left : evaluate(*e.parts[1]);
  }

  Value binary(const Expr& e) {
    const Value left = evaluate(*e.parts[0]), right = evaluate(*e.parts[1]);
    line_ = e.line;
    return arithmetic(evaluation_, e.text, left, right);
  }

  Value comparison(const Expr& e) {
    Value left = evaluate(*e.parts[0]);
    for (size_t i = 0; i < e.names.size(); ++i) {
      Value right = evaluate(*e.parts[i + 1]);
      if (!compares(e.names[i], left, right)) return false;
      left = std::move(right);
    }
    return true;
  }

  bool compares(const std::string& op, const Value& a, const Value& b) {
    evaluation_.charge(a.weight() + b.weight());
    if (op == "==") return equal(a, b);
    if (op == "!=") return !equal(a, b);
    if (op == "in") return contains(b, a);
    if (op == "not in") return !contains(b, a);
    const int order = compare(a, b);
    return op == "<" ? order < 0 : op == "<=" ? order <= 0 : op == ">" ? order > 0 : order >= 0;
  }

  Value conditional(const Expr& e) {
    if (evaluate(*e.parts[1]).truth()) return evaluate(*e.parts[0]);
    return e.parts[2] ? evaluate(*e.parts[2]) : Value();
  }

  Value item(const Expr& e) {
    const Value object = evaluate(*e.parts[0]), key = evaluate(*e.parts[1]);
    line_ = e.line;
    if (object.string() != nullptr) evaluation_.charge(object.weight());
    return get_item(object, key);
  }

  Value slice(const Expr& e) {
    const Value object = evaluate(*e.parts[0]);
    Value bounds[3];
    const Value* given[3] = {};
    for (size_t i = 0; i < 3; ++i) {
      if (!e.parts[i + 1]) continue;
      bounds[i] = evaluate(*e.parts[i + 1]);
      if (!bounds[i].is_none()) given[i] = &bounds[i];
    }
    return get_slice(evaluation_, object, given[0], given[1], given[2]);
  }

  Arguments arguments(const Expr& e) {
    Arguments made;
    const size_t num_positional = e.parts.size() - e.names.size();
    for (size_t i = 1; i < e.parts.size(); ++i) {
      if (e.parts[i]->kind == Expr::Kind::unpack) {
        for (Value& item : items_of(evaluate(*e.parts[i]->parts[0]))) made.positional.push_back(std::move(item));
      } else if (e.parts[i]->kind == Expr::Kind::unpack_named) {
        const Value named = evaluate(*e.parts[i]->parts[0]);
        if (named.dict() == nullptr) fail("**: expected a dict, found {}", type_name(named));
        for (const auto& entry : named.dict()->entries) made.named.push_back(entry);
      } else if (i < num_positional)
        made.positional.push_back(evaluate(*e.parts[i]));
      else
        made.named.emplace_back(e.names[i - num_positional], evaluate(*e.parts[i]));
    }
    return made;
  }

  void charge_arguments(const Arguments& given) {
    for (const Value& value : given.positional) evaluation_.charge(value.weight());
    for (const auto& entry : given.named) evaluation_.charge(entry.second.weight());
  }

  Value call(const Expr& e, const Value* caller = nullptr) {
    const Value callee = evaluate(*e.parts[0]);
    Arguments given = arguments(e);
    if (caller != nullptr) given.named.emplace_back("caller", *caller);
    line_ = e.line;
    charge_arguments(given);
    if (callee.callable() == nullptr) fail("expected a function to call, found {}", type_name(callee));
    return callee.callable()->call(evaluation_, given);
  }

  Value filter_or_test(const Expr& e) {
    const Value value = evaluate(*e.parts[0]);
    const Arguments given = arguments(e);
    line_ = e.line;
    evaluation_.charge(value.weight());
    charge_arguments(given);
    if (e.kind == Expr::Kind::filter) return apply_filter(evaluation_, e.text, value, given);
    return apply_test(e.text, value, given);
  }

  std::vector<Dict>
      frames_;       // names; [0]: of the whole template. Declared before the evaluation, which clears namespaces
  size_t base_ = 0;  // names in frames below, save [0], are hidden from the running macro
  std::string* out_ = nullptr;
  int line_ = 1, depth_ = 0;
  Evaluation evaluation_;
};

}  // namespace

RenderedText render(const Body& body, const OrderedJson& content, const OrderedJson& own) {
  Evaluator evaluator;
  try {
    evaluator.read_context(content);
    evaluator.read_context(own);
    return {evaluator.run(body), {}};
  } catch (const Error& e) {
    fail("chat template, line {}: {}", evaluator.line(), e.what());
  }
}

}  // namespace hadal::jinja
