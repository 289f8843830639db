#include "research/warc.h"

#include <gtest/gtest.h>

#include "base/testing/scratch.h"
#include "research/archive/http_message.h"
#include "research/archive/warc_digest.h"
#include "research/testing/packed.h"

namespace hadal::research {
namespace {

using test::error_of;
using test::packed;
using test::ScratchFolder;

WarcRecord page(const std::string& url, const std::string& body, const std::string& headers = "") {
  WarcRecord record;
  record.type = "response";
  record.target_uri = url;
  record.date = "2026-11-28T10:00:00Z";
  record.content_type = "application/http;msgtype=response";
  record.block = "HTTP/1.1 200 OK\r\nContent-Type: text/html\r\n" + headers + "\r\n" + body;
  return record;
}

std::vector<WarcRecord> all(const Path& path, bool* torn = nullptr, uint64_t max_bytes = 1 << 20) {
  std::vector<WarcRecord> records;
  const auto keep = [&](WarcRecord&& record) {
    records.push_back(std::move(record));
    return true;
  };
  read_warc(path, keep, torn, max_bytes);
  return records;
}

// A record as text, with any length and digest.
std::string written(const std::string& block, const std::string& fields = "", int64_t length = -1,
                    const std::string& version = "WARC/1.0") {
  const int64_t bytes = length < 0 ? static_cast<int64_t>(block.size()) : length;
  return fmt::format("{}\r\nWARC-Type: resource\r\nWARC-Record-ID: <urn:x:1>\r\n{}Content-Length: {}\r\n\r\n{}\r\n\r\n",
                     version, fields, bytes, block);
}

TEST(Warc, WhatWasWrittenIsRead) {
  const ScratchFolder folder;
  const Path path = folder / "a.warc.gz";
  std::string first, second;
  {
    WarcWriter writer(path);
    WarcRecord record = page("https://example.org/", "<p>Hello</p>");
    record.other = {{"WARC-IP-Address", "192.0.2.1"}};
    first = writer.append(record);
    second = append_text(writer, "https://example.org/", "2026-11-28T10:00:01Z", first, "Hello");
    EXPECT_EQ(writer.bytes(), std::filesystem::file_size(path));
  }
  const auto records = all(path);
  ASSERT_EQ(records.size(), 2u);
  EXPECT_EQ(records[0].id, first);
  EXPECT_EQ(records[0].offset, 0u);
  EXPECT_EQ(records[0].target_uri, "https://example.org/");
  EXPECT_EQ(records[0].date, "2026-11-28T10:00:00Z");
  ASSERT_FALSE(records[0].other.empty());
  EXPECT_EQ(records[0].other[0], (std::pair<std::string, std::string>("WARC-IP-Address", "192.0.2.1")));
  EXPECT_EQ(read_response(records[0], 100).body, "<p>Hello</p>");
  EXPECT_EQ(records[1].type, "conversion");
  EXPECT_EQ(records[1].refers_to, first);
  EXPECT_EQ(records[1].id, second);
  EXPECT_EQ(records[1].block, "Hello");
  EXPECT_EQ(read_file(path).substr(records[1].offset, 3), "\x1f\x8b\x08");
}

TEST(Warc, DigestsAreThoseThatOthersWrite) {
  EXPECT_EQ(warc_digest(""), "sha1:3I42H3S6NNFQ2MSVX7XZKYAYSCX5QBYJ");
  EXPECT_TRUE(warc_digest_holds("sha1:da39a3ee5e6b4b0d3255bfef95601890afd80709", ""));
  EXPECT_TRUE(warc_digest_holds("SHA-1:3i42h3s6nnfq2msvx7xzkyayscx5qbyj", ""));
  EXPECT_TRUE(warc_digest_holds("sha256:e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855", ""));
  EXPECT_TRUE(warc_digest_holds("sha1:2jmj7l5rSw0yVb/vlWAYkK/YBwk=", ""));
  EXPECT_TRUE(warc_digest_holds("md5:00", ""));
  EXPECT_FALSE(warc_digest_holds("sha1:3I42H3S6NNFQ2MSVX7XZKYAYSCX5QBYJ", "x"));
}

TEST(Warc, TheSameRecordsGiveTheSameBytesAndAreWrittenOnce) {
  const ScratchFolder folder;
  for (const char* name : {"a", "b"}) {
    WarcWriter writer(folder / name);
    const std::string id = writer.append(page("http://a.org/", "x"));
    EXPECT_EQ(id.size(), std::string("<urn:uuid:00000000-0000-8000-8000-000000000000>").size());
    const uint64_t size = writer.bytes();
    EXPECT_EQ(writer.append(page("http://a.org/", "x")), id);
    EXPECT_EQ(writer.bytes(), size);
    EXPECT_NE(writer.append(page("http://a.org/", "y")), id);
  }
  EXPECT_EQ(read_file(folder / "a"), read_file(folder / "b"));
  const std::string before = read_file(folder / "a");
  WarcWriter again(folder / "a");  // what an earlier process wrote is known too
  again.append(page("http://a.org/", "y"));
  EXPECT_EQ(read_file(folder / "a"), before);
}

TEST(Warc, ATornLastRecordIsCutOff) {
  const ScratchFolder folder;
  const Path path = folder / "a.warc.gz";
  uint64_t whole = 0;
  {
    WarcWriter writer(path);
    writer.append(page("http://a.org/", "first"));
    whole = writer.bytes();
    writer.append(page("http://b.org/", "second, which is longer"));
  }
  const std::string bytes = read_file(path);
  for (uint64_t size = 0; size < bytes.size(); size += size % whole < 12 ? 5 : 43) {
    std::string part = bytes.substr(0, size);
    if (size % 2 == 1 && size > whole && size + 4 < bytes.size())
      part += std::string(bytes.size() - size + 16, '\0');  // of the right length
    write_file_whole(path, part);
    bool torn = false;
    EXPECT_EQ(all(path, &torn).size(), size < whole ? 0u : 1u) << size;
    EXPECT_EQ(torn, size != 0 && size != whole) << size;
    if (torn) {
      EXPECT_HAS(error_of([&] { all(path); }), "cut off");
    }
    WarcWriter writer(path);
    EXPECT_EQ(writer.bytes(), size < whole ? 0u : whole);
    writer.append(page("http://b.org/", "second, which is longer"));
    EXPECT_EQ(read_file(path), size < whole ? bytes.substr(whole) : bytes);
  }
}

TEST(Warc, OneProcessWrites) {
  const ScratchFolder folder;
  WarcWriter writer(folder / "a");
  EXPECT_HAS(error_of([&] { WarcWriter other(folder / "a"); }), "another process writes");
}

TEST(Warc, AFileOfAnotherKindIsLeftAlone) {
  const ScratchFolder folder;
  for (const std::string& text :
       {std::string("my notes"), packed("my notes"), written("x"), packed(written("x") + written("y"))}) {
    write_file_whole(folder / "a", text);
    EXPECT_NE(error_of([&] { WarcWriter writer(folder / "a"); }), "") << text;
    EXPECT_EQ(read_file(folder / "a"), text);
  }
}

TEST(Warc, FieldsHoldNoLineBreaks) {
  const ScratchFolder folder;
  WarcWriter writer(folder / "a");
  EXPECT_HAS(error_of([&] { writer.append(page("http://a.org/\r\nWARC-Type: x", "")); }), "control characters");
  EXPECT_EQ(writer.bytes(), 0u);
}

TEST(Warc, AnyFormIsRead) {
  const ScratchFolder folder;
  const std::string one = written("first"), two = written("second", "", -1, "WARC/1.1");
  const std::string folded =
      "WARC/1.0\nwarc-type: resource\nX-Long: a\n  b\nwarc-target-uri: <http://a.org/>\n"
      "content-length: 3\n\nabc\n\n";
  for (const std::string& file : {one + two, packed(one) + packed(two), packed(one + two),
                                  packed(one + two.substr(0, 9)) + packed(two.substr(9))}) {
    write_file_whole(folder / "a", file);
    const auto records = all(folder / "a");
    ASSERT_EQ(records.size(), 2u);
    EXPECT_EQ(records[0].block, "first");
    EXPECT_EQ(records[1].block, "second");
  }
  write_file_whole(folder / "a", packed(folded));
  const auto records = all(folder / "a");
  ASSERT_EQ(records.size(), 1u);
  EXPECT_EQ(records[0].target_uri, "http://a.org/");
  EXPECT_EQ(records[0].other[0].second, "a b");
  int count = 0;
  write_file_whole(folder / "a", one + two);
  read_warc(folder / "a", [&](WarcRecord&&) { return ++count < 1; });
  EXPECT_EQ(count, 1);
}

TEST(Warc, WhatWasChangedIsFound) {
  const ScratchFolder folder;
  const std::string digest = "WARC-Block-Digest: " + warc_digest("first") + "\r\n";
  const std::string payload = "WARC-Payload-Digest: " + warc_digest("first") + "\r\n";
  write_file_whole(folder / "a", written("first", digest + payload));
  EXPECT_EQ(all(folder / "a").size(), 1u);
  write_file_whole(folder / "a", written("fires", digest));
  EXPECT_HAS(error_of([&] { all(folder / "a"); }), "its bytes were changed");
  write_file_whole(folder / "a", written("fires", payload));
  EXPECT_HAS(error_of([&] { all(folder / "a"); }), "its bytes were changed");
  WarcWriter(folder / "b").append(page("http://a.org/", std::string(1000, 'x')));
  std::string bytes = read_file(folder / "b");
  bytes[bytes.size() / 2] ^= 0x10;
  write_file_whole(folder / "b", bytes);
  EXPECT_NE(error_of([&] { all(folder / "b"); }), "");
}

TEST(Warc, HostileFilesAreErrors) {
  const ScratchFolder folder;
  const auto error = [&](const std::string& file) {
    write_file_whole(folder / "a", file);
    return error_of([&] { all(folder / "a", nullptr, 1 << 16); });
  };
  EXPECT_HAS(error(written("x", "", 1 << 20)), "at most 65536 bytes");
  EXPECT_HAS(error(written("x", "", 60000)), "cut off");
  EXPECT_HAS(error(written("abcdef", "", 3)), "an empty line after its block");
  EXPECT_HAS(error("WARC/0.9\r\n\r\n"), "WARC/1.0 or WARC/1.1");
  EXPECT_HAS(error("hello"), "WARC/1.0 or WARC/1.1");
  EXPECT_HAS(error("WARC/1.0\r\nContent-Length: -1\r\n\r\n"), "Content-Length");
  EXPECT_HAS(error("WARC/1.0\r\nWARC-Type: resource\r\n\r\n"), "Content-Length");
  EXPECT_HAS(error("WARC/1.0\r\nContent-Length: 0\r\n\r\n\r\n\r\n"), "WARC-Type");
  EXPECT_HAS(error("WARC/1.0\r\nno field\r\n\r\n"), "Name: value");
  EXPECT_HAS(error("WARC/1.0\r\nX: " + std::string(100'000, 'x') + "\r\n\r\n"), "at most 64 KiB");
  EXPECT_HAS(error(packed("WARC/1.0\r\n" + std::string(8 << 20, 'x'))), "at most 64 KiB");
  EXPECT_HAS(error(packed(std::string(1 << 20, '\n'))), "empty lines");
  EXPECT_HAS(error(packed(written("x")) + "not gzip"), "broken bytes");
  EXPECT_HAS(error_of([&] { all(folder / "missing"); }), "missing");
  EXPECT_HAS(error_of([&] { all(folder.path()); }), "a file that can be read");
}

TEST(WarcResponse, TakesMessagesApart) {
  const WarcResponse response = read_response(page("", "body", "x-a: 1\r\nX-A: 2\r\n"), 4);
  EXPECT_EQ(response.status, 200);
  EXPECT_EQ(response.header("CONTENT-TYPE"), "text/html");
  EXPECT_EQ(response.header("X-A"), "1");
  EXPECT_EQ(response.header("X-B"), "");
  EXPECT_EQ(response.body, "body");
  EXPECT_HAS(error_of([&] { read_response(page("", "body!"), 4); }), "at most 4 bytes");
  WarcRecord record = page("", "");
  record.type = "resource";
  EXPECT_HAS(error_of([&] { read_response(record, 9); }), "expected an HTTP response");
  for (const char* block : {"", "HTTP/1.1", "HTTP/1.1 ok", "GET / HTTP/1.1"}) {
    record = page("", "");
    record.block = block;
    EXPECT_HAS(error_of([&] { read_response(record, 9); }), "expected an HTTP response");
  }
}

TEST(WarcResponse, UndoesEncodings) {
  const auto body = [](const std::string& headers, const std::string& bytes) {
    return read_response(page("", bytes, headers), 1000).body;
  };
  EXPECT_EQ(body("Content-Encoding: gzip\r\n", packed("hello")), "hello");
  EXPECT_EQ(body("Content-Encoding: gzip\r\n", packed("hel") + packed("lo")), "hello");
  EXPECT_EQ(body("Content-Encoding: deflate\r\n", packed("hello", 15)), "hello");
  EXPECT_EQ(body("Content-Encoding: deflate\r\n", packed("hello", -15)), "hello");
  EXPECT_EQ(body("Content-Encoding: deflate, GZIP\r\n", packed(packed("hello", 15))), "hello");
  EXPECT_EQ(body("Content-Encoding: gzip\r\n", "hello"), "hello") << "stored decoded";
  EXPECT_EQ(body("Content-Encoding: identity\r\n", "hello"), "hello");
  const std::string zipped = packed("hello");
  const std::string chunked = fmt::format("3\r\n{}\r\n{:x};name=x\r\n", zipped.substr(0, 3), zipped.size() - 3) +
                              zipped.substr(3) + "\r\n0\r\n\r\n";
  EXPECT_EQ(body("Transfer-Encoding: chunked\r\nContent-Encoding: gzip\r\n", chunked), "hello");
  EXPECT_EQ(body("Transfer-Encoding: chunked\r\n", "plain"), "plain") << "stored joined";
  EXPECT_EQ(body("Transfer-Encoding: chunked\r\n", "ffffffffffffffff\r\nab"), "ab");
  EXPECT_HAS(error_of([&] { body("Content-Encoding: br\r\n", "x"); }), "br");
  EXPECT_HAS(error_of([&] { body("Content-Encoding: gzip\r\n", packed("hello").substr(0, 12)); }), "cut off");
  EXPECT_HAS(error_of([&] { body("Content-Encoding: gzip,gzip,gzip,gzip,gzip\r\n", "x"); }), "at most 4");
  EXPECT_HAS(error_of([&] { body("Content-Encoding: gzip\r\n", packed(std::string(8 << 20, 'x'))); }),
             "at most 1000 bytes");
}

}  // namespace
}  // namespace hadal::research
