#include "train/data/token_file.h"

#include <algorithm>
#include <cstring>

#include "base/error.h"
#include "base/hash.h"

namespace hadal {
namespace {

constexpr uint64_t kMagic = 0x33304e454b4f5448ull;  // "HTOKEN03"

struct Footer {
  uint64_t magic = kMagic, key = 0, vocab = 0, tokens = 0, documents = 0, report_bytes = 0;
  uint32_t contents_crc = 0, footer_crc = 0;  // of everything before the footer; of the footer up to here
};
static_assert(sizeof(Footer) == 56);

uint32_t crc_of(const Footer& footer) { return crc32c(&footer, offsetof(Footer, footer_crc)); }

constexpr uint64_t padded(uint64_t bytes) { return (bytes + 7) / 8 * 8; }

}  // namespace

TokenFileWriter::TokenFileWriter(const Path& path, uint64_t key, int64_t vocab)
    : file_(path), key_(key), vocab_(vocab) {}

void TokenFileWriter::write(const void* data, size_t num_bytes) {
  file_.write(data, num_bytes);
  crc_ = crc32c(data, num_bytes, crc_);
  bytes_ += num_bytes;
}

void TokenFileWriter::pad() {
  constexpr char kZeros[8] = {};
  write(kZeros, padded(bytes_) - bytes_);
}

void TokenFileWriter::add(std::span<const StoredToken> document, bool validation) {
  for (const StoredToken token : document) HADAL_CHECK(token.id() < vocab_);
  write(document.data(), document.size_bytes());
  offsets_.push_back(offsets_.back() + document.size());
  validation_.push_back(validation);
}

void TokenFileWriter::commit(const std::string& report) {
  pad();
  write(offsets_.data(), offsets_.size() * sizeof(uint64_t));
  write(validation_.data(), validation_.size());
  write(report.data(), report.size());
  pad();
  Footer footer{.key = key_,
                .vocab = static_cast<uint64_t>(vocab_),
                .tokens = offsets_.back(),
                .documents = validation_.size(),
                .report_bytes = report.size(),
                .contents_crc = crc_};
  footer.footer_crc = crc_of(footer);
  file_.write(&footer, sizeof footer);
  file_.commit();
}

TokenFile::TokenFile(const Path& path, uint64_t key, int64_t vocab) : file_(path) {
  const std::string name = path.string();
  const auto bytes = file_.bytes();
  Footer f;
  if (bytes.size() < sizeof f || bytes.size() % 8 != 0)
    fail("{}: expected a token cache, found {} bytes that are none", name, bytes.size());
  const uint64_t size = bytes.size() - sizeof f;  // of the contents
  std::memcpy(&f, bytes.data() + size, sizeof f);
  if (f.magic != kMagic || f.footer_crc != crc_of(f)) fail("{}: expected a token cache, its end is damaged", name);
  if (f.key != key || f.vocab != static_cast<uint64_t>(vocab))
    fail("{}: expected the tokens of this source and tokenizer, found those of another", name);
  const bool possible = f.tokens <= size / 4 && f.documents <= size / 8 && f.report_bytes <= size;
  const uint64_t offsets_at = padded(f.tokens * 4), marks_at = offsets_at + (f.documents + 1) * 8;
  if (!possible || padded(marks_at + f.documents + f.report_bytes) != size)
    fail("{}: expected {} documents of {} tokens, found {} bytes", name, f.documents, f.tokens, bytes.size());
  if (crc32c(bytes.data(), size) != f.contents_crc) fail("{}: the token cache is damaged: its checksum differs", name);

  const std::byte* p = bytes.data();
  tokens_ = {reinterpret_cast<const StoredToken*>(p), f.tokens};
  offsets_ = {reinterpret_cast<const uint64_t*>(p + offsets_at), f.documents + 1};
  validation_ = {reinterpret_cast<const uint8_t*>(p + marks_at), f.documents};
  report_.assign(reinterpret_cast<const char*>(p + marks_at + f.documents), f.report_bytes);
  // A file with a right checksum can still be made wrongly: what is used as an index is within its range.
  const bool rising = std::is_sorted(offsets_.begin(), offsets_.end());
  if (!rising || offsets_.front() != 0 || offsets_.back() != f.tokens)
    fail("{}: the token cache is damaged: its offsets", name);
  for (const StoredToken token : tokens_) {
    if (token.id() >= vocab) fail("{}: the token cache is damaged: id {} of {}", name, token.id(), vocab);
  }
}

}  // namespace hadal
