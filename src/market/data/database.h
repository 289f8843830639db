// SQLite, as far as a market needs it: statements with bound values, transactions, and errors that name the file.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>

#include "base/files.h"

struct sqlite3;
struct sqlite3_stmt;

namespace hadal::market {

// A prepared statement. Values are bound in the order of its question marks; run() or step() until false resets it, so
// that it can be bound again.
class Statement {
 public:
  Statement(sqlite3* database, std::string_view sql, const std::string& who);
  ~Statement();
  Statement(Statement&& other) noexcept;
  Statement(const Statement&) = delete;

  Statement& bind(int64_t value);
  Statement& bind(int value) { return bind(int64_t{value}); }
  Statement& bind(double value);  // a missing value becomes NULL
  Statement& bind(std::string_view value);
  Statement& bind(const char* value) { return bind(std::string_view(value)); }
  Statement& bind_null();

  bool step();  // true: a row stands there
  void run();   // to the end

  int64_t integer(int column) const;
  double real(int column) const;  // NULL is a missing value
  std::string text(int column) const;
  bool is_null(int column) const;

 private:
  void check(int code) const;
  void rewind();
  sqlite3* database_;
  sqlite3_stmt* statement_ = nullptr;
  std::string who_;
  int next_ = 1;
};

class Database {
 public:
  // Opens `file`, or makes it where `create` is set.
  Database(const Path& file, bool create);
  void run(const char* sql);  // one or several statements without values
  Statement prepare(std::string_view sql) const;
  int64_t integer(std::string_view sql) const;  // the first column of the first row; 0 where there is none

 private:
  struct Close {
    void operator()(sqlite3* database) const;
  };
  std::unique_ptr<sqlite3, Close> database_;
  std::string who_;
};

// What is written between construction and commit() becomes visible at once, or never.
class Transaction {
 public:
  enum class Kind { read, write };
  Transaction(Database& database, Kind kind);
  ~Transaction();
  Transaction(const Transaction&) = delete;
  Transaction& operator=(const Transaction&) = delete;
  void commit();

 private:
  Database& database_;
  bool open_ = true;
};

}  // namespace hadal::market
