#include "train/data/token_store.h"

#include <algorithm>
#include <optional>

#include "base/clock.h"
#include "base/error.h"
#include "base/hash.h"
#include "base/log.h"
#include "chat/chat_encoder.h"
#include "train/data/documents.h"
#include "train/data/reason_source.h"
#include "train/run_folder.h"

namespace hadal {
namespace {

uint64_t source_key(const SourceSpec& s, const Tokenizer& tokenizer) {
  std::string text = fmt::format("v4|{}|{}|{}|{}|{}|{}|{}|{}|{}|{}|", static_cast<int>(s.kind), s.path.string(),
                                 s.max_megabytes, s.max_document_bytes, s.max_turns, s.validation, s.validation_tail,
                                 s.documents, s.seed, s.skip_bad_lines);
  for (const auto* list : {&s.include, &s.exclude, &s.exclude_ids}) {
    for (const auto& item : *list) text += item + "|";
    text += "/";
  }
  std::error_code ignored;
  if (!s.path.empty() && std::filesystem::exists(s.path, ignored)) {
    text += fmt::format("{}|{}|", std::filesystem::file_size(s.path, ignored),
                        std::filesystem::last_write_time(s.path, ignored).time_since_epoch().count());
  }
  if (s.kind == SourceKind::reason) text += reason_source_key(s);
  const uint64_t hash = fnv1a(tokenizer.chat_template(), fnv1a(text));
  return mix(fnv1a(fmt::format("|{:016x}", tokenizer_hash(tokenizer)), hash));
}

std::vector<StoredToken> tokenise(const Document& d, const Tokenizer& tokenizer, const chat::ChatEncoder* chat) {
  std::vector<StoredToken> out;
  if (chat) {
    const chat::ChatTokens t = chat->encode(d.conversation);
    for (size_t i = 0; i < t.ids.size(); ++i) out.emplace_back(t.ids[i], t.assistant[i] != 0, t.context[i] != 0);
    return out;
  }
  for (const TokenId id : tokenizer.encode(d.text)) out.emplace_back(id, true, false);
  if (tokenizer.eos() >= 0) out.emplace_back(tokenizer.eos(), true, false);
  return out;
}

// Gathers documents, tokenises them in bunches on all threads, and writes them in order.
class Builder {
 public:
  Builder(const Tokenizer& tokenizer, const chat::ChatEncoder* chat, ThreadPool& pool, TokenFileWriter& out)
      : tokenizer_(tokenizer), chat_(chat), pool_(pool), out_(out) {}

  void add(Document&& d) {
    pending_bytes_ += d.words().size();
    pending_.push_back(std::move(d));
    if (pending_bytes_ > (size_t{8} << 20)) flush();
  }

  void flush() {
    std::vector<std::vector<StoredToken>> results(pending_.size());
    std::vector<std::string> errors(pending_.size());
    pool_.parallel_for(static_cast<int64_t>(pending_.size()), [&](int64_t i, int) {
      try {  // jobs must not throw
        results[static_cast<size_t>(i)] = tokenise(pending_[static_cast<size_t>(i)], tokenizer_, chat_);
      } catch (const Error& error) {
        errors[static_cast<size_t>(i)] = error.what();
      }
    });
    for (size_t i = 0; i < pending_.size(); ++i) {
      const Document& d = pending_[i];
      if (!errors[i].empty())
        report.leave_out("for which " + shortened(errors[i], 200), d.line);
      else if (results[i].size() < 2)
        report.leave_out("of fewer than two tokens", d.line);
      else
        out_.add(results[i], d.validation);
    }
    pending_.clear();
    pending_bytes_ = 0;
  }

  SourceReport report;

 private:
  const Tokenizer& tokenizer_;
  const chat::ChatEncoder* chat_;
  ThreadPool& pool_;
  TokenFileWriter& out_;
  std::vector<Document> pending_;
  size_t pending_bytes_ = 0;
};

void build(const SourceSpec& source, const Tokenizer& tokenizer, const Path& file, uint64_t key, ThreadPool& pool) {
  const Stopwatch watch;
  std::unique_ptr<chat::ChatEncoder> chat;
  try {
    if (source.kind != SourceKind::text) chat = std::make_unique<chat::ChatEncoder>(tokenizer);
  } catch (const Error& error) {
    fail("{}source \"{}\": {}", source.where_prefix(), source.name, error.what());
  }
  TokenFileWriter out(file, key, tokenizer.vocab_size());
  Builder b(tokenizer, chat.get(), pool, out);
  for_each_document(
      source,
      [&](Document&& d) {
        b.add(std::move(d));
        return true;
      },
      &b.report);
  b.flush();
  const std::string report =
      fmt::format("{}; {} kept, {} tokens", b.report.text(), out.num_documents(), out.num_tokens());
  out.commit(report);
  log_info("source {}: {}, in {:.1f} s", source.name, report, watch.seconds());
}

// The cache as it is, or nothing when there is none or it is damaged.
std::optional<TokenFile> read_cache(const Path& file, uint64_t key, const Tokenizer& tokenizer,
                                    const std::string& source) {
  std::error_code ignored;
  if (!std::filesystem::exists(file, ignored)) return std::nullopt;
  try {
    TokenFile found(file, key, tokenizer.vocab_size());
    log_info("source {}: {}, from the cache", source, found.report());
    return found;
  } catch (const Error& error) {
    log_warning("{}; it is made again", error.what());
    return std::nullopt;
  }
}

}  // namespace

uint64_t tokenizer_hash(const Tokenizer& tokenizer) {
  uint64_t hash = fnv1a(fmt::format("{}|{}|", tokenizer.bos(), tokenizer.eos()));
  for (TokenId id = 0; id < tokenizer.vocab_size(); ++id) {
    hash = fnv1a(tokenizer.decode({&id, 1}), hash);
    hash = fnv1a("\n", hash);
  }
  for (const TokenId id : tokenizer.encode("The quick brown fox's 1234 jumps, isn't it?\n\n  Yes: 56 + 7.")) {
    hash = fnv1a(fmt::format("{},", id), hash);
  }
  return mix(hash);
}

TokenStore TokenStore::open(const SourceSpec& source, const Tokenizer& tokenizer, const Path& cache_folder,
                            ThreadPool& pool) {
  const uint64_t key = source_key(source, tokenizer);
  const Path file = cache_folder / fmt::format("{}-{:016x}.tokens", source.name, key);
  make_folder(cache_folder);
  TokenStore store;
  store.name_ = source.name;
  store.whole_ = source.kind != SourceKind::text;
  if (auto cached = read_cache(file, key, tokenizer, source.name)) {
    store.file_ = std::move(*cached);
  } else {
    build(source, tokenizer, file, key, pool);
    store.file_ = TokenFile(file, key, tokenizer.vocab_size());
  }
  const auto marks = store.file_.validation();
  if (std::all_of(marks.begin(), marks.end(), [](uint8_t held_out) { return held_out != 0; })) {
    fail("{}source \"{}\": expected documents to train on, found none: {}", source.where_prefix(), source.name,
         store.file_.report());
  }
  return store;
}

}  // namespace hadal
