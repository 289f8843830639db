// A thin layer over SQLite: statements that throw Error, transactions that end.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "base/files.h"

struct sqlite3;
struct sqlite3_stmt;

namespace hadal::research {

class Database {
 public:
  explicit Database(const Path& file);
  ~Database();
  Database(const Database&) = delete;
  Database& operator=(const Database&) = delete;

  void run(const char* sql);  // statements without parameters and results
  int64_t number(const char* sql);
  int64_t last_row() const;
  const std::string& name() const { return name_; }
  sqlite3* handle() const { return handle_; }
  [[noreturn]] void throw_last(int code) const;

 private:
  sqlite3* handle_ = nullptr;
  std::string name_;
};

class Statement {
 public:
  Statement(const Database& database, std::string_view sql);
  ~Statement();
  Statement(const Statement&) = delete;
  Statement& operator=(const Statement&) = delete;

  Statement& bind(int at, int64_t value);  // parameters count from 1
  Statement& bind(int at, std::string_view text);
  bool step();  // true: there is a row
  void reset();
  int64_t integer(int column) const;  // columns count from 0
  std::string text(int column) const;

 private:
  const Database& database_;
  sqlite3_stmt* statement_ = nullptr;
};

// Undone unless commit() is reached; inside another one it does nothing.
class Transaction {
 public:
  explicit Transaction(Database& database);
  ~Transaction();
  void commit();

 private:
  Database& database_;
  bool open_ = false;
};

}  // namespace hadal::research
