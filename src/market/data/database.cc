#include "market/data/database.h"

#include <sqlite3.h>

#include <cmath>
#include <limits>
#include <utility>

#include "base/error.h"

namespace hadal::market {
namespace {

constexpr int kBusyMilliseconds = 20'000;

[[noreturn]] void fail_of(sqlite3* database, int code, const std::string& who) {
  const char* what = database != nullptr ? sqlite3_errmsg(database) : sqlite3_errstr(code);
  switch (code & 0xff) {
    case SQLITE_FULL:
      fail("{}: cannot write: {}; free some space and try again, nothing was changed", who, what);
    case SQLITE_BUSY:
    case SQLITE_LOCKED:
      fail("{}: another program writes to it; try again when it is done", who);
    case SQLITE_NOTADB:
    case SQLITE_CORRUPT:
      fail("{}: expected the database of a market, found a damaged or other file ({}); import the market anew", who,
           what);
    case SQLITE_READONLY:
    case SQLITE_CANTOPEN:
    case SQLITE_PERM:
      fail("{}: cannot open or write it: {}; check who owns the folder", who, what);
    default:
      fail("{}: {}", who, what);
  }
}

}  // namespace

Statement::Statement(sqlite3* database, std::string_view sql, const std::string& who) : database_(database), who_(who) {
  check(sqlite3_prepare_v2(database, sql.data(), static_cast<int>(sql.size()), &statement_, nullptr));
}

Statement::~Statement() { sqlite3_finalize(statement_); }

Statement::Statement(Statement&& other) noexcept
    : database_(other.database_),
      statement_(std::exchange(other.statement_, nullptr)),
      who_(std::move(other.who_)),
      next_(other.next_) {}

void Statement::check(int code) const {
  if (code != SQLITE_OK && code != SQLITE_ROW && code != SQLITE_DONE) fail_of(database_, code, who_);
}

void Statement::rewind() {
  sqlite3_reset(statement_);
  sqlite3_clear_bindings(statement_);
  next_ = 1;
}

Statement& Statement::bind(int64_t value) { return check(sqlite3_bind_int64(statement_, next_++, value)), *this; }

Statement& Statement::bind(double value) {
  if (std::isnan(value)) return bind_null();
  return check(sqlite3_bind_double(statement_, next_++, value)), *this;
}

Statement& Statement::bind(std::string_view value) {
  check(sqlite3_bind_text(statement_, next_++, value.data(), static_cast<int>(value.size()),
                          SQLITE_TRANSIENT));  // NOLINT
  return *this;
}

Statement& Statement::bind_null() { return check(sqlite3_bind_null(statement_, next_++)), *this; }

bool Statement::step() {
  const int code = sqlite3_step(statement_);
  if (code == SQLITE_ROW) return true;
  if (code != SQLITE_DONE) fail_of(database_, code, who_);
  rewind();
  return false;
}

void Statement::run() {
  while (step()) {
  }
}

int64_t Statement::integer(int column) const { return sqlite3_column_int64(statement_, column); }

double Statement::real(int column) const {
  return is_null(column) ? std::numeric_limits<double>::quiet_NaN() : sqlite3_column_double(statement_, column);
}

std::string Statement::text(int column) const {
  const auto* text = reinterpret_cast<const char*>(sqlite3_column_text(statement_, column));
  return text == nullptr ? "" : std::string(text, static_cast<size_t>(sqlite3_column_bytes(statement_, column)));
}

bool Statement::is_null(int column) const { return sqlite3_column_type(statement_, column) == SQLITE_NULL; }

void Database::Close::operator()(sqlite3* database) const { sqlite3_close_v2(database); }

Database::Database(const Path& file, bool create) : who_(file.string()) {
  sqlite3* database = nullptr;
  const int flags = SQLITE_OPEN_READWRITE | SQLITE_OPEN_FULLMUTEX | (create ? SQLITE_OPEN_CREATE : 0);
  const int code = sqlite3_open_v2(who_.c_str(), &database, flags, nullptr);
  database_.reset(database);
  if (code != SQLITE_OK) fail_of(database, code, who_);
  sqlite3_busy_timeout(database, kBusyMilliseconds);
}

void Database::run(const char* sql) {
  const int code = sqlite3_exec(database_.get(), sql, nullptr, nullptr, nullptr);
  if (code != SQLITE_OK) fail_of(database_.get(), code, who_);
}

Statement Database::prepare(std::string_view sql) const { return {database_.get(), sql, who_}; }

int64_t Database::integer(std::string_view sql) const {
  Statement statement = prepare(sql);
  return statement.step() ? statement.integer(0) : 0;
}

Transaction::Transaction(Database& database, Kind kind) : database_(database) {
  database.run(kind == Kind::write ? "BEGIN IMMEDIATE" : "BEGIN");
}

Transaction::~Transaction() {
  if (!open_) return;
  try {
    database_.run("ROLLBACK");
  } catch (const Error&) {  // SQLite has rolled back already, as it does on a full disk
  }
}

void Transaction::commit() {
  database_.run("COMMIT");
  open_ = false;
}

}  // namespace hadal::market
