#include "cluster/store.h"

#include <sys/stat.h>

#include <mutex>
#include <thread>

#include "base/error.h"
#include "cluster/store/impl.h"
#include "cluster/store/schema.h"

namespace hadal::cluster {
namespace {

// Nothing in the file is for others: commands, reasons, hashes.
const Path& made_private(const Path& file) {
  const mode_t before = ::umask(0077);
  try {
    Database(file, Database::Use::write).run("PRAGMA user_version");
  } catch (...) {
    ::umask(before);
    throw;
  }
  ::umask(before);
  return file;
}

std::string first_text(const Query& row) { return row.text(0); }

}  // namespace

Store::Impl::Impl(const Path& path) : file(path), writer(path, Database::Use::write) {
  writer.run("PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL; PRAGMA cache_size = -16000;");
  migrate(writer, file);
  struct stat there = {};
  if (::stat(file.c_str(), &there) == 0) device = there.st_dev, inode = there.st_ino;
}

void Store::Impl::check_file() const {
  struct stat there = {};
  if (::stat(file.c_str(), &there) != 0 || there.st_dev != device || there.st_ino != inode)
    fail("{}: the store was removed or replaced while it was in use; stop the daemon, put the file back, start again",
         file.string());
}

void Store::Impl::check_generation(Database& database) const {
  const int64_t newest = generation == 0 ? 0 : database.integer("SELECT value FROM meta WHERE key = 'generation'");
  if (newest > generation)
    throw TakenOver(
        fmt::format("{}: another daemon has taken this cluster over (generation {}, this one is {}); this one ends",
                    file.string(), newest, generation));
}

void Store::Impl::write(const std::function<void()>& body, bool forced) {
  const std::lock_guard lock(writing);
  if (depth > 0) {
    try {
      return body();
    } catch (...) {
      doomed = true;
      throw;
    }
  }
  check_file();
  if (!forced) writer.run("PRAGMA synchronous = NORMAL");
  const auto undo = [&] {
    depth = 0, doomed = false, writer_thread = std::thread::id();
    series.clear();
    try {
      writer.run("ROLLBACK");
    } catch (const Error&) {  // SQLite rolled back by itself, as on a full disk
    }
    if (!forced) writer.run("PRAGMA synchronous = FULL");
  };
  try {
    writer.run("BEGIN IMMEDIATE");
    depth = 1, writer_thread = std::this_thread::get_id();
    check_generation(writer);
    body();
    HADAL_CHECK(!doomed, "a part of a transaction failed and its error was ignored");
    writer.run("COMMIT");
    depth = 0, writer_thread = std::thread::id();
  } catch (...) {
    undo();
    throw;
  }
  if (!forced) writer.run("PRAGMA synchronous = FULL");
}

Store::Impl::Reader::Reader(Impl& impl) : impl_(impl) {
  if (impl.writer_thread.load() == std::this_thread::get_id()) {
    database_ = &impl.writer;
    return;
  }
  {
    const std::lock_guard lock(impl.pool_mutex);
    if (!impl.pool.empty()) {
      pooled_ = std::move(impl.pool.back());
      impl.pool.pop_back();
    }
  }
  if (!pooled_) {
    impl.check_file();
    pooled_ = std::make_unique<Database>(impl.file, Database::Use::read);
    pooled_->run("PRAGMA query_only = 1; PRAGMA cache_size = -8000;");
  }
  database_ = pooled_.get();
}

Store::Impl::Reader::~Reader() {
  if (!pooled_) return;
  const std::lock_guard lock(impl_.pool_mutex);
  if (impl_.pool.size() < 8) impl_.pool.push_back(std::move(pooled_));
}

Store::Store(const Path& file) : impl_(std::make_unique<Impl>(made_private(file))) {}
Store::~Store() = default;

void Store::write(const std::function<void()>& body) { impl_->write(body, true); }
void Store::write_unforced(const std::function<void()>& body) { impl_->write(body, false); }

int64_t Store::take_generation() {
  write([&] {
    impl_->writer.run("UPDATE meta SET value = value + 1 WHERE key = 'generation'");
    impl_->generation = impl_->writer.integer("SELECT value FROM meta WHERE key = 'generation'");
  });
  return impl_->generation;
}

void Store::check_generation() {
  Impl::Reader reader(*impl_);
  impl_->check_generation(reader);
}

std::string Store::cluster_id() {
  Impl::Reader reader(*impl_);
  return first_row(reader, "SELECT value FROM meta WHERE key = 'cluster'", first_text).value_or("");
}

void Store::set_note(const std::string& kind, int64_t of, const std::string& key, const std::string& value) {
  write([&] {
    Query(impl_->writer,
          "INSERT INTO notes VALUES(?, ?, ?, ?) ON CONFLICT(kind, of, key) DO UPDATE SET value = excluded.value")
        .bind(kind)
        .bind(of)
        .bind(key)
        .bind(value)
        .run();
  });
}

void Store::drop_note(const std::string& kind, int64_t of, const std::string& key) {
  write([&] {
    Query(impl_->writer, "DELETE FROM notes WHERE kind = ? AND of = ? AND key = ?").bind(kind).bind(of).bind(key).run();
  });
}

std::optional<std::string> Store::note(const std::string& kind, int64_t of, const std::string& key) {
  Impl::Reader reader(*impl_);
  return first_row(reader, "SELECT value FROM notes WHERE kind = ? AND of = ? AND key = ?", first_text, kind, of, key);
}

std::vector<NamedText> Store::notes(const std::string& kind, int64_t of) {
  Impl::Reader reader(*impl_);
  return all_rows(
      reader, "SELECT key, value FROM notes WHERE kind = ? AND of = ? ORDER BY key",
      [](const Query& row) {
        return NamedText{row.text(0), row.text(1)};
      },
      kind, of);
}

}  // namespace hadal::cluster
