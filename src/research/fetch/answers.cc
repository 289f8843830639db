#include "research/fetch/answers.h"

#include <algorithm>
#include <array>

#include "base/error.h"
#include "base/json.h"
#include "base/text.h"
#include "research/archive/http_message.h"

namespace hadal::research {
namespace {

constexpr std::array<std::string_view, 10> kTypes = {
    "text/html",       "application/xhtml+xml", "text/plain", "text/markdown",    "text/x-markdown",
    "application/pdf", "application/x-pdf",     "text/csv",   "application/json", "text/json"};

WarcRecord metadata_of(const std::string& url, const std::string& date, const OrderedJson& block) {
  WarcRecord record;
  record.type = "metadata";
  record.target_uri = url;
  record.date = date;
  record.content_type = "application/json";
  record.block = dump_json(block);
  return record;
}

}  // namespace

std::string answer_refusal(int status, std::string_view content_type) {
  if (status != 200) return fmt::format("status {}", status);
  std::string type = lower_case(std::string(content_type.substr(0, content_type.find_first_of("; ,"))));
  std::erase_if(type, [](char c) { return static_cast<unsigned char>(c) <= 0x20 || c == 0x7f; });
  // Where a server names none, the content tells.
  if (type.empty() || std::find(kTypes.begin(), kTypes.end(), type) != kTypes.end()) return "";
  return fmt::format("type {}", brief(type));
}

std::string over_size(uint64_t bytes) {
  if (bytes >= 1 << 20 && bytes % (1 << 20) == 0) return fmt::format("over {} MiB", bytes >> 20);
  if (bytes >= 1 << 10 && bytes % (1 << 10) == 0) return fmt::format("over {} KiB", bytes >> 10);
  return fmt::format("over {} bytes", bytes);
}

void read_answer(const WarcRecord& record, uint64_t max_bytes, Fetched& fetched) {
  fetched.record = record.id;
  fetched.date = record.date;
  if (record.type == "resource") {
    fetched.status = 200;
    fetched.content_type = record.content_type;
    fetched.refused = answer_refusal(fetched.status, fetched.content_type);
    if (record.block.size() > max_bytes) fetched.refused = over_size(max_bytes);
    if (fetched.refused.empty()) fetched.body = record.block;
    return;
  }
  try {
    WarcResponse response = read_response(record, max_bytes);
    fetched.status = response.status;
    fetched.content_type = response.header("content-type");
    fetched.refused = answer_refusal(fetched.status, fetched.content_type);
    if (fetched.refused.empty()) fetched.body = std::move(response.body);
  } catch (const BodyTooLarge&) {
    fetched.refused = over_size(max_bytes);
  } catch (const Error& error) {
    fetched.refused = error.what();
  }
}

void write_warcinfo(WarcWriter& archive, const std::string& date) {
  if (archive.bytes() > 0) return;
  WarcRecord record;
  record.type = "warcinfo";
  record.date = date;
  record.content_type = "application/warc-fields";
  record.block =
      "software: hadal/" HADAL_VERSION "\r\nformat: WARC File Format 1.1\r\nrobots: RFC 9309, product token hadal\r\n";
  archive.append(std::move(record));
}

WarcRecord refusal_record(const Fetched& fetched, const std::string& date) {
  OrderedJson block = {{"refused", fetched.refused}};
  if (!fetched.final_url.empty() && fetched.final_url != fetched.url) block["final_url"] = fetched.final_url;
  if (fetched.status != 0) block["status"] = fetched.status;
  if (!fetched.content_type.empty()) block["type"] = fetched.content_type;
  return metadata_of(fetched.url, date, block);
}

WarcRecord search_record(const std::string& key, const Fetched& fetched, const std::string& date) {
  OrderedJson block = {{"search", key}};
  if (fetched.refused.empty())
    block.update({{"status", fetched.status}, {"type", fetched.content_type}, {"body", fetched.body}});
  else
    block["refused"] = fetched.refused;
  return metadata_of(fetched.url, date, block);
}

ArchiveNote read_note(const WarcRecord& record) {
  ArchiveNote read;
  if (record.type != "metadata" || record.content_type != "application/json") return read;
  try {
    const Json block = parse_json(record.block, "a metadata record");
    if (!block.is_object()) return read;
    read.key = block.value("search", "");
    read.answer.url = record.target_uri;
    read.answer.final_url = block.value("final_url", record.target_uri);
    read.answer.status = block.value("status", 0);
    read.answer.content_type = block.value("type", "");
    read.answer.body = block.value("body", "");
    read.answer.refused = block.value("refused", "");
    read.answer.date = record.date;
    if (read.key.empty()) read.refused = read.answer.refused;
  } catch (const std::exception&) {  // another program's: its words are not ours
    return {};
  }
  return read;
}

std::string valid_utf8(const std::string& text) { return parse_json(dump_json(Json(text)), "text").get<std::string>(); }

}  // namespace hadal::research
