#include "base/json.h"

#include <algorithm>
#include <cmath>
#include <unordered_map>
#include <vector>

#include "base/error.h"
#include "base/git_lfs.h"
#include "base/json/json_mistake.h"

namespace hadal {
namespace {

using OrderedPairs = std::vector<OrderedJson::object_t::value_type>;  // the storage of an ordered object

// Removes duplicate names of a complete ordered object, in one pass so that a large object does not take quadratic
// time. The last value of a name counts, at the position of its first. Returns a duplicate name; "" if there was none.
std::string keep_last_of_each_name(OrderedPairs& object) {
  std::unordered_map<std::string_view, size_t> first;
  std::vector<size_t> doubled;
  for (size_t i = 0; i < object.size(); ++i) {
    const auto [at, is_new] = first.emplace(object[i].first, i);
    if (is_new) continue;
    object[at->second].second = std::move(object[i].second);
    doubled.push_back(i);
  }
  if (doubled.empty()) return "";
  const std::string name = object[doubled.front()].first;
  OrderedPairs kept;
  for (size_t i = 0; i < object.size(); ++i) {
    if (std::binary_search(doubled.begin(), doubled.end(), i)) continue;
    kept.emplace_back(object[i].first, std::move(object[i].second));
  }
  object.swap(kept);
  return name;
}

// Builds the value from the parser's events. The parser stores a bit for each level of nesting and the builder a
// pointer, so that text which is nested too deeply is rejected at little cost.
template <typename J>
class Builder {
 public:
  Builder(std::string_view text, std::string_view who, JsonRules rules) : text_(text), who_(who), rules_(rules) {}

  bool null() { return put(nullptr), true; }
  bool boolean(bool value) { return put(value), true; }
  bool number_integer(int64_t value) { return put(value), true; }
  bool number_unsigned(uint64_t value) { return put(value), true; }
  bool number_float(double value, const std::string&) { return put(value), true; }
  bool string(std::string& value) { return put(std::move(value)), true; }
  bool binary(typename J::binary_t&) { return false; }  // not in text
  bool start_object(size_t) { return open(J::object()); }
  bool start_array(size_t) { return open(J::array()); }
  bool end_array() { return open_.pop_back(), true; }

  bool key(std::string& name) {
    auto& object = this->object();
    if constexpr (std::is_same_v<J, OrderedJson>) {
      slot_ = &object.OrderedPairs::emplace_back(std::move(name), nullptr).second;
    } else {
      if (rules_.unique_names && object.contains(name)) refuse_twice(name);
      slot_ = &object[std::move(name)];
    }
    return true;
  }

  bool end_object() {
    if constexpr (std::is_same_v<J, OrderedJson>) {
      const std::string twice = keep_last_of_each_name(object());
      if (!twice.empty()) refuse_twice(twice);
    }
    open_.pop_back();
    return true;
  }

  bool parse_error(size_t num_read, const std::string& token, const nlohmann::detail::exception&) {
    fail("{}: expected valid JSON, found {}", who_, describe_json_mistake(text_, num_read, token));
  }

  J root;

 private:
  typename J::object_t& object() { return open_.back()->template get_ref<typename J::object_t&>(); }

  void refuse_twice(const std::string& name) const {
    if (rules_.unique_names) fail("{}: expected each name once, found \"{}\" twice", who_, brief(name));
  }

  J* put(J&& value) {
    J* place = &root;
    if (!open_.empty() && open_.back()->is_array()) {
      auto& array = open_.back()->template get_ref<typename J::array_t&>();
      return &array.emplace_back(std::move(value));
    }
    if (!open_.empty()) place = slot_;
    *place = std::move(value);
    return place;
  }

  bool open(J&& empty) {
    if (open_.size() == kMaxJsonDepth) {
      fail("{}: expected JSON of at most {} arrays and objects inside each other, found more", who_, kMaxJsonDepth);
    }
    open_.push_back(put(std::move(empty)));
    return true;
  }

  const std::string_view text_, who_;
  const JsonRules rules_;
  std::vector<J*> open_;
  J* slot_ = nullptr;  // of the name that was read last
};

template <typename J>
J parse(std::string_view text, std::string_view who, JsonRules rules) {
  if (is_lfs_pointer(text)) fail_lfs_pointer(who);
  std::string mended;
  for (size_t at = find_lone_surrogate(text, 0); at != std::string_view::npos; at = find_lone_surrogate(text, at + 6)) {
    if (!rules.mend_surrogates) {
      fail("{}: expected valid JSON, found {}, half a character (a surrogate without its other half), {}", who,
           text.substr(at, 6), json_position(text, at));
    }
    if (mended.empty()) mended = text;
    mended.replace(at, 6, "\\ufffd");
  }
  if (!mended.empty()) text = mended;
  Builder<J> builder(text, who, rules);
  J::sax_parse(text.begin(), text.end(), &builder);
  // The parser takes a NUL for the end, and what stands behind it would go unseen.
  if (const size_t nul = text.find('\0'); nul != std::string_view::npos)
    fail("{}: expected valid JSON, found a NUL byte {}", who, json_position(text, nul));
  return std::move(builder.root);
}

// Every level appends at least one character, so `limit` also bounds the recursion.
template <typename J>
void append_beginning(const J& json, size_t limit, std::string& out) {
  if (!json.is_structured()) {
    const std::string* text = json.is_string() ? &json.template get_ref<const std::string&>() : nullptr;
    out += text ? dump_json(J(text->substr(0, 4 * limit))) : dump_json(json);
    return;
  }
  out += json.is_array() ? '[' : '{';
  bool first = true;
  for (auto item = json.begin(); item != json.end() && out.size() <= 4 * limit; ++item) {
    if (!std::exchange(first, false)) out += ',';
    if (json.is_object()) out += dump_json(J(item.key().substr(0, 4 * limit))) + ':';
    append_beginning(*item, limit, out);
  }
  out += json.is_array() ? ']' : '}';
}

template <typename J>
std::string beginning(const J& json, size_t limit) {
  std::string out;
  append_beginning(json, limit, out);
  size_t at = 0;
  for (size_t num_chars = 0; at < out.size() && num_chars < limit; ++num_chars) at += utf8_char_bytes(out, at);
  if (at == out.size()) return out;
  const std::string size = json.is_string()
                               ? fmt::format("{} bytes", json.template get_ref<const std::string&>().size())
                               : fmt::format("{} entries", json.size());
  return out.substr(0, at) + "... (" + size + ")";
}

}  // namespace

Json parse_json(std::string_view text, std::string_view who, JsonRules rules) { return parse<Json>(text, who, rules); }

OrderedJson parse_ordered_json(std::string_view text, std::string_view who, JsonRules rules) {
  return parse<OrderedJson>(text, who, rules);
}

std::string dump_json(const Json& json, int indent) {
  return json.dump(indent, ' ', false, Json::error_handler_t::replace);
}
std::string dump_json(const OrderedJson& json, int indent) {
  return json.dump(indent, ' ', false, OrderedJson::error_handler_t::replace);
}

OrderedJson number_or_null(double value) { return std::isfinite(value) ? OrderedJson(value) : OrderedJson(nullptr); }

std::string plain_words(const nlohmann::json::exception& error) {
  const std::string_view words = error.what();  // "[json.exception.out_of_range.403] key 'x' not found"
  const size_t end = words.starts_with("[json.") ? words.find("] ") : std::string_view::npos;
  return brief(end == std::string_view::npos ? words : words.substr(end + 2));
}

std::string brief_json(const Json& json, size_t limit) { return beginning(json, limit); }
std::string brief_json(const OrderedJson& json, size_t limit) { return beginning(json, limit); }

}  // namespace hadal
