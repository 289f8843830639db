#include "research/archive/warc_reader.h"

#include <algorithm>
#include <charconv>

#include "base/error.h"
#include "base/text.h"
#include "research/archive/byte_stream.h"
#include "research/archive/http_message.h"
#include "research/archive/warc_digest.h"

namespace hadal::research {
namespace {

constexpr size_t kMaxHeadBytes = 64 << 10;
constexpr int kMaxLinesBetween = 64;

std::string_view without_brackets(std::string_view text) {  // <http://...>, as some tools write addresses
  return text.starts_with('<') && text.ends_with('>') ? text.substr(1, text.size() - 2) : text;
}

struct FileEnded {};  // inside a record

}  // namespace

struct WarcReader::Impl {
  Path path;
  uint64_t max_record_bytes;
  ByteStream stream;
  WarcPlace here, given;
  uint64_t end = 0, block_bytes = 0;
  bool torn = false;
  std::string block_digest, payload_digest;
  bool by_record;
  bool partial = false;  // cut short or one of several segments, as its head says

  Impl(const Path& file, uint64_t max_bytes, uint64_t offset)
      : path(file), max_record_bytes(max_bytes), stream(file, offset), end(offset), by_record(stream.gzip()) {}

  [[noreturn]] void broken(const std::string& expected, std::string_view found) {
    if (stream.ends_in_zeros()) throw FileEnded();
    fail("{}: record at offset {}: expected {}, found {}; is it a WARC file, whole?", path.string(), here.offset,
         expected, brief(found));
  }

  // A record may begin in one gzip member and end in another, where a file was packed in pieces.
  std::string_view bytes() {
    for (;;) {
      const std::string_view piece = stream.peek();
      if (!piece.empty() || stream.cut() || !stream.gzip()) return piece;
      if (stream.in_member() || !stream.begin_member()) return {};
    }
  }

  std::string line(size_t& head_bytes) {
    std::string text;
    for (;;) {
      const std::string_view piece = bytes();
      if (piece.empty()) throw FileEnded();
      const size_t stop = piece.find('\n'), count = stop == std::string_view::npos ? piece.size() : stop + 1;
      if ((head_bytes += count) > kMaxHeadBytes)
        broken(fmt::format("a head of at most {} KiB", kMaxHeadBytes >> 10), "more");
      text += piece.substr(0, count);
      stream.take(count);
      if (stop == std::string_view::npos) continue;
      text.pop_back();
      if (text.ends_with('\r')) text.pop_back();
      return text;
    }
  }

  // True where a record begins.
  bool find_record() {
    for (int newlines = 0;;) {
      if (stream.gzip() && !stream.in_member() && stream.peek().empty()) {
        if (!stream.begin_member()) return false;
        here = {stream.member_offset(), 0};
      }
      const std::string_view piece = stream.peek();
      if (piece.empty()) {
        if (stream.cut()) throw FileEnded();
        if (!stream.gzip()) return false;
        end = stream.file_offset();
        continue;  // a member that held nothing more
      }
      if (!stream.gzip()) here.offset = stream.file_offset();
      constexpr std::string_view kBegins = "WARC/1.";
      if (piece.front() != '\r' && piece.front() != '\n') {
        if (!kBegins.starts_with(piece.substr(0, kBegins.size()))) broken("WARC/1.0 or WARC/1.1", piece.substr(0, 40));
        return true;
      }
      if (++newlines > kMaxLinesBetween) broken("a record", "empty lines");
      stream.take(1);
    }
  }

  void set_field(WarcRecord& record, const std::string& field, std::string value) {
    const std::string name = lower_case(field);
    if (name == "warc-type") {
      record.type = std::move(value);
    } else if (name == "warc-record-id") {
      record.id = std::move(value);
    } else if (name == "warc-target-uri") {
      record.target_uri = without_brackets(value);
    } else if (name == "warc-date") {
      record.date = std::move(value);
    } else if (name == "content-type") {
      record.content_type = std::move(value);
    } else if (name == "warc-refers-to") {
      record.refers_to = std::move(value);
    } else if (name == "warc-block-digest") {
      block_digest = std::move(value);
    } else if (name == "warc-payload-digest") {
      payload_digest = std::move(value);
    } else if (name == "content-length") {
      const auto [stop, error] = std::from_chars(value.data(), value.data() + value.size(), block_bytes);
      if (error != std::errc() || stop != value.data() + value.size()) broken("a Content-Length", value);
    } else {
      partial |= name == "warc-truncated" || name.starts_with("warc-segment");
      record.other.emplace_back(field, std::move(value));
    }
  }

  WarcRecord read_head() {
    size_t head_bytes = 0;
    const std::string version = line(head_bytes);
    if (version != "WARC/1.0" && version != "WARC/1.1") broken("WARC/1.0 or WARC/1.1", version);
    WarcRecord record;
    block_digest.clear(), payload_digest.clear();
    partial = false;
    constexpr uint64_t kNone = UINT64_MAX;
    block_bytes = kNone;
    std::vector<std::pair<std::string, std::string>> fields;
    for (std::string text; !(text = line(head_bytes)).empty();) {
      if ((text.front() == ' ' || text.front() == '\t') && !fields.empty()) {
        fields.back().second.append(" ").append(trimmed(text));
        continue;
      }
      const size_t colon = text.find(':');
      if (colon == std::string::npos) broken("a line \"Name: value\"", text);
      fields.emplace_back(text.substr(0, colon), trimmed(std::string_view(text).substr(colon + 1)));
    }
    for (auto& [name, value] : fields) set_field(record, name, std::move(value));
    if (block_bytes == kNone) broken("a Content-Length", "none");
    if (block_bytes > max_record_bytes)
      broken(fmt::format("at most {} bytes", max_record_bytes), fmt::format("{}", block_bytes));
    if (record.type.empty()) broken("a WARC-Type", "none");
    record.offset = here.offset;
    return record;
  }

  void read_block(WarcRecord& record) {
    while (record.block.size() < block_bytes) {  // grows with what is there, not with what the head promises
      const std::string_view piece = bytes();
      if (piece.empty()) throw FileEnded();
      const size_t count = std::min<size_t>(piece.size(), block_bytes - record.block.size());
      record.block += piece.substr(0, count);
      stream.take(count);
    }
    int newlines = 0;
    for (std::string_view piece; newlines < 4 && !(piece = stream.peek()).empty(); ++newlines) {
      if (piece.front() != '\r' && piece.front() != '\n') break;
      stream.take(1);
    }
    const bool at_end = stream.peek().empty();  // reads on to the end of the member, where its check sum stands
    if (stream.cut() || (at_end && !stream.gzip() && newlines < 4)) throw FileEnded();
    if (!at_end && newlines == 0) broken("an empty line after its block", stream.peek().substr(0, 40));
  }

  // What its digests say against it; "" for nothing.
  std::string fault_of(const WarcRecord& record) const {
    if (!warc_digest_holds(block_digest, record.block))
      return fmt::format("its block has another digest than {}: its bytes were changed", brief(block_digest));
    if (payload_digest.empty() || partial) return "";
    const bool http = record.type == "response" && record.content_type.starts_with("application/http");
    if (!http && record.type != "resource" && record.type != "conversion") return "";
    const std::string_view payload =
        http ? std::string_view(record.block).substr(std::min(end_of_head(record.block), record.block.size()))
             : record.block;
    if (warc_digest_holds(payload_digest, payload)) return "";
    const auto joined = http ? join_chunks(payload) : std::nullopt;  // some count what the chunks hold
    if (joined && warc_digest_holds(payload_digest, *joined)) return "";
    return fmt::format("its payload has another digest than {}: its bytes were changed", brief(payload_digest));
  }

  std::optional<WarcRecord> next() {
    if (torn) return {};
    try {
      if (!find_record()) return {};
      given = here;
      WarcRecord record = read_head();
      read_block(record);
      record.fault = fault_of(record);
      if (!record.fault.empty() && stream.ends_in_zeros()) throw FileEnded();
      by_record &= stream.gzip() && !stream.in_member() && given.ordinal == 0;
      if (!stream.gzip() || !stream.in_member()) end = stream.file_offset();
      ++here.ordinal;
      return record;
    } catch (const FileEnded&) {
      torn = true;
      return {};
    }
  }
};

WarcReader::WarcReader(const Path& path, uint64_t max_record_bytes, WarcPlace place)
    : impl_(std::make_unique<Impl>(path, max_record_bytes, place.offset)) {
  for (int64_t i = 0; i < place.ordinal; ++i) next();
}
WarcReader::~WarcReader() = default;
std::optional<WarcRecord> WarcReader::next() { return impl_->next(); }
WarcPlace WarcReader::place() const { return impl_->given; }
bool WarcReader::torn() const { return impl_->torn; }
uint64_t WarcReader::end() const { return impl_->end; }
bool WarcReader::by_record() const { return impl_->by_record; }

void read_warc(const Path& path, const std::function<bool(WarcRecord&&)>& use, bool* torn, uint64_t max_record_bytes) {
  WarcReader reader(path, max_record_bytes);
  bool wanted = true;
  for (std::optional<WarcRecord> record; wanted && (record = reader.next());) {
    if (!record->fault.empty())
      fail("{}: record {} at offset {}: {}", path.string(), brief(record->id), record->offset, record->fault);
    wanted = use(std::move(*record));
  }
  if (torn != nullptr) *torn = reader.torn();
  if (torn == nullptr && reader.torn())
    fail("{}: expected whole records, found one cut off at offset {}; what comes before is whole", path.string(),
         reader.end());
}

}  // namespace hadal::research
