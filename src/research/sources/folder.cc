// A folder of the user's own documents, read whole when it is opened.
#include <algorithm>
#include <cstdlib>
#include <map>

#include "base/command.h"
#include "base/digest.h"
#include "base/error.h"
#include "base/log.h"
#include "base/paths.h"
#include "base/text.h"
#include "research/archive/warc_reader.h"
#include "research/fetch/answers.h"
#include "research/sources/kinds.h"
#include "research/warc.h"

namespace hadal::research {
namespace {

constexpr size_t kMaxFiles = 20'000;
constexpr uint64_t kMaxFileBytes = 32 << 20;

// By its name; "" for a file of another kind.
std::string type_of(const Path& file) {
  static const std::map<std::string, std::string> kTypes = {{".md", "text/markdown"},
                                                            {".markdown", "text/markdown"},
                                                            {".txt", "text/plain"},
                                                            {".text", "text/plain"},
                                                            {".html", "text/html"},
                                                            {".htm", "text/html"},
                                                            {".csv", "text/csv"},
                                                            {".pdf", "application/pdf"},
                                                            {".xht", "application/xhtml+xml"},
                                                            {".xhtml", "application/xhtml+xml"}};
  const auto found = kTypes.find(lower_case(file.extension().string()));
  return found == kTypes.end() ? "" : found->second;
}

// Names go into addresses of records, which hold no control characters.
std::string shown(std::string name) {
  for (char& c : name)
    if (static_cast<unsigned char>(c) < 0x20 || c == 0x7f) c = '_';
  return name;
}

class Folder : public Source {
 public:
  Folder(const std::string& text, SourceContext context) : context_(context) {
    std::error_code error;
    const Path given = user_path(text);
    Path folder = std::filesystem::weakly_canonical(given, error);
    if (error) folder = given;
    if (!folder.has_filename()) folder = folder.parent_path();
    const std::string own = shown(folder.filename().string());
    name_ = "folder:" + (own.empty() ? "root" : own);
    prefix_ = (own.empty() ? "root" : own) + "/";
    if (!context_.replay.empty())
      read_archive();
    else
      read_disk(folder);
    if (read_ > 0) return;
    if (!first_fault_.empty())
      fail("{}: expected documents, found none that can be read; the first: {}", name_, first_fault_);
    fail("{}: expected files of Markdown, text, HTML, CSV or PDF in {}, found none", name_,
         context_.replay.empty() ? folder.string() : context_.replay.string());
  }

  std::string name() const override { return name_; }
  bool is_private() const override { return true; }
  std::vector<std::pair<std::string, std::string>> unread() const override { return unread_; }
  bool is_outside() const override { return false; }

  std::vector<Candidate> search(const std::string& query, int64_t limit, const std::function<bool()>&) override {
    constexpr int64_t kMost = 4096;
    std::vector<Candidate> found;
    for (int64_t k = 4 * limit;; k *= 4) {  // the index holds other documents too
      found.clear();
      const auto hits = context_.index.documents(query, {.k = k});
      for (const DocumentHit& hit : hits) {
        if (!hit.id.starts_with(prefix_) || static_cast<int64_t>(found.size()) >= limit) continue;
        found.push_back({hit.id, context_.index.document(hit.number).document.title, hit.number});
      }
      if (static_cast<int64_t>(found.size()) >= limit || static_cast<int64_t>(hits.size()) < k || k > kMost)
        return found;
    }
  }

 private:
  void read_disk(const Path& folder) {
    if (!std::filesystem::exists(folder)) fail("{}: expected a folder at {}, found none", name_, folder.string());
    if (!std::filesystem::is_directory(folder))
      fail("{}: expected a folder, found a file at {}; give the folder that it lies in", name_, folder.string());
    const std::string date = context_.date.empty() ? context_.fetcher.now() : context_.date;
    for (const Path& file : files_of(folder)) {
      const std::string url = prefix_ + shown(file.lexically_relative(folder).generic_string());
      try {
        if (std::filesystem::file_size(file) > kMaxFileBytes) fail("{}: {}", url, over_size(kMaxFileBytes));
        WarcRecord record;
        record.type = "resource";
        record.target_uri = url;
        record.date = date;
        record.content_type = type_of(file);
        record.block = read_file(file, kMaxFileBytes);
        take(std::move(record));
      } catch (const Error& error) {
        refuse(url, error.what(), date);
      } catch (const std::filesystem::filesystem_error& error) {
        refuse(url, error.code().message(), date);
      }
    }
  }

  std::vector<Path> files_of(const Path& folder) {
    size_t seen = 0, documents = 0;
    return files_below(
        folder,
        [&](const Path& file) {
          const bool wanted = !type_of(file).empty();
          documents += wanted;
          if (++seen > 10 * kMaxFiles || documents > kMaxFiles)
            fail("{}: expected at most {} documents, found more in {}; index them once with `{}`, and use index:DIR",
                 name_, kMaxFiles, folder.string(), command({"index", "add", folder.string(), "--index", "DIR"}));
          return wanted;
        },
        [&](const Path& path, const std::string& why) {
          note_fault(prefix_ + shown(path.lexically_relative(folder).generic_string()), why);
        });
  }

  // As a run before read it: of several records of one file the last one.
  void read_archive() {
    std::map<std::string, WarcPlace> places;
    WarcReader scan(context_.replay, kMaxRecordBytes);
    while (const auto record = scan.next())
      if (record->type == "resource" && record->target_uri.starts_with(prefix_))
        places[record->target_uri] = scan.place();
    for (const auto& [url, place] : places) {
      auto record = WarcReader(context_.replay, kMaxRecordBytes, place).next();
      if (!record) continue;
      try {
        if (!record->fault.empty()) fail("{}: {}", url, record->fault);
        take(std::move(*record));
      } catch (const Error& error) {
        refuse(url, error.what(), context_.fetcher.now());
      }
    }
  }

  void take(WarcRecord record) {
    const std::string hash = sha256(record.block);
    if (context_.index.has(record.target_uri, hash)) {
      ++read_;
      return;
    }
    Document document = extract(raw_document(record));
    document.url = record.target_uri;
    std::string snapshot;
    if (context_.archive != nullptr) {
      const std::string url = record.target_uri, date = record.date;
      snapshot = append_text(*context_.archive, url, date, context_.archive->append(std::move(record)), document.text);
    }
    context_.index.add(document, hash, snapshot);
    ++read_;
  }

  void note_fault(const std::string& url, const std::string& why) {
    log_warning("{}: {}", url, why);
    if (first_fault_.empty()) first_fault_ = why;
    unread_.emplace_back(url, why);
  }

  void refuse(const std::string& url, const std::string& why, const std::string& date) {
    note_fault(url, why);
    Fetched refused;
    refused.url = url;
    refused.refused = why;
    if (context_.archive != nullptr) context_.archive->append(refusal_record(refused, date));
  }

  SourceContext context_;
  std::vector<std::pair<std::string, std::string>> unread_;
  std::string name_, prefix_, first_fault_;
  size_t read_ = 0;
};

}  // namespace

Path user_path(const std::string& text) {
  const char* home = std::getenv("HOME");
  if (home == nullptr || (text != "~" && !text.starts_with("~/"))) return text;
  return Path(home) / text.substr(std::min<size_t>(text.size(), 2));
}

std::unique_ptr<Source> folder_source(const std::string& rest, SourceContext context) {
  if (rest.empty()) fail("folder: expected a path, as in folder:~/notes");
  return std::make_unique<Folder>(rest, context);
}

}  // namespace hadal::research
