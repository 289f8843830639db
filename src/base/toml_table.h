// Reads a TOML file and finds unknown keys: finish() throws Error for a key that was not read, naming it, its file and
// line, and the nearest valid key.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "base/files.h"

namespace hadal {

// A key that was read, and its value: that of the file, or the default.
struct TomlValue {
  std::string key;    // seed, [model] hidden, [[source]] "novels": path, [[stage]] 2: steps
  std::string value;  // as text
  std::string where;  // "pilot.toml:12"; the table's line if the key is absent
};

class TomlTable {
 public:
  static TomlTable parse_file(const Path& path);
  static TomlTable parse(const std::string& text, const std::string& who);

  bool has(const std::string& key) const;
  bool is_list(const std::string& key) const;

  // The value, or the fallback if the key is absent. A value of another type or outside [low, high] is an Error.
  std::string text(const std::string& key, const std::string& fallback);
  std::string choice(const std::string& key, const std::string& fallback, const std::vector<std::string>& valid);
  bool flag(const std::string& key, bool fallback);
  int64_t integer(const std::string& key, int64_t fallback, int64_t low, int64_t high);
  double number(const std::string& key, double fallback, double low, double high);
  std::string any(
      const std::string& key);  // a text, number or truth value as text: 1e3 and 1000 are "1000"; "" if absent
  std::vector<std::string> texts(const std::string& key);                            // empty if absent
  std::vector<int64_t> integers(const std::string& key, int64_t low, int64_t high);  // empty if absent
  std::string date(const std::string& key);  // 2014-06-09, as TOML's own date or as a text; "" if absent
  std::vector<std::pair<std::string, double>> shares(const std::string& key);  // { name = number }, in file order
  std::optional<TomlTable> table(const std::string& key);
  TomlTable table_or_empty(const std::string& key);
  std::vector<TomlTable> tables(const std::string& key);  // [[key]]

  std::vector<std::string> keys() const;                 // all that stand in it, sorted
  void require(const std::string& key) const;            // Error if absent
  void finish() const;                                   // Error on keys that were not read
  std::string where(const std::string& key = "") const;  // "pilot.toml:12"
  const std::vector<TomlValue>& asked() const;           // the keys read so far from the whole file, each once

 private:
  struct Node;
  template <typename Value>
  Value note(const std::string& key, Value value) const;
  explicit TomlTable(std::shared_ptr<Node> node) : node_(std::move(node)) {}
  std::shared_ptr<Node> node_;
};

// `text`, which is TOML, with one value set and all else as it was, comments too where that is possible. `key` is
// dotted; a table of a list is called by its `name` or by its number from 0: "optimizer.weight_decay",
// "stage.chat.steps", "stage.1.steps". `value` is written as in TOML, or is a text where it is none. A key that is not
// there is added. Error naming `who` where `text` is no TOML, or `key` leads through what is no table.
std::string with_toml_value(const std::string& text, const std::string& key, const std::string& value,
                            const std::string& who);

// The candidate with the smallest edit distance to `word`; "" if there are none.
std::string nearest_word(const std::string& word, const std::vector<std::string>& candidates);

}  // namespace hadal
