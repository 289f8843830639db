#include "base/toml_table.h"

#include <toml++/toml.h>
#include <algorithm>
#include <cmath>

#include "base/error.h"

namespace hadal {

struct TomlTable::Node {
  std::shared_ptr<toml::table> root;  // keeps `table` alive
  const toml::table* table = nullptr;
  std::string who, name;  // the file; the table's own name for messages
  std::string label;      // the same with its number or name, and what parts it from a key: TomlValue::key
  std::shared_ptr<std::vector<TomlValue>> values;  // of the whole file
  mutable std::set<std::string> asked;

  const toml::node* find(const std::string& key) const {
    asked.insert(key);
    return table->get(key);
  }
};

namespace {

std::string value_text(const std::string& value) { return value; }
std::string value_text(bool value) { return value ? "true" : "false"; }
std::string value_text(int64_t value) { return std::to_string(value); }
std::string value_text(double value) { return fmt::format("{}", value); }
std::string value_text(const std::vector<std::string>& list) {
  std::string text;
  for (const auto& item : list) text += (text.empty() ? "" : ", ") + item;
  return "[" + text + "]";
}
std::string value_text(const std::vector<int64_t>& list) {
  std::string text;
  for (const int64_t item : list) text += fmt::format("{}{}", text.empty() ? "" : ", ", item);
  return "[" + text + "]";
}
std::string value_text(const std::vector<std::pair<std::string, double>>& shares) {
  std::string text;
  for (const auto& [name, value] : shares) text += fmt::format("{}{} = {}", text.empty() ? "" : ", ", name, value);
  return "{" + text + "}";
}

std::string type_text(const toml::node& node) {
  switch (node.type()) {
    case toml::node_type::string:
      return "a text";
    case toml::node_type::integer:
      return "an integer";
    case toml::node_type::floating_point:
      return "a number";
    case toml::node_type::boolean:
      return "true or false";
    case toml::node_type::table:
      return "a table";
    case toml::node_type::array:
      return "a list";
    default:
      return "a date or time";
  }
}

size_t edit_distance(const std::string& a, const std::string& b) {
  std::vector<size_t> row(b.size() + 1);
  for (size_t j = 0; j <= b.size(); ++j) row[j] = j;
  for (size_t i = 1; i <= a.size(); ++i) {
    size_t diagonal = row[0];
    row[0] = i;
    for (size_t j = 1; j <= b.size(); ++j) {
      const size_t cost = diagonal + (a[i - 1] != b[j - 1]);
      diagonal = row[j];
      row[j] = std::min({row[j] + 1, row[j - 1] + 1, cost});
    }
  }
  return row[b.size()];
}

}  // namespace

std::string nearest_word(const std::string& word, const std::vector<std::string>& candidates) {
  std::string best;
  size_t best_distance = SIZE_MAX;
  for (const std::string& candidate : candidates) {
    const size_t distance = edit_distance(word, candidate);
    if (distance < best_distance) best = candidate, best_distance = distance;
  }
  return best;
}

TomlTable TomlTable::parse_file(const Path& path) {
  if (!std::filesystem::exists(path)) fail("{}: expected a recipe (a TOML file), found no such file", path.string());
  return parse(read_file(path, 16 << 20), path.string());
}

TomlTable TomlTable::parse(const std::string& text, const std::string& who) {
  try {
    auto node = std::make_shared<Node>();
    node->root = std::make_shared<toml::table>(toml::parse(text, who));
    node->table = node->root.get();
    node->who = who;
    node->values = std::make_shared<std::vector<TomlValue>>();
    return TomlTable(node);
  } catch (const toml::parse_error& error) {
    fail("{}:{}: not valid TOML: {}", who, error.source().begin.line, brief(error.description(), 200));
  }
}

const std::vector<TomlValue>& TomlTable::asked() const { return *node_->values; }

template <typename Value>
Value TomlTable::note(const std::string& key, Value value) const {
  TomlValue noted{node_->label + key, value_text(value), where(key)};
  auto& all = *node_->values;
  const auto found = std::find_if(all.begin(), all.end(), [&](const TomlValue& v) { return v.key == noted.key; });
  if (found != all.end())
    *found = std::move(noted);
  else
    all.push_back(std::move(noted));
  return value;
}

bool TomlTable::has(const std::string& key) const { return node_->find(key) != nullptr; }

bool TomlTable::is_list(const std::string& key) const {
  const toml::node* node = node_->find(key);
  return node && node->is_array();
}

std::string TomlTable::where(const std::string& key) const {
  const toml::node* node = key.empty() ? node_->table : node_->table->get(key);
  const auto line = (node ? node : node_->table)->source().begin.line;
  return line > 0 ? fmt::format("{}:{}", node_->who, line) : node_->who;
}

void TomlTable::require(const std::string& key) const {
  if (node_->find(key)) return;
  fail("{}: expected the key {}{}, found none; add it", where(), key, node_->name.empty() ? "" : " in " + node_->name);
}

std::string TomlTable::text(const std::string& key, const std::string& fallback) {
  const toml::node* node = node_->find(key);
  if (!node) return note(key, fallback);
  if (!node->is_string()) fail("{}: {}: expected a text, found {}", where(key), key, type_text(*node));
  return note(key, node->as_string()->get());
}

std::string TomlTable::choice(const std::string& key, const std::string& fallback,
                              const std::vector<std::string>& valid) {
  const std::string value = text(key, fallback);
  if (std::find(valid.begin(), valid.end(), value) != valid.end()) return value;
  std::string list;
  for (const auto& v : valid) list += (list.empty() ? "" : ", ") + v;
  fail("{}: {}: expected one of {}, found \"{}\"", where(key), key, list, brief(value));
}

bool TomlTable::flag(const std::string& key, bool fallback) {
  const toml::node* node = node_->find(key);
  if (!node) return note(key, fallback);
  if (!node->is_boolean()) fail("{}: {}: expected true or false, found {}", where(key), key, type_text(*node));
  return note(key, node->as_boolean()->get());
}

int64_t TomlTable::integer(const std::string& key, int64_t fallback, int64_t low, int64_t high) {
  const toml::node* node = node_->find(key);
  if (!node) return note(key, fallback);
  if (!node->is_integer()) fail("{}: {}: expected an integer, found {}", where(key), key, type_text(*node));
  const int64_t value = node->as_integer()->get();
  if (value < low || value > high) fail("{}: {}: expected {} to {}, found {}", where(key), key, low, high, value);
  return note(key, value);
}

double TomlTable::number(const std::string& key, double fallback, double low, double high) {
  const toml::node* node = node_->find(key);
  if (!node) return note(key, fallback);
  if (!node->is_number()) fail("{}: {}: expected a number, found {}", where(key), key, type_text(*node));
  // value<double>() gives nothing for an integer that a double does not hold exactly.
  const double value =
      node->is_integer() ? static_cast<double>(node->as_integer()->get()) : node->as_floating_point()->get();
  if (!(value >= low && value <= high)) fail("{}: {}: expected {} to {}, found {}", where(key), key, low, high, value);
  return note(key, value);
}

std::vector<std::string> TomlTable::texts(const std::string& key) {
  std::vector<std::string> out;
  const toml::node* node = node_->find(key);
  if (!node) return note(key, out);
  if (!node->is_array()) fail("{}: {}: expected a list of texts, found {}", where(key), key, type_text(*node));
  for (const toml::node& item : *node->as_array()) {
    if (!item.is_string()) fail("{}: {}: expected texts in the list, found {}", where(key), key, type_text(item));
    out.push_back(item.as_string()->get());
  }
  return note(key, std::move(out));
}

std::vector<int64_t> TomlTable::integers(const std::string& key, int64_t low, int64_t high) {
  std::vector<int64_t> out;
  const toml::node* node = node_->find(key);
  if (!node) return note(key, out);
  if (!node->is_array()) fail("{}: {}: expected a list of integers, found {}", where(key), key, type_text(*node));
  for (const toml::node& item : *node->as_array()) {
    if (!item.is_integer()) fail("{}: {}: expected integers in the list, found {}", where(key), key, type_text(item));
    const int64_t value = item.as_integer()->get();
    if (value < low || value > high) fail("{}: {}: expected {} to {}, found {}", where(key), key, low, high, value);
    out.push_back(value);
  }
  return note(key, std::move(out));
}

std::string TomlTable::date(const std::string& key) {
  const toml::node* node = node_->find(key);
  if (!node) return note(key, std::string());
  if (node->is_string()) return note(key, node->as_string()->get());
  if (!node->is_date()) {
    fail("{}: {}: expected a date such as 2014-06-09, found {}", where(key), key,
         node->is_date_time() || node->is_time() ? "a time" : type_text(*node));
  }
  const toml::date day = node->as_date()->get();
  return note(key, fmt::format("{:04}-{:02}-{:02}", day.year, int{day.month}, int{day.day}));
}

std::string TomlTable::any(const std::string& key) {
  const toml::node* node = node_->find(key);
  if (!node) return note(key, std::string());
  if (node->is_string()) return note(key, node->as_string()->get());
  if (node->is_boolean()) return note(key, value_text(node->as_boolean()->get()));
  if (node->is_number()) return note(key, value_text(*node->value<double>()));
  fail("{}: {}: expected a text, a number, true or false, found {}", where(key), key, type_text(*node));
}

std::vector<std::string> TomlTable::keys() const {
  std::vector<std::string> out;
  for (const auto& [key, value] : *node_->table) out.emplace_back(key.str());
  return out;
}

std::vector<std::pair<std::string, double>> TomlTable::shares(const std::string& key) {
  std::vector<std::pair<std::string, double>> out;
  const toml::node* node = node_->find(key);
  if (!node) return note(key, out);
  if (!node->is_table()) fail("{}: {}: expected {{ name = number }}, found {}", where(key), key, type_text(*node));
  for (const auto& [name, item] : *node->as_table()) {
    const auto value = item.value<double>();
    if (!item.is_number() || !(*value >= 0) || !std::isfinite(*value)) {
      fail("{}: {}: {}: expected a number from 0, found {}", where(key), key, brief(name.str()),
           item.is_number() ? fmt::format("{}", *value) : type_text(item));
    }
    out.emplace_back(std::string(name.str()), *value);
  }
  return note(key, std::move(out));
}

std::optional<TomlTable> TomlTable::table(const std::string& key) {
  const toml::node* found = node_->find(key);
  if (!found) return std::nullopt;
  if (!found->is_table()) fail("{}: {}: expected a table, found {}", where(key), key, type_text(*found));
  const std::string name = "[" + key + "]";
  return TomlTable(
      std::make_shared<Node>(Node{node_->root, found->as_table(), node_->who, name, name + " ", node_->values, {}}));
}

TomlTable TomlTable::table_or_empty(const std::string& key) {
  static const toml::table empty;
  if (auto found = table(key)) return *found;
  const std::string name = "[" + key + "]";
  return TomlTable(std::make_shared<Node>(Node{node_->root, &empty, node_->who, name, name + " ", node_->values, {}}));
}

std::vector<TomlTable> TomlTable::tables(const std::string& key) {
  std::vector<TomlTable> out;
  const toml::node* found = node_->find(key);
  if (!found) return out;
  if (!found->is_array()) fail("{}: {}: expected [[{}]] tables, found {}", where(key), key, key, type_text(*found));
  for (const toml::node& item : *found->as_array()) {
    if (!item.is_table()) fail("{}: {}: expected [[{}]] tables, found {}", where(key), key, key, type_text(item));
    const std::string name = "[[" + key + "]]", number = std::to_string(out.size() + 1);
    const auto own = key == "source" ? item.as_table()->get("name") : nullptr;  // stages are known by their order
    const std::string label =
        fmt::format("{} {}: ", name, own && own->is_string() ? '"' + own->as_string()->get() + '"' : number);
    out.push_back(TomlTable(
        std::make_shared<Node>(Node{node_->root, item.as_table(), node_->who, name, label, node_->values, {}})));
  }
  return out;
}

void TomlTable::finish() const {
  for (const auto& [key, value] : *node_->table) {
    const std::string name(key.str());
    if (node_->asked.count(name)) continue;
    const std::vector<std::string> valid(node_->asked.begin(), node_->asked.end());
    fail("{}: unknown key \"{}\"{}; the nearest valid key is \"{}\"", where(name), brief(name),
         node_->name.empty() ? "" : " in " + node_->name, nearest_word(name, valid));
  }
}

}  // namespace hadal
