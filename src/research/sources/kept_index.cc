// An index that `hadal index add` made: what a search finds is taken over into the run's own.
#include <map>

#include "base/command.h"
#include "base/error.h"
#include "research/archive/warc_reader.h"
#include "research/sources/kinds.h"

namespace hadal::research {
namespace {

class KeptIndex : public Source {
 public:
  KeptIndex(std::string name, const Path& folder, SourceContext context) : name_(std::move(name)), context_(context) {
    if (!context_.replay.empty()) {
      index_ = std::make_unique<Index>(":memory:");
      read_archive();
      return;
    }
    const Path file = folder / kIndexFile;
    if (!std::filesystem::exists(file))
      fail("{}: expected an index, found none at {}; make one: {}", name_, file.string(),
           command({"index", "add", "PATH", "--index", folder.string()}));
    index_ = std::make_unique<Index>(file);
  }
  std::string name() const override { return name_; }
  bool is_private() const override { return true; }
  bool is_outside() const override { return false; }

  std::vector<Candidate> search(const std::string& query, int64_t limit, const std::function<bool()>&) override {
    std::vector<Candidate> found;
    for (const DocumentHit& hit : index_->documents(query, {.k = limit})) {
      const IndexedDocument kept = index_->document(hit.number);
      const Document& document = kept.document;
      std::string snapshot;
      if (context_.archive != nullptr) {
        const auto then = dates_.find(document.url);
        const std::string date = then != dates_.end()     ? then->second
                                 : !context_.date.empty() ? context_.date
                                                          : context_.fetcher.now();
        snapshot = append_text(*context_.archive, document.url, date, "", document.text);
      }
      found.push_back({document.url, document.title, context_.index.add(document, kept.hash, snapshot)});
    }
    return found;
  }

 private:
  // What a run before took over: texts alone. Their titles are their first lines.
  void read_archive() {
    read_warc(context_.replay, [&](WarcRecord&& record) {
      if (record.type != "conversion" || !record.refers_to.empty()) return true;
      Document document;
      document.url = record.target_uri;
      document.type = "text/plain";
      document.title = record.block.substr(0, std::min<size_t>(record.block.find('\n'), 120));
      document.text = std::move(record.block);
      dates_[document.url] = record.date;
      index_->add(document, record.id);
      return true;
    });
  }

  std::string name_;
  SourceContext context_;
  std::unique_ptr<Index> index_;
  std::map<std::string, std::string> dates_;
};

}  // namespace

std::unique_ptr<Source> index_source(const std::string& name, const std::string& rest, SourceContext context) {
  if (rest.empty()) fail("index: expected a folder, as in index:~/library");
  return std::make_unique<KeptIndex>(name, user_path(rest), context);
}

}  // namespace hadal::research
