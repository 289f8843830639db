#include "research/index.h"

#include <algorithm>
#include <array>
#include <bit>
#include <cmath>
#include <filesystem>

#include "base/error.h"
#include "base/json.h"
#include "research/index/impl.h"
#include "research/index/near_duplicates.h"

namespace hadal::research {
namespace {

constexpr int64_t kApplication = 0x48644978;  // "HdIx": of our files
constexpr int64_t kVersion = 1;
constexpr size_t kPassageSentences = 3;
constexpr size_t kPassageBytes = 1200;

constexpr const char* kSchema = R"sql(
CREATE TABLE documents(number INTEGER PRIMARY KEY AUTOINCREMENT, url TEXT UNIQUE, hash TEXT, snapshot TEXT, title TEXT,
  author TEXT, language TEXT, canonical TEXT, date TEXT, type TEXT, text TEXT, more TEXT, length INTEGER, sim INTEGER);
CREATE TABLE links(document INTEGER, url TEXT);
CREATE INDEX links_of ON links(document);
CREATE TABLE also_at(url TEXT PRIMARY KEY, hash TEXT, document INTEGER);
CREATE INDEX also_of ON also_at(document);
CREATE TABLE bands(band INTEGER, document INTEGER);
CREATE INDEX bands_by ON bands(band);
CREATE INDEX bands_of ON bands(document);
CREATE TABLE passages(row INTEGER PRIMARY KEY, first INTEGER, last INTEGER);
CREATE VIRTUAL TABLE words USING fts5(title, body, content='', columnsize=0, tokenize="ascii tokenchars '.'");
CREATE VIRTUAL TABLE vocabulary USING fts5vocab(words, instance);
)sql";

std::string joined(const std::vector<Term>& terms) {
  std::string out;
  for (const Term& term : terms) (out += term.text) += ' ';
  return out;
}

struct Passage {
  Span span;
  std::string words;
};

// Sentences in groups; a heading begins a new one.
std::vector<Passage> passages_of(const Document& document) {
  const std::string_view text = document.text;
  std::vector<Passage> out;
  size_t in_group = 0;
  for (const Span& sentence : sentences_of(text)) {
    const bool heading = text[sentence.begin] == '#';
    const bool full = in_group >= kPassageSentences || (in_group > 0 && heading) ||
                      (in_group > 0 && sentence.end - out.back().span.begin > kPassageBytes);
    if (in_group == 0 || full) {
      if (out.size() + 1 < (size_t{1} << kPlaceBits)) out.push_back({sentence, ""});  // else the last one grows
      in_group = 0;
    }
    out.back().span.end = sentence.end;
    if (!heading) ++in_group;
    if (heading) in_group = std::max<size_t>(in_group, 1);
  }
  for (Passage& passage : out) {
    passage.words = joined(terms_of(text.substr(passage.span.begin, passage.span.end - passage.span.begin)));
  }
  if (out.empty()) out.push_back({});  // a document of a title alone
  return out;
}

std::string packed(const Document& document) {
  Json links = Json::array(), tables = Json::array();
  for (const Link& link : document.links) links.push_back({link.url, link.text});
  for (const Table& table : document.tables) tables.push_back({{"head", table.head}, {"rows", table.rows}});
  return dump_json(Json{{"pages", document.pages}, {"links", links}, {"tables", tables}});
}

void unpack(const std::string& text, const std::string& where, Document& document) {
  try {
    const Json json = parse_json(text, where);
    document.pages = json.at("pages").get<std::vector<size_t>>();
    for (const Json& link : json.at("links")) {
      document.links.push_back({link.at(0).get<std::string>(), link.at(1).get<std::string>()});
    }
    for (const Json& table : json.at("tables")) {
      document.tables.push_back({table.at("head").get<std::vector<std::string>>(),
                                 table.at("rows").get<std::vector<std::vector<std::string>>>()});
    }
  } catch (const nlohmann::json::exception& error) {
    fail("index: expected a whole index in {}, found damage ({}); remove the file and add the documents again", where,
         plain_words(error));
  }
}

void prepare(Database& database) {
  const int64_t application = database.number("PRAGMA application_id");
  const bool empty = database.number("SELECT count(*) FROM sqlite_master") == 0;
  if (!empty && application != kApplication) {
    fail("index: expected an index in {}, found a database of another program; name another folder", database.name());
  }
  if (!empty && database.number("PRAGMA user_version") != kVersion) {
    fail("index: expected version {} in {}, found version {}; remove the file and add the documents again", kVersion,
         database.name(), database.number("PRAGMA user_version"));
  }
  database.run("PRAGMA journal_mode = WAL; PRAGMA synchronous = NORMAL; PRAGMA foreign_keys = OFF;");
  if (!empty) return;
  Transaction transaction(database);
  if (database.number("SELECT count(*) FROM sqlite_master") == 0) {  // else another process was faster
    database.run(kSchema);
    database.run(fmt::format("PRAGMA application_id = {}; PRAGMA user_version = {};", kApplication, kVersion).c_str());
  }
  transaction.commit();
}

std::array<int64_t, 4> bands_of(uint64_t sim) {
  std::array<int64_t, 4> out{};
  for (size_t i = 0; i < 4; ++i) out[i] = static_cast<int64_t>(i << 16 | (sim >> (16 * i) & 0xFFFF));
  return out;
}

// A document that says the same, or 0.
int64_t twin_of(Database& database, const std::vector<Term>& terms, uint64_t sim) {
  constexpr size_t kLeastTerms = 30, kMostTried = 50;
  if (terms.size() < kLeastTerms) return 0;
  std::vector<int64_t> candidates;
  for (const int64_t band : bands_of(sim)) {
    Statement read(database,
                   "SELECT b.document, d.sim FROM bands b JOIN documents d ON d.number = b.document "
                   "WHERE b.band = ? LIMIT 2000");
    read.bind(1, band);
    while (read.step()) {
      if (std::popcount(static_cast<uint64_t>(read.integer(1)) ^ sim) <= kSimBits) {
        candidates.push_back(read.integer(0));
      }
    }
  }
  std::sort(candidates.begin(), candidates.end());
  candidates.erase(std::unique(candidates.begin(), candidates.end()), candidates.end());
  if (candidates.size() > kMostTried) candidates.resize(kMostTried);
  for (const int64_t number : candidates) {
    Statement read(database, "SELECT text FROM documents WHERE number = ?");
    read.bind(1, number);
    if (read.step() && near_duplicates(terms, terms_of(read.text(0)))) return number;
  }
  return 0;
}

void insert_words(Database& database, int64_t number, const Document& document, const std::vector<Passage>& passages) {
  Statement words(database, "INSERT INTO words(rowid, title, body) VALUES(?, ?, ?)");
  Statement rows(database, "INSERT INTO passages(row, first, last) VALUES(?, ?, ?)");
  const std::string title = joined(terms_of(document.title));
  for (size_t i = 0; i < passages.size(); ++i) {
    const int64_t row = number << kPlaceBits | static_cast<int64_t>(i);
    words.bind(1, row).bind(2, i == 0 ? std::string_view(title) : "").bind(3, passages[i].words).step();
    words.reset();
    rows.bind(1, row).bind(2, static_cast<int64_t>(passages[i].span.begin));
    rows.bind(3, static_cast<int64_t>(passages[i].span.end)).step();
    rows.reset();
  }
}

void remove_words(Database& database, int64_t number, const Document& document) {
  Statement words(database, "INSERT INTO words(words, rowid, title, body) VALUES('delete', ?, ?, ?)");
  const std::string title = joined(terms_of(document.title));
  const std::vector<Passage> passages = passages_of(document);  // FTS5 wants to be told what it was given
  for (size_t i = 0; i < passages.size(); ++i) {
    const int64_t row = number << kPlaceBits | static_cast<int64_t>(i);
    words.bind(1, row).bind(2, i == 0 ? std::string_view(title) : "").bind(3, passages[i].words).step();
    words.reset();
  }
}

void remove_rows(Database& database, int64_t number) {
  for (const char* sql : {"DELETE FROM passages WHERE row >= ?1 << 20 AND row < (?1 + 1) << 20",
                          "DELETE FROM bands WHERE document = ?1", "DELETE FROM links WHERE document = ?1",
                          "DELETE FROM also_at WHERE document = ?1", "DELETE FROM documents WHERE number = ?1"}) {
    Statement statement(database, sql);
    statement.bind(1, number).step();
  }
}

Document read_document(const Database& database, int64_t number, IndexedDocument* whole = nullptr) {
  Statement read(database,
                 "SELECT url, hash, snapshot, title, author, language, canonical, date, type, text, more "
                 "FROM documents WHERE number = ?");
  read.bind(1, number);
  if (!read.step()) fail("index: expected document {} in {}, found none", number, database.name());
  Document document;
  document.url = read.text(0);
  if (whole != nullptr) {
    whole->hash = read.text(1);
    whole->snapshot = read.text(2);
  }
  document.title = read.text(3);
  document.author = read.text(4);
  document.language = read.text(5);
  document.canonical = read.text(6);
  document.date = read.text(7);
  document.type = read.text(8);
  document.text = read.text(9);
  if (whole != nullptr) unpack(read.text(10), database.name(), document);
  return document;
}

int64_t insert_document(Database& database, const Document& document, const std::string& hash,
                        const std::string& snapshot, const std::vector<Term>& terms, uint64_t sim) {
  const size_t length = terms_of(document.title).size() + terms.size();
  Statement insert(database,
                   "INSERT INTO documents(url, hash, snapshot, title, author, language, canonical, date, type, text, "
                   "more, length, sim) VALUES(?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)");
  insert.bind(1, document.url).bind(2, hash).bind(3, snapshot).bind(4, document.title).bind(5, document.author);
  insert.bind(6, document.language).bind(7, document.canonical).bind(8, document.date).bind(9, document.type);
  insert.bind(10, document.text).bind(11, packed(document));
  insert.bind(12, static_cast<int64_t>(length));
  insert.bind(13, static_cast<int64_t>(sim)).step();
  const int64_t number = database.last_row();
  Statement band(database, "INSERT INTO bands(band, document) VALUES(?, ?)");
  for (const int64_t key : bands_of(sim)) {
    band.bind(1, key).bind(2, number).step();
    band.reset();
  }
  Statement link(database, "INSERT INTO links(document, url) VALUES(?, ?)");
  for (const Link& each : document.links) {
    link.bind(1, number).bind(2, each.url).step();
    link.reset();
  }
  return number;
}

double passage_rarity(const Index::Impl& impl, size_t with) {
  const auto all = static_cast<double>(impl.passages), some = static_cast<double>(with);
  return std::log1p((all - some + 0.5) / (some + 0.5));
}

}  // namespace

Index::Index(const Path& file) {
  if (file != ":memory:" && file.has_parent_path()) {
    std::error_code error;
    std::filesystem::create_directories(file.parent_path(), error);
    if (error) fail("index: expected to make {}, found: {}", file.parent_path().string(), error.message());
  }
  impl_ = std::make_unique<Impl>(file);
  prepare(impl_->database);
}

Index::~Index() = default;

int64_t Index::add(const Document& document, const std::string& hash, const std::string& snapshot) {
  const std::lock_guard lock(impl_->mutex);
  Database& database = impl_->database;
  Transaction transaction(database);
  Statement same(database, "SELECT number, hash FROM documents WHERE url = ?");
  if (same.bind(1, document.url).step()) {
    const int64_t number = same.integer(0);
    if (same.text(1) == hash) return number;
    remove_words(database, number, read_document(database, number));
    remove_rows(database, number);
  }
  same.reset();
  Statement other(database, "DELETE FROM also_at WHERE url = ?");
  other.bind(1, document.url).step();
  const std::vector<Term> terms = terms_of(document.text);
  const uint64_t sim = sim_hash(terms);
  int64_t number = twin_of(database, terms, sim);
  if (number > 0) {
    Statement also(database, "INSERT INTO also_at(url, hash, document) VALUES(?, ?, ?)");
    also.bind(1, document.url).bind(2, hash).bind(3, number).step();
  } else {
    number = insert_document(database, document, hash, snapshot, terms, sim);
    insert_words(database, number, document, passages_of(document));
  }
  transaction.commit();
  impl_->forget();
  return number;
}

void Index::batch(const std::function<void()>& adds) {
  Transaction transaction(impl_->database);
  adds();
  transaction.commit();
}

bool Index::remove(const std::string& url_or_prefix) {
  const std::lock_guard lock(impl_->mutex);
  Database& database = impl_->database;
  Transaction transaction(database);
  std::string below = url_or_prefix;
  if (!below.ends_with('/')) below += '/';
  bool removed = false;
  std::vector<int64_t> numbers;
  Statement find(database, "SELECT number FROM documents WHERE url = ?1 OR substr(url, 1, length(?2)) = ?2");
  find.bind(1, url_or_prefix).bind(2, below);
  while (find.step()) numbers.push_back(find.integer(0));
  Statement also(database, "DELETE FROM also_at WHERE url = ?1 OR substr(url, 1, length(?2)) = ?2 RETURNING url");
  also.bind(1, url_or_prefix).bind(2, below);
  while (also.step()) removed = true;
  for (const int64_t number : numbers) {
    remove_words(database, number, read_document(database, number));
    remove_rows(database, number);
    removed = true;
  }
  transaction.commit();
  impl_->forget();
  return removed;
}

bool Index::has(const std::string& url, const std::string& hash) const {
  const std::lock_guard lock(impl_->mutex);
  for (const char* sql :
       {"SELECT 1 FROM documents WHERE url = ? AND hash = ?", "SELECT 1 FROM also_at WHERE url = ? AND hash = ?"}) {
    Statement read(impl_->database, sql);
    if (read.bind(1, url).bind(2, hash).step()) return true;
  }
  return false;
}

std::vector<std::pair<std::string, std::string>> Index::list() const {
  const std::lock_guard lock(impl_->mutex);
  std::vector<std::pair<std::string, std::string>> out;
  Statement read(impl_->database, "SELECT url, title FROM documents ORDER BY number");
  while (read.step()) out.emplace_back(read.text(0), read.text(1));
  return out;
}

IndexedDocument Index::document(int64_t number) const {
  const std::lock_guard lock(impl_->mutex);
  IndexedDocument out;
  out.number = number;
  out.document = read_document(impl_->database, number, &out);
  Statement also(impl_->database, "SELECT url FROM also_at WHERE document = ? ORDER BY url");
  also.bind(1, number);
  while (also.step()) out.also_at.push_back(also.text(0));
  return out;
}

std::vector<DocumentHit> Index::documents(std::string_view query, const SearchOptions& options) const {
  const std::lock_guard lock(impl_->mutex);
  impl_->refresh();
  std::vector<DocumentHit> out;
  Statement read(impl_->database, "SELECT url FROM documents WHERE number = ?");
  for (const Scored& hit : rank_documents(*impl_, query, options.hops)) {
    if (static_cast<int64_t>(out.size()) >= options.k) break;
    if (read.bind(1, hit.key).step()) out.push_back({hit.key, read.text(0), hit.score});
    read.reset();
  }
  return out;
}

std::vector<PassageHit> Index::passages(std::string_view query, const SearchOptions& options) const {
  const std::lock_guard lock(impl_->mutex);
  impl_->refresh();
  std::vector<PassageHit> out;
  Statement read(impl_->database, "SELECT first, last FROM passages WHERE row = ?");
  for (const Scored& hit : rank_passages(*impl_, query, options.hops)) {
    if (static_cast<int64_t>(out.size()) >= options.k) break;
    if (read.bind(1, hit.key).step()) {
      const Span span{static_cast<size_t>(read.integer(0)), static_cast<size_t>(read.integer(1))};
      out.push_back({document_of(hit.key), span, hit.score});
    }
    read.reset();
  }
  return out;
}

double Index::rarity(std::string_view term) const {
  const std::lock_guard lock(impl_->mutex);
  impl_->refresh();
  impl_->sizes();
  size_t with = 0;
  int64_t last = -1;
  for (const Posting& posting : impl_->postings(std::string(term))) {
    if (posting.row != last) ++with;
    last = posting.row;
  }
  return with == 0 ? 0 : passage_rarity(*impl_, with);
}

double Index::most_rarity() const {
  const std::lock_guard lock(impl_->mutex);
  impl_->refresh();
  impl_->sizes();
  return passage_rarity(*impl_, 0);
}

}  // namespace hadal::research
