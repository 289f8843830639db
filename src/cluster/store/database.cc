#include "cluster/store/database.h"

#include <sqlite3.h>

#include <cmath>
#include <limits>

#include "base/error.h"

namespace hadal::cluster {
namespace {

constexpr int kBusyMs = 5'000;

[[noreturn]] void fail_of_store(sqlite3* handle, int code, const std::string& who) {
  const char* what = handle != nullptr ? sqlite3_errmsg(handle) : sqlite3_errstr(code);
  switch (code & 0xff) {
    case SQLITE_FULL:
      fail("{}: cannot be written: {}; free some space and try again, nothing was changed", who, what);
    case SQLITE_IOERR:
      fail("{}: cannot be read or written: {}; look at the disk, nothing was changed", who, what);
    case SQLITE_BUSY:
    case SQLITE_LOCKED:
      fail("{}: another program holds it locked; end that one and try again", who);
    case SQLITE_NOTADB:
    case SQLITE_CORRUPT:
      fail("{}: expected the store of a cluster, found a damaged or other file ({}); put a copy of it back", who, what);
    case SQLITE_READONLY:
    case SQLITE_CANTOPEN:
    case SQLITE_PERM:
      fail("{}: cannot be opened or written: {}; check who owns its folder", who, what);
    default:
      fail("{}: {}", who, what);
  }
}

}  // namespace

Database::Database(const Path& file, Use use) : name_(file.string()) {
  const int flags = SQLITE_OPEN_READWRITE | SQLITE_OPEN_NOMUTEX | (use == Use::write ? SQLITE_OPEN_CREATE : 0);
  if (const int code = sqlite3_open_v2(name_.c_str(), &handle_, flags, nullptr); code != SQLITE_OK) {
    sqlite3* opened = handle_;
    handle_ = nullptr;
    try {
      fail_of_store(opened, code, name_);
    } catch (...) {
      sqlite3_close_v2(opened);
      throw;
    }
  }
  sqlite3_busy_timeout(handle_, kBusyMs);
}

Database::~Database() {
  for (const auto& [sql, statement] : idle_) sqlite3_finalize(statement);
  sqlite3_close_v2(handle_);
}

void Database::throw_last(int code) const { fail_of_store(handle_, code, name_); }

void Database::run(const char* sql) {
  if (const int code = sqlite3_exec(handle_, sql, nullptr, nullptr, nullptr); code != SQLITE_OK) throw_last(code);
}

int64_t Database::integer(const char* sql) {
  Query query(*this, sql);
  return query.step() ? query.integer(0) : 0;
}

int64_t Database::last_row() const { return sqlite3_last_insert_rowid(handle_); }

Query::Query(Database& database, std::string_view sql) : database_(database), sql_(sql) {
  if (const auto found = database.idle_.find(sql); found != database.idle_.end()) {
    statement_ = found->second;
    database.idle_.erase(found);
    return;
  }
  const int code = sqlite3_prepare_v3(database.handle_, sql.data(), static_cast<int>(sql.size()),
                                      SQLITE_PREPARE_PERSISTENT, &statement_, nullptr);
  if (code != SQLITE_OK) database.throw_last(code);
}

Query::~Query() {
  sqlite3_reset(statement_);
  sqlite3_clear_bindings(statement_);
  if (!database_.idle_.emplace(sql_, statement_).second) sqlite3_finalize(statement_);
}

Query& Query::bind(int64_t value) {
  if (const int code = sqlite3_bind_int64(statement_, next_++, value); code != SQLITE_OK) database_.throw_last(code);
  return *this;
}

Query& Query::bind(double value) {
  if (std::isnan(value)) return bind_null();
  if (const int code = sqlite3_bind_double(statement_, next_++, value); code != SQLITE_OK) database_.throw_last(code);
  return *this;
}

Query& Query::bind(std::string_view value) {
  const char* data = value.data() == nullptr ? "" : value.data();  // a null pointer would be NULL
  const int code =
      sqlite3_bind_text(statement_, next_++, data, static_cast<int>(value.size()), SQLITE_TRANSIENT);  // NOLINT
  if (code != SQLITE_OK) database_.throw_last(code);
  return *this;
}

Query& Query::bind_null() {
  if (const int code = sqlite3_bind_null(statement_, next_++); code != SQLITE_OK) database_.throw_last(code);
  return *this;
}

bool Query::step() {
  const int code = sqlite3_step(statement_);
  if (code == SQLITE_ROW) return true;
  if (code != SQLITE_DONE) database_.throw_last(code);
  sqlite3_reset(statement_);
  next_ = 1;
  return false;
}

void Query::run() {
  while (step()) {
  }
}

int64_t Query::integer(int column) const { return sqlite3_column_int64(statement_, column); }

double Query::real(int column) const {
  return is_null(column) ? std::numeric_limits<double>::quiet_NaN() : sqlite3_column_double(statement_, column);
}

std::string_view Query::view(int column) const {
  const auto* text = reinterpret_cast<const char*>(sqlite3_column_text(statement_, column));
  if (text == nullptr) return {};
  return {text, static_cast<size_t>(sqlite3_column_bytes(statement_, column))};
}

bool Query::is_null(int column) const { return sqlite3_column_type(statement_, column) == SQLITE_NULL; }

}  // namespace hadal::cluster
