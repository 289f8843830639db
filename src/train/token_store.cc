#include "train/token_store.h"

#include <chrono>
#include <cstring>

#include "base/error.h"
#include "base/log.h"
#include "train/chat_tokens.h"
#include "train/documents.h"
#include "train/hash.h"

namespace hadal {
namespace {

constexpr uint64_t kMagic = 0x32304e454b4f5448ull;  // "HTOKEN02"

struct Header {
  uint64_t magic = kMagic, documents = 0, tokens = 0, skipped = 0;
};

uint64_t source_key(const SourceSpec& s, const Tokenizer& tokenizer) {
  std::string text =
      fmt::format("v2|{}|{}|{}|{}|{}|{}|{}|{}|{}|", static_cast<int>(s.kind), s.path.string(), s.max_megabytes,
                  s.max_document_bytes, s.max_turns, s.validation, s.validation_tail, s.documents, s.seed);
  for (const auto* list : {&s.include, &s.exclude, &s.exclude_ids}) {
    for (const auto& item : *list) text += item + "|";
    text += "/";
  }
  std::error_code ignored;
  if (!s.path.empty() && std::filesystem::exists(s.path, ignored)) {
    text += fmt::format("{}|{}|", std::filesystem::file_size(s.path, ignored),
                        std::filesystem::last_write_time(s.path, ignored).time_since_epoch().count());
  }
  uint64_t hash = fnv1a(text);
  hash = fnv1a(tokenizer.chat_template(), hash);
  for (TokenId id = 0; id < tokenizer.vocab_size(); ++id) {
    hash = fnv1a(tokenizer.decode({&id, 1}), hash);
    hash = fnv1a("\n", hash);
  }
  // What the merges do, beyond the vocabulary: a sentence's ids.
  for (const TokenId id : tokenizer.encode("The quick brown fox's 1234 jumps, isn't it?\n\n  Yes: 56 + 7.")) {
    hash = fnv1a(std::to_string(id), hash);
  }
  return mix(hash);
}

std::vector<StoredToken> tokenise(const Document& d, const Tokenizer& tokenizer, const ChatEncoder* chat) {
  std::vector<StoredToken> out;
  if (chat) {
    const ChatTokens t = chat->encode(d.messages, d.tools);
    for (size_t i = 0; i < t.ids.size(); ++i) out.emplace_back(t.ids[i], t.assistant[i] != 0, t.context[i] != 0);
    return out;
  }
  for (const TokenId id : tokenizer.encode(d.text)) out.emplace_back(id, true, false);
  if (tokenizer.eos() >= 0) out.emplace_back(tokenizer.eos(), true, false);
  return out;
}

// Gathers documents, and tokenises them in bunches on all threads, in order.
class Builder {
 public:
  Builder(const Tokenizer& tokenizer, const ChatEncoder* chat, ThreadPool& pool)
      : tokenizer_(tokenizer), chat_(chat), pool_(pool) {}

  void add(Document&& d) {
    pending_bytes_ += d.content().size();
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
      if (!errors[i].empty()) {
        if (skipped++ == 0) log_warning("a document is left out: {}", errors[i]);
        continue;
      }
      if (results[i].size() < 2) continue;
      tokens.insert(tokens.end(), results[i].begin(), results[i].end());
      offsets.push_back(tokens.size());
      validation.push_back(pending_[i].validation);
    }
    pending_.clear();
    pending_bytes_ = 0;
  }

  std::vector<uint64_t> offsets = {0};
  std::vector<StoredToken> tokens;
  std::vector<uint8_t> validation;
  uint64_t skipped = 0;

 private:
  const Tokenizer& tokenizer_;
  const ChatEncoder* chat_;
  ThreadPool& pool_;
  std::vector<Document> pending_;
  size_t pending_bytes_ = 0;
};

void build(const SourceSpec& source, const Tokenizer& tokenizer, const Path& file, ThreadPool& pool) {
  const auto start = std::chrono::steady_clock::now();
  std::unique_ptr<ChatEncoder> chat;
  if (source.kind != SourceKind::text) chat = std::make_unique<ChatEncoder>(tokenizer);
  Builder b(tokenizer, chat.get(), pool);
  for_each_document(source, [&](Document&& d) {
    b.add(std::move(d));
    return true;
  });
  b.flush();
  WholeFile out(file);
  const Header header{kMagic, b.validation.size(), b.tokens.size(), b.skipped};
  out.write(&header, sizeof header);
  out.write(b.offsets.data(), b.offsets.size() * sizeof(uint64_t));
  out.write(b.tokens.data(), b.tokens.size() * sizeof(uint32_t));
  out.write(b.validation.data(), b.validation.size());
  out.commit();
  const std::chrono::duration<double> took = std::chrono::steady_clock::now() - start;
  log_info("source {}: {} documents, {} tokens in {:.1f} s{}", source.name, b.validation.size(), b.tokens.size(),
           took.count(), b.skipped ? fmt::format("; {} left out", b.skipped) : "");
}

}  // namespace

TokenStore TokenStore::open(const SourceSpec& source, const Tokenizer& tokenizer, const Path& cache_folder,
                            ThreadPool& pool) {
  const Path file = cache_folder / fmt::format("{}-{:016x}.tokens", source.name, source_key(source, tokenizer));
  std::filesystem::create_directories(cache_folder);
  if (!std::filesystem::exists(file)) build(source, tokenizer, file, pool);
  TokenStore store;
  store.name_ = source.name;
  store.whole_ = source.kind != SourceKind::text;
  store.file_ = MappedFile(file);
  const auto bytes = store.file_.bytes();
  Header h;
  if (bytes.size() >= sizeof h) std::memcpy(&h, bytes.data(), sizeof h);
  const uint64_t limit = bytes.size();
  if (bytes.size() < sizeof h || h.magic != kMagic || h.documents > limit || h.tokens > limit ||
      bytes.size() != sizeof h + (h.documents + 1) * 8 + h.tokens * 4 + h.documents) {
    fail("{}: expected a token cache, found {} bytes of something else; delete the file, it will be made again",
         file.string(), bytes.size());
  }
  const std::byte* p = bytes.data() + sizeof h;
  store.offsets_ = {reinterpret_cast<const uint64_t*>(p), h.documents + 1};
  store.tokens_ = {reinterpret_cast<const StoredToken*>(p + (h.documents + 1) * 8), h.tokens};
  store.validation_ = {reinterpret_cast<const uint8_t*>(p + (h.documents + 1) * 8 + h.tokens * 4), h.documents};
  for (size_t i = 0; i < h.documents; ++i) {
    if (store.offsets_[i] > store.offsets_[i + 1] || store.offsets_[i + 1] > h.tokens) {
      fail("{}: the token cache is damaged; delete the file, it will be made again", file.string());
    }
  }
  bool any = false;
  for (int64_t i = 0; i < store.num_documents() && !any; ++i) any = !store.is_validation(i);
  if (!any)
    fail("source \"{}\": expected documents to train on, found none after its filters; check include, exclude and path",
         source.name);
  return store;
}

}  // namespace hadal
