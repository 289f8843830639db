#include "research/index/database.h"

#include <sqlite3.h>

#include "base/error.h"

namespace hadal::research {

Database::Database(const Path& file) : name_(file.string()) {
  const int code = sqlite3_open_v2(name_.c_str(), &handle_,
                                   SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE | SQLITE_OPEN_FULLMUTEX, nullptr);
  if (code != SQLITE_OK) {
    const std::string why = handle_ != nullptr ? sqlite3_errmsg(handle_) : sqlite3_errstr(code);
    sqlite3_close_v2(handle_);
    fail("index: expected {} to open, found: {}; check the folder and its rights", name_, why);
  }
  sqlite3_extended_result_codes(handle_, 0);
  sqlite3_busy_timeout(handle_, 10'000);
}

Database::~Database() { sqlite3_close_v2(handle_); }

void Database::throw_last(int code) const {
  const int kind = code & 0xFF;
  const std::string why = sqlite3_errmsg(handle_);
  if (kind == SQLITE_BUSY || kind == SQLITE_LOCKED) {
    fail("index: expected to write {}, found that another process writes it; try again when that is done", name_);
  }
  if (kind == SQLITE_NOTADB) {
    fail("index: expected an index in {}, found a file of another kind; name another folder", name_);
  }
  if (kind == SQLITE_CORRUPT) {
    fail("index: expected a whole index in {}, found damage ({}); remove the file and add the documents again", name_,
         why);
  }
  if (kind == SQLITE_FULL) {
    fail("index: expected room for {}, found a full disk; free some space and add the documents again", name_);
  }
  fail("index: expected {} to be read and written, found: {}; check its rights and the disk", name_, why);
}

void Database::run(const char* sql) {
  const int code = sqlite3_exec(handle_, sql, nullptr, nullptr, nullptr);
  if (code != SQLITE_OK) throw_last(code);
}

int64_t Database::number(const char* sql) {
  Statement statement(*this, sql);
  return statement.step() ? statement.integer(0) : 0;
}

int64_t Database::last_row() const { return sqlite3_last_insert_rowid(handle_); }

Statement::Statement(const Database& database, std::string_view sql) : database_(database) {
  const int code =
      sqlite3_prepare_v2(database.handle(), sql.data(), static_cast<int>(sql.size()), &statement_, nullptr);
  if (code != SQLITE_OK) database.throw_last(code);
}

Statement::~Statement() { sqlite3_finalize(statement_); }

Statement& Statement::bind(int at, int64_t value) {
  const int code = sqlite3_bind_int64(statement_, at, value);
  if (code != SQLITE_OK) database_.throw_last(code);
  return *this;
}

Statement& Statement::bind(int at, std::string_view text) {
  const char* data = text.data() == nullptr ? "" : text.data();  // a null pointer would bind NULL
  const int code = sqlite3_bind_text64(statement_, at, data, text.size(), SQLITE_TRANSIENT, SQLITE_UTF8);
  if (code != SQLITE_OK) database_.throw_last(code);
  return *this;
}

bool Statement::step() {
  const int code = sqlite3_step(statement_);
  if (code == SQLITE_ROW) return true;
  if (code != SQLITE_DONE) database_.throw_last(code);
  return false;
}

void Statement::reset() {
  sqlite3_reset(statement_);
  sqlite3_clear_bindings(statement_);
}

int64_t Statement::integer(int column) const { return sqlite3_column_int64(statement_, column); }

std::string Statement::text(int column) const {
  const auto* data = reinterpret_cast<const char*>(sqlite3_column_text(statement_, column));
  return data == nullptr ? std::string()
                         : std::string(data, static_cast<size_t>(sqlite3_column_bytes(statement_, column)));
}

Transaction::Transaction(Database& database) : database_(database) {
  if (sqlite3_get_autocommit(database.handle()) == 0) return;
  database.run("BEGIN IMMEDIATE");
  open_ = true;
}

Transaction::~Transaction() {
  if (open_) sqlite3_exec(database_.handle(), "ROLLBACK", nullptr, nullptr, nullptr);
}

void Transaction::commit() {
  if (!open_) return;
  database_.run("COMMIT");
  open_ = false;
}

}  // namespace hadal::research
