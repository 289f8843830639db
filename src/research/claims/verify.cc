// A run's folder, checked by itself.
#include <algorithm>
#include <map>

#include "base/command.h"
#include "base/digest.h"
#include "base/error.h"
#include "base/json.h"
#include "research/claims.h"
#include "research/report.h"
#include "research/run/journal.h"
#include "research/sources/source.h"
#include "research/warc.h"

namespace hadal::research {
namespace {

constexpr size_t kMaxFaults = 100;

struct Snapshot {
  std::string url, date, text;
  bool kept = false;  // taken over from an index: the archive has its text alone
  std::string title = {}, document_date = {};
};

class Verifier {
 public:
  explicit Verifier(const Path& folder) : folder_(folder) {}

  Verdict check() {
    attempt(kJournal, [&] { check_journal(); });
    attempt(kArchive, [&] { check_archive(); });
    attempt(kReportJson, [&] {
      report_ = read_report(folder_);
      check_report();
    });
    if (report_) attempt(kReportMarkdown, [&] { same_bytes(kReportMarkdown, to_markdown(*report_)); });
    if (report_) attempt(kReportHtml, [&] { same_bytes(kReportHtml, to_html(*report_, folder_ / kArchive)); });
    if (report_) attempt(kReportJson, [&] { same_bytes(kReportJson, json_file(*report_)); });
    verdict_.ok = verdict_.faults.empty();
    return std::move(verdict_);
  }

 private:
  template <typename F>
  void attempt(const char* file, const F& work) {
    try {
      work();
    } catch (const std::exception& e) {  // what is damaged may fail anywhere
      fault("{}: {}", file, e.what());
    }
  }

  template <typename... Args>
  void fault(fmt::format_string<Args...> format, Args&&... args) {
    if (verdict_.faults.size() < kMaxFaults)
      verdict_.faults.push_back(fmt::format(format, std::forward<Args>(args)...));
  }

  void check_journal() {
    const std::vector<JournalLine> lines = read_journal(folder_ / kJournal);
    if (lines.empty() || lines.back().kind != "done") return fault("{}: the run has not ended", kJournal);
    const std::string text = read_file(folder_ / kJournal);
    if (!text.ends_with('\n')) fault("{}: something stands behind its last line", kJournal);
    for (const char* name : {kReportJson, kReportMarkdown, kReportHtml, kArchive})
      if (lines.back().data.at("sha256").at(name) != sha256_of_file(folder_ / name))
        fault("{}: it was changed after the run", name);
    question_ = lines.front().data.value("question", std::string());
  }

  void check_archive() {
    std::map<std::string, RawDocument> raw;
    read_warc(folder_ / kArchive, [&](WarcRecord&& record) {
      if (record.type == "response" || record.type == "resource") {
        try {
          raw[record.id] = raw_document(record);
        } catch (const Error&) {  // refused as the run did; a text that was made of it is a fault below
        }
      } else if (record.type == "conversion") {
        check_conversion(record, raw);
      }
      return true;
    });
  }

  void check_conversion(const WarcRecord& record, const std::map<std::string, RawDocument>& raw) {
    if (record.refers_to.empty()) {
      snapshots_[record.id] = {record.target_uri, record.date, record.block, true};
      return;
    }
    const auto found = raw.find(record.refers_to);
    if (found == raw.end()) return fault("{}: {} was made of a record that is not there", kArchive, record.id);
    try {
      const Document document = extract(found->second);
      if (document.text != record.block)
        fault("{}: {}: the text is not what its page gives ({})", kArchive, record.id, record.target_uri);
      snapshots_[record.id] = {record.target_uri, record.date, record.block, false, document.title, document.date};
    } catch (const Error& e) {
      fault("{}: {}: its page gives no text: {}", kArchive, record.id, e.what());
    }
  }

  void check_report() {
    for (size_t i = 0; i < report_->sources.size(); ++i) check_source(report_->sources[i], i);
    for (const Section& section : report_->sections) check_claims(section.claims, section.heading);
    for (const ReportConflict& conflict : report_->conflicts) check_claims(conflict.claims, conflict.heading);
    if (!question_.empty() && report_->question != question_)
      fault("{}: question: the run had another one", kReportJson);
    if (report_->mode != "extract" && report_->mode != "model")
      fault("{}: mode: expected extract or model, found {}", kReportJson, brief(report_->mode));
    check_answer();
  }

  void check_source(const ReportSource& source, size_t i) {
    const auto found = snapshots_.find(source.snapshot);
    if (source.id != static_cast<int64_t>(i) + 1)
      fault("{}: source {}: expected the id {}", kReportJson, source.id, i + 1);
    if (found == snapshots_.end())
      return fault("{}: source {}: its snapshot is not in the archive", kReportJson, source.id);
    const Snapshot& snapshot = found->second;
    for (const auto& [name, theirs, ours] : {std::tuple("url", &source.url, &snapshot.url),
                                             {"fetched", &source.fetched, &snapshot.date},
                                             {"title", &source.title, &snapshot.title},
                                             {"date", &source.date, &snapshot.document_date}})
      if (*theirs != *ours && !(snapshot.kept && (ours == &snapshot.title || ours == &snapshot.document_date)))
        fault("{}: source {}: {}: expected {}, found {}", kReportJson, source.id, name, brief(*ours), brief(*theirs));
  }

  void check_claims(const std::vector<Claim>& claims, const std::string& heading) {
    for (size_t i = 0; i < claims.size(); ++i) {
      const Claim& claim = claims[i];
      const std::string where = fmt::format("{}: claim {} of {}", kReportJson, i + 1, brief(heading, 40));
      ++verdict_.claims;
      std::vector<std::string> quotes;
      for (const Cite& cite : claim.cites) check_cite(cite, where, quotes);
      texts_.insert(texts_.end(), quotes.begin(), quotes.end());
      if (claim.cites.empty()) fault("{}: it cites nothing", where);
      if (claim.kind == "quote") {
        if (claim.support != "quoted") fault("{}: support: expected quoted, found {}", where, brief(claim.support));
        if (quotes.size() != 1 || claim.text != quotes[0]) fault("{}: text: it is not its quote", where);
      } else if (claim.kind == "written") {
        if (claim.support != "checked") fault("{}: support: expected checked, found {}", where, brief(claim.support));
        if (const std::string why = unsupported(claim.text, quotes); !why.empty()) fault("{}: text: {}", where, why);
        texts_.push_back(claim.text);
      } else {
        fault("{}: kind: expected quote or written, found {}", where, brief(claim.kind));
      }
    }
  }

  void check_cite(const Cite& cite, const std::string& where, std::vector<std::string>& quotes) {
    ++verdict_.quotes;
    quotes.push_back(cite.quote);
    const auto source = std::find_if(report_->sources.begin(), report_->sources.end(),
                                     [&](const ReportSource& s) { return s.id == cite.source; });
    if (source == report_->sources.end()) return fault("{}: there is no source {}", where, cite.source);
    const auto found = snapshots_.find(source->snapshot);
    if (found == snapshots_.end()) return;  // said at the source
    const std::string& text = found->second.text;
    if (cite.start >= cite.end || cite.end > text.size())
      return fault("{}: bytes {} to {} are not in the snapshot of source {}", where, cite.start, cite.end, cite.source);
    if (text.compare(cite.start, cite.end - cite.start, cite.quote) != 0)
      fault("{}: the quote is not bytes {} to {} of source {}", where, cite.start, cite.end, cite.source);
  }

  // An answer is made of pieces of quotes and of written sentences.
  void check_answer() {
    if (report_->found == report_->answer.empty())
      return fault("{}: answer: expected one where found is true, and none where not", kReportJson);
    std::string_view rest = report_->answer;
    while (!rest.empty()) {
      size_t longest = 0;
      for (const std::string& text : texts_) {
        size_t low = 0, high = rest.size();
        while (low < high) {
          const size_t middle = (low + high + 1) / 2;
          if (text.find(rest.substr(0, middle)) != std::string::npos)
            low = middle;
          else
            high = middle - 1;
        }
        longest = std::max(longest, low);
      }
      if (longest < std::min<size_t>(rest.size(), 8) && rest != "…")
        return fault("{}: answer: {} stands in no quote", kReportJson, brief(rest, 40));
      rest.remove_prefix(rest == "…" ? rest.size() : longest);
      while (rest.starts_with(' ') || rest.starts_with("…")) rest.remove_prefix(rest.starts_with(' ') ? 1 : 3);
    }
  }

  void same_bytes(const char* name, const std::string& expected) {
    if (read_file(folder_ / name, 64 << 20) != expected) fault("{}: it is not what report.json gives", name);
  }

  Path folder_;
  Verdict verdict_;
  std::optional<Report> report_;
  std::map<std::string, Snapshot> snapshots_;
  std::vector<std::string> texts_;
  std::string question_;
};

}  // namespace

Verdict verify_run(const Path& folder) {
  if (!std::filesystem::is_directory(folder))
    fail("{}: expected the folder of a run, found none; {} shows the runs", folder.string(),
         command({"research", "list"}));
  return Verifier(folder).check();
}

}  // namespace hadal::research
