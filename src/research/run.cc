#include "research/run.h"

#include <algorithm>

#include "base/command.h"
#include "base/digest.h"
#include "base/error.h"
#include "base/json.h"
#include "base/text.h"
#include "research/report/escape.h"
#include "research/report/files.h"
#include "research/run/answer.h"
#include "research/run/begin.h"
#include "research/run/compose.h"
#include "research/run/energy.h"
#include "research/run/hops.h"
#include "research/run/library.h"
#include "research/run/model.h"
#include "research/run/search.h"
#include "research/run/steps.h"

namespace hadal::research {
namespace {

constexpr int kMaxRounds = 6;
constexpr size_t kQuotes = 10;
constexpr size_t kHopQueries = 3, kHopLinks = 3;

class Run {
 public:
  Run(const RunOptions& options, Writer* writer, Steps& steps, const std::string& started)
      : options_(options), steps_(steps), model_(writer, steps, options_), search_(steps, library_, options_, started) {
    steps.set_budget(options.budget.seconds, !options.replay.empty());
    if (steps.past()) library_.read_archive(steps.folder() / kArchive);
  }

  Report go() {
    model_.choose_slots();
    search_.open_sources();
    plan();
    const std::string why = look();
    return report(why);
  }

 private:
  void plan() {
    const std::optional<Json> planned = model_.plan(options_.question);
    if (planned) {
      for (const Json& item : (*planned)["questions"]) {
        SubQuestion part{inert(item["question"].get<std::string>()), {}};
        for (const Json& query : item["queries"]) part.queries.push_back(inert(query.get<std::string>()));
        parts_.push_back(std::move(part));
      }
    } else {
      parts_ = split_question(options_.question);
    }
    OrderedJson list = OrderedJson::array();
    for (const SubQuestion& part : parts_) list.push_back({{"question", part.text}, {"queries", part.queries}});
    steps_.note("plan", counted(static_cast<int64_t>(parts_.size()), "question"),
                {{"by", planned ? "model" : "rule"}, {"questions", std::move(list)}});
  }

  // Rounds, until there is a reason to stop.
  std::string look() {
    std::vector<Query> queries = first_queries();
    std::vector<std::string> links;
    for (int round = 1; round <= kMaxRounds; ++round) {
      steps_.progress.round = round;
      steps_.note("round", fmt::format("round {}: {} queries", round, queries.size()), {{"round", round}});
      if (std::string why = search_.round(queries, links); !why.empty()) {
        gather_evidence();
        return why;
      }
      const bool news = gather_evidence();
      if (std::string why = judge_all(); !why.empty()) return why;
      if (std::all_of(found_.begin(), found_.end(), [](bool f) { return f; })) return "done";
      if (model_.tokens_spent()) return "tokens";
      if (search_.has_pages() && search_.pages_spent()) return "pages";
      const bool again = search_.deserves_another();
      if (!search_.has_pages() || (round > 1 && !news && !again)) return no_more();
      queries = next_queries(round);
      links = hop_links(library_, evidence_, missing_parts(), search_, kHopLinks);
      if (queries.empty() && links.empty() && !again) return no_more();
    }
    return no_more();
  }

  // A round that was cut short by the clock brings nothing new either.
  std::string no_more() {
    const std::string why = steps_.stopped_here(kSearching);
    return why.empty() ? "no new evidence" : why;
  }

  std::vector<Query> first_queries() const {
    std::vector<Query> queries;
    for (const SubQuestion& part : parts_)
      for (size_t i = 0; i < std::min<size_t>(part.queries.size(), 2); ++i) queries.push_back({part.queries[i]});
    return queries;
  }

  std::vector<SubQuestion> missing_parts() const {
    std::vector<SubQuestion> missing;
    for (size_t p = 0; p < parts_.size(); ++p)
      if (!found_[p]) missing.push_back(parts_[p]);
    return missing;
  }

  std::vector<Query> next_queries(int round) {
    std::vector<Query> queries;
    const auto add = [&](Query query) {
      const auto same = [&](const Query& q) { return q.text == query.text; };
      if (!query.text.empty() && std::none_of(queries.begin(), queries.end(), same))
        queries.push_back(std::move(query));
    };
    if (const std::optional<Json> gap = model_.gap(options_.question, shown_quotes()))
      for (const Json& query : (*gap)["missing"]) add({inert(query.get<std::string>())});
    for (const SubQuestion& part : missing_parts())
      if (part.queries.size() > static_cast<size_t>(round)) add({part.queries[static_cast<size_t>(round)]});
    for (Query& query : hop_queries(library_, evidence_, options_.question, kHopQueries)) add(std::move(query));
    return queries;
  }

  // What the model sees before it makes queries. Once private documents were read, outside must not see them in these.
  std::vector<ShownQuote> shown_quotes() const {
    std::vector<ShownQuote> shown;
    const bool all = options_.private_queries || !search_.has_private();
    for (const Judged& quote : quotes_)
      if (all || library_.is_public(quote.quote.document))
        shown.push_back({library_.index().document(quote.quote.document).document.title, quote.text});
    return shown;
  }

  // Whether there is evidence that there was not before.
  bool gather_evidence() {
    evidence_ = gather(library_.index(), options_.question, parts_, kQuotes);
    evidence_.found.resize(parts_.size(), false);
    found_ = evidence_.found;
    quotes_.clear();
    bool news = false;
    for (const Quote& quote : evidence_.quotes) {
      const IndexedDocument indexed = library_.index().document(quote.document);
      const std::string text = indexed.document.text.substr(quote.span.begin, quote.span.end - quote.span.begin);
      news = known_.insert(fmt::format("{} {} {}", indexed.snapshot, quote.span.begin, quote.span.end)).second || news;
      quotes_.push_back({quote, text, {}, ""});
    }
    std::stable_partition(quotes_.begin(), quotes_.end(),
                          [&](const Judged& q) { return !echoes(q.text, options_.question); });
    const auto count = std::count(found_.begin(), found_.end(), true);
    steps_.note("evidence",
                fmt::format("{}; {} of {} have an answer", counted(static_cast<int64_t>(quotes_.size()), "quote"),
                            count, counted(static_cast<int64_t>(parts_.size()), "question")),
                {{"quotes", quotes_.size()}, {"found", count}});
    return news;
  }

  // The judge's word on each quote: those that bear come first. What it denies of all quotes of a part is not found.
  std::string judge_all() {
    if (!model_.fills(Slot::judge)) return "";
    for (Judged& quote : quotes_) {
      const std::string& question = parts_[quote.quote.sub_question].text;
      const auto [at, fresh] = judged_.try_emplace(question + "\n" + quote.text);
      if (fresh) {
        if (std::string why = steps_.stopped_here(kSearching); !why.empty()) return why;
        at->second = judged(question, quote.text);
      }
      quote.bears = at->second.first;
      quote.sentence = at->second.second;
    }
    for (size_t p = 0; p < parts_.size(); ++p) {
      const auto denied = [&](const Judged& q) { return q.quote.sub_question != p || q.bears == false; };
      if (std::all_of(quotes_.begin(), quotes_.end(), denied)) found_[p] = false;
    }
    std::stable_partition(quotes_.begin(), quotes_.end(), [](const Judged& q) { return q.bears.value_or(true); });
    return "";
  }

  std::pair<std::optional<bool>, std::string> judged(const std::string& question, const std::string& text) {
    std::vector<std::string> sentences;
    for (const Span& span : sentences_of(text)) sentences.push_back(text.substr(span.begin, span.end - span.begin));
    const std::optional<Json> reply = model_.judge(question, sentences);
    if (!reply) return {};
    const bool bears = (*reply)["bears"].get<bool>();
    const size_t sentence = (*reply)["sentence"].get<size_t>();
    return {bears, bears && sentence > 0 ? sentences[sentence - 1] : ""};
  }

  Report report(const std::string& why) {
    Composer composer(library_, steps_.folder() / kArchive, options_.question);
    std::string stopped = why;
    // Written sentences take tokens and time of their own; where the user stops, quotes are enough.
    if (stopped != "user")
      if (const std::string late = steps_.stopped_here(1); !late.empty()) stopped = late;
    RunModel silent(nullptr, steps_, options_);
    composer.add_sections(parts_, found_, quotes_, stopped == "user" ? silent : model_, steps_);
    composer.add_gaps(parts_, found_, evidence_.missing);
    composer.add_conflicts(conflicts(library_.index(), evidence_), evidence_, parts_);
    Report& report = composer.report();
    if (stopped != "user" && stopped != "seconds" && model_.tokens_spent()) stopped = "tokens";
    report.mode = model_.slots().empty() ? "extract" : "model";
    report.model = model_name_;
    report.slots = model_.slots();
    report.slots_why = model_.why();
    report.refused = search_.refused();
    report.searches = search_.tree();
    report.stopped = stopped;
    const OrderedJson spent = steps_.step("spent", [&]() -> Steps::Done {
      const std::optional<double> joules = energy_.joules();
      return {"", {{"seconds", steps_.seconds()}, {"joules", joules ? OrderedJson(*joules) : OrderedJson(nullptr)}}};
    });
    report.cost = {model_.tokens_in(), model_.tokens_out(), spent.at("seconds").get<double>(),
                   search_.pages(),    search_.bytes(),     {}};
    if (!spent.at("joules").is_null()) report.cost.joules = spent.at("joules").get<double>();
    return composer.finish();
  }

 public:
  void set_model_name(const std::string& name) { model_name_ = name; }

 private:
  const RunOptions& options_;
  Steps& steps_;
  Library library_;
  RunModel model_;
  Search search_;
  EnergyMeter energy_;
  std::string model_name_;
  std::vector<SubQuestion> parts_;
  Evidence evidence_;
  std::vector<bool> found_;
  std::vector<Judged> quotes_;
  std::set<std::string> known_;
  std::map<std::string, std::pair<std::optional<bool>, std::string>> judged_;
};

OrderedJson file_sums(const Path& folder) {
  OrderedJson sums = OrderedJson::object();
  for (const char* name : {kReportJson, kReportMarkdown, kReportHtml, kArchive})
    sums[name] = sha256_of_file(folder / name);
  return sums;
}

Report go(const RunOptions& options, Writer* writer, Steps& steps) {
  const OrderedJson begun = steps.step("begin", [&]() -> Steps::Done {
    return {options.question, begin_data(options, writer)};
  });
  check_model(begun, writer, steps.folder());
  Run run(options, writer, steps, begun.value("started", std::string()));
  run.set_model_name(writer != nullptr ? writer->name() : "");
  Report report = run.go();
  write_report_files(report, steps.folder());
  steps.step("done", [&]() -> Steps::Done {
    return {report.found ? report.answer : "nothing that answers was found",
            {{"found", report.found}, {"stopped", report.stopped}, {"sha256", file_sums(steps.folder())}}};
  });
  return report;
}

}  // namespace

Report research(const RunOptions& options, Writer* writer, const RunHooks& hooks) {
  check_options(options);
  const bool made = make_run_folder(options.out);
  try {
    Steps steps(options.out, hooks);
    try {
      return go(options, writer, steps);
    } catch (const Error& e) {
      mark_failed(steps, e.what());
      throw;
    }
  } catch (const Error&) {
    if (made) remove_if_nothing_was_read(options.out);
    throw;
  }
}

Report resume(const Path& folder, Writer* writer, const RunHooks& hooks) {
  if (!std::filesystem::exists(folder / kJournal))
    fail("{}: expected the folder of a run, with a {}, found none; {} shows the runs", folder.string(), kJournal,
         command({"research", "list"}));
  const RunOptions options = options_of(folder);
  Steps steps(folder, hooks);
  return go(options, writer, steps);
}

}  // namespace hadal::research
