#include "chat/jinja/evaluator.h"

#include <algorithm>
#include <utility>

#include "base/error.h"
#include "base/json.h"
#include "chat/jinja/builtins.h"

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

  // Variables that come from outside: all their bytes are content, save those of an assistant's messages.
  void read_content(const OrderedJson& context) {
    check_object(context);
    for (const auto& [name, value] : context.items()) {
      frames_[0].set(name,
                     name == "messages" && value.is_array() ? messages(value) : value_of_json(value, Origin::content));
    }
  }
  void read_own(const OrderedJson& context) {
    check_object(context);
    for (const auto& [name, value] : context.items()) frames_[0].set(name, value_of_json(value, Origin::own));
  }

  RenderedText run(const Body& body) {
    Text out;
    out_ = &out;
    run_body(body);
    RenderedText rendered;
    for (size_t i = 0; i < out.size(); ++i) {
      const Origin origin = out.origin_at(i);
      if (origin == Origin::own) continue;
      const bool answer = origin == Origin::answer;
      auto& parts = rendered.content;
      if (!parts.empty() && parts.back().end == i && parts.back().answer == answer)
        parts.back().end = i + 1;
      else
        parts.push_back({i, i + 1, answer});
    }
    rendered.text = out.bytes();
    return rendered;
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

  // --- the context ---
  static void check_object(const OrderedJson& context) {
    if (!context.is_object()) fail("expected the context to be an object, found {}", context.type_name());
  }

  static Value messages(const OrderedJson& list) {
    std::vector<Value> messages;
    for (const OrderedJson& message : list) {
      const auto found = message.is_object() ? message.find("role") : message.end();
      const bool has_role = found != message.end() && found->is_string();
      const std::string role = has_role ? found->get<std::string>() : "";
      Value made = value_of_json(message, role == "assistant" ? Origin::answer : Origin::content, 1);
      // The names of roles that all templates know are as good as their own: some write '<|' + role + '|>'.
      static constexpr std::string_view kRoles[] = {"system", "developer", "user", "assistant", "tool", "function"};
      if (std::ranges::find(kRoles, role) != std::end(kRoles)) {
        Dict with_role = *made.dict();
        with_role.set("role", Value(role));
        made = std::move(with_role);
      }
      messages.push_back(std::move(made));
    }
    return messages;
  }

  // --- names ---
  Value look_up(const std::string& name) const {
    for (size_t i = frames_.size(); i-- > base_;) {
      if (const Value* found = frames_[i].find(name)) return *found;
    }
    const Value* found = frames_[0].find(name);
    return found != nullptr ? *found : Value(Undefined{name});
  }

  void set(const std::string& name, Value value) { frames_.back().set(name, std::move(value)); }

  void assign(const Expr& target, Value value) {
    line_ = target.line;
    if (target.kind == Expr::Kind::name) return set(target.text, std::move(value));
    if (target.kind == Expr::Kind::attribute) {
      const std::string& name = target.parts[0]->text;
      const Value space = look_up(name);
      if (space.space() == nullptr)
        fail("set {}.{}: expected a namespace, found {}", name, target.text, type_name(space));
      return space.space()->attributes.set(target.text, std::move(value));
    }
    const std::vector<Value> items = items_of(value);
    const size_t n = target.parts.size();
    if (items.size() != n) fail("expected {} values to assign, found {}", n, items.size());
    for (size_t i = 0; i < n; ++i) assign(*target.parts[i], items[i]);
  }

  // --- statements ---
  void write(const Text& text) {
    evaluation_.charge_bytes(out_->size() + text.size() > Evaluation::kMaxBytes ? Evaluation::kMaxBytes + 1
                                                                                : text.size());
    out_->append(text);
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
        assign(*s.targets[0], evaluate(*s.exprs[0]));
        break;
      case Kind::set_block:
        assign(*s.targets[0], filtered_body(s));
        break;
      case Kind::with:
        return run_with(s);
      case Kind::macro:
        set(s.text, macro(s));
        break;
      case Kind::call_block:
        call_block(s);
        break;
      case Kind::filter_block:
        write_value(filtered_body(s));
        break;
      case Kind::mark:
        return run_body(s.bodies[0]);
      case Kind::scope:
        return run_scope(s.bodies[0]);
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

  Flow run_scope(const Body& body) {
    frames_.emplace_back();
    const Flow flow = run_body(body);
    frames_.pop_back();
    return flow;
  }

  Flow run_with(const Statement& s) {
    std::vector<Value> values;
    for (const ExprPtr& expr : s.exprs) values.push_back(evaluate(*expr));
    frames_.emplace_back();
    for (size_t i = 0; i < values.size(); ++i) assign(*s.targets[i], std::move(values[i]));
    const Flow flow = run_body(s.bodies[0]);
    frames_.pop_back();
    return flow;
  }

  void run_for(const Statement& s) { loop(s, evaluate(*s.exprs[0]), 0); }

  // `loop` inside a loop's body.
  struct LoopState {
    std::vector<Value> items;
    size_t at = 0;
    int64_t depth = 0;
    std::vector<Value> last;  // what loop.changed() was given
    bool called = false;
  };

  void loop(const Statement& s, const Value& iterable, int64_t depth) {
    const auto state = std::make_shared<LoopState>();
    state->items = items_of(iterable);
    state->depth = depth;
    evaluation_.charge(state->items.size());
    if (s.exprs[1]) keep_chosen(s, state->items);
    if (state->items.empty() && s.bodies.size() > 1) {
      run_scope(s.bodies[1]);
      return;
    }
    const Value object = loop_object(s, state);
    for (; state->at < state->items.size(); ++state->at) {
      evaluation_.charge(10);
      frames_.emplace_back();
      set("loop", object);
      assign(*s.targets[0], state->items[state->at]);
      const Flow flow = run_body(s.bodies[0]);
      frames_.pop_back();
      if (flow == Flow::loop_break) break;
    }
  }

  void keep_chosen(const Statement& s, std::vector<Value>& items) {
    std::vector<Value> kept;
    for (const Value& item : items) {
      frames_.emplace_back();
      assign(*s.targets[0], item);
      if (evaluate(*s.exprs[1]).truth()) kept.push_back(item);
      frames_.pop_back();
    }
    items = std::move(kept);
  }

  Value loop_object(const Statement& s, const std::shared_ptr<LoopState>& state) {
    Callable object{"a loop", {}, [state](const std::string& name) { return loop_attribute(state, name); }};
    if (s.recursive) {
      const size_t level = frames_.size();
      object.call = [this, &s, level, depth = state->depth](Evaluation&, const Arguments& given) {
        if (given.positional.size() != 1) fail("loop: expected one list to go through");
        return recur(s, given.positional[0], level, depth + 1);
      };
    }
    return object;
  }

  // The loop's body again, over other items; it sees the names of where the loop stands.
  Value recur(const Statement& s, const Value& iterable, size_t level, int64_t depth) {
    const Deeper deeper(*this);
    const auto from = frames_.begin() + static_cast<ptrdiff_t>(std::clamp(level, size_t{1}, frames_.size()));
    std::vector<Dict> hidden(std::make_move_iterator(from), std::make_move_iterator(frames_.end()));
    frames_.erase(from, frames_.end());
    const size_t outer_base = std::exchange(base_, std::min(base_, frames_.size()));
    Text text;
    Text* const outer = std::exchange(out_, &text);
    loop(s, iterable, depth);
    out_ = outer;
    base_ = outer_base;
    frames_.insert(frames_.end(), std::make_move_iterator(hidden.begin()), std::make_move_iterator(hidden.end()));
    return text;
  }

  static Value loop_attribute(const std::shared_ptr<LoopState>& state, const std::string& name) {
    const size_t n = state->items.size(), i = std::min(state->at, n);
    if (name == "index") return Value::of(i + 1);
    if (name == "index0") return Value::of(i);
    if (name == "first") return i == 0;
    if (name == "last") return i + 1 >= n;
    if (name == "length") return Value::of(n);
    if (name == "revindex") return Value::of(n - i);
    if (name == "revindex0") return static_cast<int64_t>(n - i) - 1;
    if (name == "depth") return state->depth + 1;
    if (name == "depth0") return state->depth;
    if (name == "previtem") return i > 0 ? state->items[i - 1] : Value(Undefined{"loop.previtem"});
    if (name == "nextitem") return i + 1 < n ? state->items[i + 1] : Value(Undefined{"loop.nextitem"});
    if (name == "cycle") {
      return Callable{"cycle", [state](Evaluation&, const Arguments& a) -> Value {
                        if (a.positional.empty()) fail("loop.cycle: expected values, found none");
                        return a.positional[state->at % a.positional.size()];
                      }};
    }
    if (name == "changed") {
      return Callable{"changed", [state](Evaluation& evaluation, const Arguments& a) -> Value {
                        if (!state->called) evaluation.at_end([state] { state->last.clear(); });
                        const bool same = state->called && std::ranges::equal(a.positional, state->last, equal);
                        state->called = true;
                        state->last = a.positional;
                        return !same;
                      }};
    }
    return Undefined{"loop." + name};
  }

  Text capture(const Body& body) {
    Text text;
    Text* const outer = std::exchange(out_, &text);
    run_body(body);
    out_ = outer;
    return text;
  }

  // The text of a body, passed through the filters of exprs[0].
  Value filtered_body(const Statement& s) {
    frames_.emplace_back();
    Value text(capture(s.bodies[0]));
    set(std::string(kBlockText), std::move(text));
    Value filtered = evaluate(*s.exprs[0]);
    frames_.pop_back();
    return filtered;
  }

  // {% call(names) macro(...) %}body{% endcall %}: the macro gets the body as caller().
  void call_block(const Statement& s) {
    if (s.exprs[0]->kind != Expr::Kind::call) fail("call: expected a call of a macro, found another expression");
    const Value caller = macro(s);
    write_value(call(*s.exprs[0], &caller));
  }

  // A macro sees its parameters, what the whole template sees, and the names of where it was defined.
  Value macro(const Statement& s) {
    Dict visible;
    for (size_t i = std::max(base_, size_t{1}); i < frames_.size(); ++i) {
      evaluation_.charge(frames_[i].entries.size());
      for (const auto& [name, value] : frames_[i].entries) visible.set(name, value);
    }
    const std::string name = s.kind == Statement::Kind::macro ? s.text : "caller";
    return Callable{name, [this, &s, visible](Evaluation&, const Arguments& given) {
                      const Deeper deeper(*this);
                      const size_t outer_base = std::exchange(base_, frames_.size());
                      evaluation_.charge(visible.entries.size());
                      frames_.push_back(visible);
                      set_parameters(s, given);
                      Text text = capture(s.bodies[0]);
                      frames_.pop_back();
                      base_ = outer_base;
                      return Value(std::move(text));
                    }};
  }

  void set_parameters(const Statement& s, const Arguments& given) {
    const size_t n = s.names.size();
    const auto is_parameter = [&](const std::string& name) {
      return std::ranges::find(s.names, name) != s.names.end();
    };
    if (given.positional.size() > n && !s.takes_varargs)
      fail("macro {}: expected at most {} arguments, found {}", s.text, n, given.positional.size());
    Dict more;
    for (const auto& [name, value] : given.named) {
      if (is_parameter(name) || name == "caller") continue;
      if (!s.takes_kwargs) fail("macro {}: has no parameter {}", s.text, name);
      more.set(name, value);
    }
    const size_t first_default = n - s.defaults.size();
    for (size_t i = 0; i < n; ++i) {
      const Value* value = given.get(i, s.names[i]);
      Value chosen = value != nullptr     ? *value
                     : i >= first_default ? evaluate(*s.defaults[i - first_default])
                                          : Value(Undefined{s.names[i]});
      set(s.names[i], std::move(chosen));
    }
    if (const Value* caller = given.get(SIZE_MAX, "caller")) set("caller", *caller);
    if (s.takes_kwargs) set("kwargs", std::move(more));
    if (!s.takes_varargs) return;
    const auto rest = given.positional.begin() + static_cast<ptrdiff_t>(std::min(n, given.positional.size()));
    set("varargs", {std::vector<Value>(rest, given.positional.end()), ListKind::tuple});
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
        return list(e, ListKind::list);
      case Kind::tuple:
        return list(e, ListKind::tuple);
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
        return attribute(e);
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

  Value list(const Expr& e, ListKind kind) {
    std::vector<Value> items;
    for (const ExprPtr& part : e.parts) items.push_back(evaluate(*part));
    return {std::move(items), kind};
  }

  Value dict(const Expr& e) {
    Dict entries;
    for (size_t i = 0; i < e.parts.size(); i += 2) {
      Value key = evaluate(*e.parts[i]);
      evaluation_.charge(entries.entries.size() / 16);
      entries.set(std::move(key), evaluate(*e.parts[i + 1]));
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

  Value attribute(const Expr& e) {
    const Value object = evaluate(*e.parts[0]);
    if (object.dict() != nullptr) evaluation_.charge(object.dict()->entries.size() / 32);
    return get_attribute(object, e.text);
  }

  Value item(const Expr& e) {
    const Value object = evaluate(*e.parts[0]), key = evaluate(*e.parts[1]);
    line_ = e.line;
    if (object.string() != nullptr) evaluation_.charge(object.weight());
    if (object.dict() != nullptr) evaluation_.charge(object.dict()->entries.size() / 32);
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
        for (const auto& [key, value] : named.dict()->entries) made.named.emplace_back(key.string("**"), value);
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
    if (callee.callable() == nullptr || !callee.callable()->call)
      fail("expected a function to call, found {}", type_name(callee));
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
  Text* out_ = nullptr;
  int line_ = 1, depth_ = 0;
  Evaluation evaluation_;
};

}  // namespace

RenderedText render(const Body& body, const OrderedJson& content, const OrderedJson& own) {
  Evaluator evaluator;
  try {
    evaluator.read_content(content);
    evaluator.read_own(own);
    return evaluator.run(body);
  } catch (const Error& e) {
    fail("chat template, line {}: {}", evaluator.line(), e.what());
  }
}

}  // namespace hadal::jinja
