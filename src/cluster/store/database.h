// A connection to the cluster's SQLite file: statements that are prepared once, and errors that name the file. One
// thread at a time.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_map>
#include <utility>
#include <vector>

#include "base/files.h"

struct sqlite3;
struct sqlite3_stmt;

namespace hadal::cluster {

class Database {
 public:
  enum class Use { read, write };
  Database(const Path& file, Use use);
  ~Database();
  Database(const Database&) = delete;
  Database& operator=(const Database&) = delete;

  void run(const char* sql);  // statements without values and results
  int64_t integer(const char* sql);
  int64_t last_row() const;

 private:
  friend class Query;
  [[noreturn]] void throw_last(int code) const;
  sqlite3* handle_ = nullptr;
  std::string name_;
  std::unordered_map<std::string_view, sqlite3_stmt*> idle_;  // prepared and in nobody's use, by their text
};

// One use of a statement; its text must live as long as the connection (a literal). Values are bound in the order of
// its question marks.
class Query {
 public:
  Query(Database& database, std::string_view sql);
  ~Query();
  Query(const Query&) = delete;
  Query& operator=(const Query&) = delete;

  Query& bind(int64_t value);
  Query& bind(int value) { return bind(int64_t{value}); }
  Query& bind(bool value) { return bind(int64_t{value}); }
  Query& bind(double value);  // nan becomes NULL
  Query& bind(std::string_view value);
  Query& bind(const char* value) { return bind(std::string_view(value)); }
  Query& bind(const std::string& value) { return bind(std::string_view(value)); }
  Query& bind_null();

  bool step();  // true: a row stands there
  void run();   // to its end, and ready to be bound anew

  int64_t integer(int column) const;
  bool flag(int column) const { return integer(column) != 0; }
  double real(int column) const;  // NULL is nan
  std::string text(int column) const { return std::string(view(column)); }
  std::string_view view(int column) const;  // until the next step
  bool is_null(int column) const;

 private:
  Database& database_;
  std::string_view sql_;
  sqlite3_stmt* statement_ = nullptr;
  int next_ = 1;
};

// What `read` makes of the rows of a SELECT: of the first one, of all.
template <typename Read, typename... Values>
auto first_row(Database& database, std::string_view sql, const Read& read, const Values&... values)
    -> std::optional<decltype(read(std::declval<const Query&>()))> {
  Query query(database, sql);
  (query.bind(values), ...);
  if (!query.step()) return std::nullopt;
  return read(query);
}
template <typename Read, typename... Values>
auto all_rows(Database& database, std::string_view sql, const Read& read, const Values&... values) {
  Query query(database, sql);
  (query.bind(values), ...);
  std::vector<decltype(read(std::declval<const Query&>()))> rows;
  while (query.step()) rows.push_back(read(query));
  return rows;
}

}  // namespace hadal::cluster
