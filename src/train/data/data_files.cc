#include "train/data/data_files.h"

#include <algorithm>
#include <array>
#include <fstream>

#include "base/error.h"
#include "tokenizer/unicode.h"

namespace hadal {
namespace {

constexpr std::string_view kUtf8Mark = "\xEF\xBB\xBF", kZstdMagic = "\x28\xB5\x2F\xFD";
constexpr size_t kMaxValueBytes = size_t{256} << 20;

struct Kind {
  std::string_view magic;
  const char *name, *advice;
};
using namespace std::string_view_literals;
constexpr std::array<Kind, 10> kOtherKinds = {
    {{"\x1F\x8B"sv, "gzip data", "unpack it with gunzip, or pack it with zstd"},
     {"\xFF\xFE"sv, "UTF-16 text", "convert it: iconv -f UTF-16 -t UTF-8"},
     {"\xFE\xFF"sv, "UTF-16 text", "convert it: iconv -f UTF-16 -t UTF-8"},
     {"PAR1"sv, "a Parquet file", "convert it to JSON lines"},
     {"ARROW1"sv, "an Arrow file", "convert it to JSON lines"},
     {"PK\x03\x04"sv, "a zip archive", "unpack it"},
     {"\xFD\x37zXZ"sv, "xz data", "unpack it with unxz, or pack it with zstd"},
     {"BZh"sv, "bzip2 data", "unpack it with bunzip2, or pack it with zstd"},
     {"%PDF-"sv, "a PDF file", "take its text out first"},
     {"version https://git-lfs"sv, "a Git LFS pointer, not the data", "fetch the data with git lfs pull"}}};

std::string first_bytes(const Path& path) {
  std::string head(4096, '\0');
  std::ifstream in(path, std::ios::binary);
  in.read(head.data(), static_cast<std::streamsize>(head.size()));
  head.resize(static_cast<size_t>(std::max<std::streamsize>(0, in.gcount())));
  return head;
}

// Cuts one list of JSON values, given line by line, into its elements. It only looks for brackets, commas and strings:
// each element is parsed by whoever uses it.
class ListCutter {
 public:
  ListCutter(const Path& path, const std::function<bool(std::string_view, int64_t)>& use) : path_(path), use_(use) {}

  bool feed(std::string_view line, int64_t number) {
    line_ = number;
    for (const char c : line) {
      if (!feed(c)) return false;
    }
    return feed('\n');
  }

  void finish() const {
    if (state_ != State::closed)
      fail("{}:{}: expected the end of the list that begins the file, found the file's end", path_.string(), line_);
  }

 private:
  enum class State { before, between, value, string, escape, closed };

  bool feed(char c) {
    const bool blank = c == ' ' || c == '\t' || c == '\r' || c == '\n';
    switch (state_) {
      case State::before:
        if (c == '[') state_ = State::between;
        return true;
      case State::closed:
        if (!blank) fail("{}:{}: expected nothing after the list, found more", path_.string(), line_);
        return true;
      case State::between:
        if (c == ']') state_ = State::closed;
        if (blank || c == ',' || c == ']') return true;
        first_line_ = line_;
        state_ = State::value;
        return in_value(c);
      case State::value:
        return in_value(c);
      case State::string:
      case State::escape:
        value_ += c;
        state_ = state_ == State::escape ? State::string
                 : c == '\\'             ? State::escape
                 : c == '"'              ? State::value
                                         : State::string;
        return true;
    }
    return true;
  }

  bool in_value(char c) {
    if (depth_ == 0 && (c == ',' || c == ']')) {
      state_ = c == ',' ? State::between : State::closed;
      const std::string value = std::move(value_);
      value_.clear();
      return use_(value, first_line_);
    }
    if (c == '{' || c == '[') ++depth_;
    if ((c == '}' || c == ']') && depth_ > 0) --depth_;
    if (c == '"') state_ = State::string;
    value_ += c;
    if (value_.size() > kMaxValueBytes)
      fail("{}:{}: expected values of at most {} bytes, found more", path_.string(), first_line_, kMaxValueBytes);
    return true;
  }

  const Path& path_;
  const std::function<bool(std::string_view, int64_t)>& use_;
  State state_ = State::before;
  int64_t depth_ = 0, line_ = 0, first_line_ = 0;
  std::string value_;
};

bool is_utf8(std::string_view text) {
  const uint8_t* classes = char_classes();
  for (size_t i = 0; i < text.size();) {
    if (static_cast<unsigned char>(text[i]) < 0x80) {
      ++i;
      continue;
    }
    const Char c = read_char(text, i, classes);
    if (c.code == 0xFFFFFFFFu) return false;
    i += c.length;
  }
  return true;
}

}  // namespace

void check_data_file(const Path& path) {
  namespace fs = std::filesystem;
  std::error_code error;
  const fs::file_status status = fs::status(path, error);
  const std::string name = path.string();
  if (status.type() == fs::file_type::not_found) fail("{}: expected data, found no such file", name);
  if (error) fail("{}: cannot be read: {}", name, error.message());
  if (status.type() == fs::file_type::directory) fail("{}: expected a file, found a folder", name);
  if (status.type() != fs::file_type::regular)
    fail("{}: expected a file, found a pipe or a device; data is read more than once, so save it in a file", name);
  MappedFile readable(path);  // says why it cannot be opened
  const std::string head = first_bytes(path);
  for (const Kind& kind : kOtherKinds) {
    if (head.starts_with(kind.magic)) fail("{}: found {}; {}", name, kind.name, kind.advice);
  }
  if (head.starts_with(kZstdMagic)) {
    if (path.extension() != ".zst") fail("{}: found zstd data; give it a name that ends in .zst", name);
    return;
  }
  if (path.extension() == ".zst" && !head.empty())
    fail("{}: expected zstd data, as its name says, found something else", name);
  if (head.find('\0') != head.npos) {
    fail("{}: expected UTF-8 text, found zero bytes: binary data, or UTF-16 (convert it: iconv -f UTF-16 -t UTF-8)",
         name);
  }
}

bool is_plain_text(const Path& path) {
  return path.extension() == ".txt" || (path.extension() == ".zst" && path.stem().extension() == ".txt");
}

void for_each_json(const Path& path, const std::function<bool(std::string_view, int64_t)>& use) {
  ListCutter list(path, use);
  enum { unknown, lines, one_list } shape = unknown;
  bool stopped = false;
  for_each_line(path, [&](std::string_view text, int64_t number) {
    if (number == 1 && text.starts_with(kUtf8Mark)) text.remove_prefix(kUtf8Mark.size());
    const size_t first = text.find_first_not_of(" \t\r");
    if (first == text.npos) return true;
    if (shape == unknown) shape = text[first] == '[' ? one_list : lines;
    stopped = !(shape == one_list ? list.feed(text, number) : use(text, number));
    return !stopped;
  });
  if (shape == one_list && !stopped) list.finish();
}

std::string read_plain_text(const Path& path, const std::function<void(int64_t, const std::string&)>& bad_line) {
  std::string out;
  bool ends = true;  // the last line has an end of its own
  if (path.extension() != ".zst") {
    const MappedFile file(path);
    out.reserve(file.bytes().size());
    ends = !file.bytes().empty() && file.bytes().back() == std::byte{'\n'};
  }
  for_each_line(
      path,
      [&](std::string_view line, int64_t number) {
        if (number == 1 && line.starts_with(kUtf8Mark)) line.remove_prefix(kUtf8Mark.size());
        if (!is_utf8(line)) {
          bad_line(number,
                   fmt::format("{}:{}: expected UTF-8 text, found other bytes; if they are Latin-1, convert the "
                               "file: iconv -f LATIN1 -t UTF-8",
                               path.string(), number));
          return true;
        }
        out.append(line) += '\n';
        return true;
      },
      size_t{1} << 32);
  if (!ends && !out.empty()) out.pop_back();
  return out;
}

}  // namespace hadal
