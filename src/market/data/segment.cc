#include "market/data/segment.h"

#include <algorithm>
#include <cmath>
#include <cstring>
#include <string_view>
#include <utility>

#include "base/error.h"
#include "base/hash.h"
#include "market/panel.h"

namespace hadal::market {
namespace {

constexpr char kMagic[8] = {'H', 'A', 'D', 'A', 'L', 'S', 'E', 'G'};
constexpr uint32_t kSegmentVersion = 1;
constexpr int64_t kAlignment = 64;

enum Kind : uint32_t { kTime, kSession, kFlags, kStamp, kFirstValue, kNumKinds = kFirstValue + kNumValues };
constexpr std::string_view kKindNames[] = {"time", "session", "flags", "stamp",  "open",
                                           "high", "low",     "close", "volume", "vwap"};
constexpr int64_t kKindBytes[] = {8, 4, 2, 8, 8, 8, 8, 8, 8, 8};

struct Header {
  char magic[8];
  uint32_t version;
  uint32_t crc;  // of the header with 0 here, the table of columns and the runs
  int64_t num_rows, num_runs, num_columns;
  int64_t reserved[3];
};
static_assert(sizeof(Header) == 64);

struct ColumnEntry {
  uint32_t kind, crc;
  int64_t offset, num_bytes;
};
static_assert(sizeof(ColumnEntry) == 24);

struct RunEntry {
  int64_t instrument, known_from, begin, count;
  uint32_t stamps, flags_or;
};
static_assert(sizeof(RunEntry) == 40);

int64_t aligned(int64_t offset) { return (offset + kAlignment - 1) / kAlignment * kAlignment; }

template <typename T>
void append(std::string& to, const T* data, size_t count) {
  to.append(reinterpret_cast<const char*>(data), count * sizeof(T));
}

template <typename T>
std::string_view bytes_of(const std::vector<T>& values) {
  return {reinterpret_cast<const char*>(values.data()), values.size() * sizeof(T)};
}

// Calls use(bytes) for the rows of the column `kind`, run by run; where a run has none, with what stands for "missing".
template <typename Use>
void for_each_part(std::span<const RunColumns* const> runs, uint32_t kind, Use use) {
  std::vector<double> missing;
  std::vector<int64_t> zeros;
  for (const RunColumns* run : runs) {
    const size_t n = static_cast<size_t>(run->count());
    if (kind == kTime) {
      use(bytes_of(run->time));
    } else if (kind == kSession) {
      use(bytes_of(run->session));
    } else if (kind == kFlags) {
      use(bytes_of(run->flags));
    } else if (kind == kStamp) {
      if (run->stamp.empty()) zeros.assign(n, 0);
      use(bytes_of(run->stamp.empty() ? zeros : run->stamp));
    } else {
      const std::vector<double>& values = run->value[kind - kFirstValue];
      if (values.empty()) missing.assign(n, kMissing);
      use(bytes_of(values.empty() ? missing : values));
    }
  }
}

bool has_column(std::span<const RunColumns* const> runs, uint32_t kind) {
  if (kind == kTime || kind == kSession || kind == kFlags) return true;
  return std::any_of(runs.begin(), runs.end(), [&](const RunColumns* run) {
    return kind == kStamp ? !run->stamp.empty() : !run->value[kind - kFirstValue].empty();
  });
}

uint16_t all_flags(const RunColumns& run) {
  uint16_t flags = 0;
  for (const uint16_t f : run.flags) flags |= f;
  return flags;
}

[[noreturn]] void fail_damaged(const Path& path, const std::string& what) {
  fail("{}: expected a segment of bars, found {}; the file is damaged, import its files anew into another market",
       path.string(), what);
}

}  // namespace

RunView RunColumns::view() const {
  RunView run;
  run.instrument = instrument, run.known_from = known_from, run.stamps = stamps, run.count = count();
  run.flags_or = all_flags(*this);
  run.time = time.data(), run.session = session.data(), run.flags = flags.data();
  run.stamp = stamp.empty() ? nullptr : stamp.data();
  for (int i = 0; i < kNumValues; ++i) run.value[i] = value[i].empty() ? nullptr : value[i].data();
  return run;
}

void write_segment(const Path& path, std::span<const RunColumns* const> runs) {
  Header header{};
  std::copy(std::begin(kMagic), std::end(kMagic), header.magic);
  header.version = kSegmentVersion;
  std::vector<RunEntry> entries;
  for (const RunColumns* run : runs) {
    entries.push_back({run->instrument, run->known_from, header.num_rows, run->count(),
                       static_cast<uint32_t>(run->stamps), all_flags(*run)});
    header.num_rows += run->count();
  }
  header.num_runs = static_cast<int64_t>(entries.size());
  std::vector<ColumnEntry> columns;
  for (uint32_t kind = 0; kind < kNumKinds; ++kind)
    if (has_column(runs, kind)) columns.push_back({kind, 0, 0, header.num_rows * kKindBytes[kind]});
  header.num_columns = static_cast<int64_t>(columns.size());
  int64_t offset =
      static_cast<int64_t>(sizeof header + columns.size() * sizeof columns[0] + entries.size() * sizeof(RunEntry));
  for (ColumnEntry& column : columns) {
    column.offset = offset = aligned(offset);
    offset += column.num_bytes;
    for_each_part(runs, column.kind,
                  [&](std::string_view part) { column.crc = crc32c(part.data(), part.size(), column.crc); });
  }
  std::string front;
  append(front, &header, 1);
  append(front, columns.data(), columns.size());
  append(front, entries.data(), entries.size());
  header.crc = crc32c(front.data(), front.size());
  front.replace(offsetof(Header, crc), sizeof header.crc, reinterpret_cast<const char*>(&header.crc),
                sizeof header.crc);
  WholeFile file(path);
  constexpr size_t kAtOnce = size_t{1} << 20;
  int64_t written = 0;
  std::string& buffer = front;
  const auto flush = [&] {
    file.write(buffer);
    written += static_cast<int64_t>(buffer.size());
    buffer.clear();
  };
  for (const ColumnEntry& column : columns) {
    buffer.resize(static_cast<size_t>(column.offset - written), '\0');
    for_each_part(runs, column.kind, [&](std::string_view part) {
      if (buffer.size() + part.size() > kAtOnce) flush();
      buffer += part;
    });
  }
  flush();
  file.commit();
}

Segment::Segment(const Path& path) : path_(path), file_(path) {
  const auto bytes = file_.bytes();
  const int64_t size = static_cast<int64_t>(bytes.size());
  Header header;
  if (size < static_cast<int64_t>(sizeof header)) fail_damaged(path, fmt::format("{} bytes", size));
  std::memcpy(&header, bytes.data(), sizeof header);
  if (std::memcmp(header.magic, kMagic, sizeof kMagic) != 0) fail_damaged(path, "another kind of file");
  if (header.version != kSegmentVersion)
    fail("{}: expected a segment of version {}, found {}; take a newer hadal", path.string(), kSegmentVersion,
         header.version);
  if (header.num_columns < 0 || header.num_columns > kNumKinds || header.num_runs < 0 ||
      header.num_runs > size / static_cast<int64_t>(sizeof(RunEntry)) || header.num_rows < 0 || header.num_rows > size)
    fail_damaged(path, "a header with impossible numbers");
  const int64_t front = static_cast<int64_t>(sizeof header) +
                        header.num_columns * static_cast<int64_t>(sizeof(ColumnEntry)) +
                        header.num_runs * static_cast<int64_t>(sizeof(RunEntry));
  if (front > size) fail_damaged(path, "a file that ends within its index");
  const uint32_t expected = std::exchange(header.crc, 0);
  const uint32_t crc =
      crc32c(bytes.data() + sizeof header, static_cast<size_t>(front) - sizeof header, crc32c(&header, sizeof header));
  if (crc != expected) fail_damaged(path, "an index whose CRC32C differs");

  const std::byte* columns[kNumKinds] = {};
  for (int64_t i = 0; i < header.num_columns; ++i) {
    ColumnEntry entry;
    std::memcpy(&entry, bytes.data() + sizeof header + static_cast<size_t>(i) * sizeof entry, sizeof entry);
    if (entry.kind >= kNumKinds || entry.offset < front || entry.offset % kAlignment != 0 ||
        entry.num_bytes != header.num_rows * kKindBytes[entry.kind] || entry.offset > size - entry.num_bytes)
      fail_damaged(path, "a column that reaches beyond the file");
    columns[entry.kind] = bytes.data() + entry.offset;
    columns_.push_back({entry.offset, entry.num_bytes, entry.kind, entry.crc});
  }
  for (uint32_t kind = 0; kind <= kFirstValue + uint32_t{kClose}; ++kind)
    if (kind != kStamp && columns[kind] == nullptr) fail_damaged(path, fmt::format("no column {}", kKindNames[kind]));
  num_rows_ = header.num_rows;
  const std::byte* entries = bytes.data() + front - header.num_runs * static_cast<int64_t>(sizeof(RunEntry));
  for (int64_t i = 0; i < header.num_runs; ++i) {
    RunEntry entry;
    std::memcpy(&entry, entries + static_cast<size_t>(i) * sizeof entry, sizeof entry);
    if (entry.begin < 0 || entry.count < 0 || entry.begin > num_rows_ - entry.count || entry.stamps > 2)
      fail_damaged(path, "a run that reaches beyond the rows");
    if (static_cast<Stamps>(entry.stamps) != Stamps::days && columns[kStamp] == nullptr)
      fail_damaged(path, "no column stamp");
    const auto column = [&](uint32_t kind) {
      return columns[kind] == nullptr ? nullptr : columns[kind] + entry.begin * kKindBytes[kind];
    };
    RunView run;
    run.instrument = entry.instrument, run.known_from = entry.known_from, run.count = entry.count;
    run.stamps = static_cast<Stamps>(entry.stamps), run.flags_or = static_cast<uint16_t>(entry.flags_or);
    run.time = reinterpret_cast<const Time*>(column(kTime));
    run.session = reinterpret_cast<const Date*>(column(kSession));
    run.flags = reinterpret_cast<const uint16_t*>(column(kFlags));
    if (run.stamps != Stamps::days) run.stamp = reinterpret_cast<const int64_t*>(column(kStamp));
    for (uint32_t value = 0; value < kNumValues; ++value)
      run.value[value] = reinterpret_cast<const double*>(column(kFirstValue + value));
    runs_.push_back(run);
  }
}

void Segment::verify() const {
  for (const Column& column : columns_) {
    const uint32_t crc = crc32c(file_.bytes().data() + column.offset, static_cast<size_t>(column.num_bytes));
    if (crc != column.crc)
      fail_damaged(path_, fmt::format("a column {} whose CRC32C differs", kKindNames[column.kind]));
  }
}

}  // namespace hadal::market
