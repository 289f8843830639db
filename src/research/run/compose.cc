#include "research/run/compose.h"

#include <algorithm>

#include "base/error.h"
#include "research/claims.h"
#include "research/report/escape.h"
#include "research/run/answer.h"

namespace hadal::research {

Cite Composer::cite(const Quote& quote) {
  auto found = std::find(documents_.begin(), documents_.end(), quote.document);
  if (found == documents_.end()) found = documents_.insert(documents_.end(), quote.document);
  const std::string text = library_.index().document(quote.document).document.text;
  return {found - documents_.begin() + 1, quote.span.begin, quote.span.end,
          text.substr(quote.span.begin, quote.span.end - quote.span.begin)};
}

Claim Composer::quoted(const Quote& quote) {
  Cite made = cite(quote);
  return {made.quote, "quote", "quoted", {std::move(made)}};
}

// Sentences of the model that their quotes bear. Returns what of them answers the part.
std::string Composer::write(const SubQuestion& part, const std::vector<const Judged*>& quotes, RunModel& model,
                            Steps& steps, Section& section, std::vector<bool>& cited) {
  std::vector<ShownQuote> list;
  for (const Judged* quote : quotes)
    list.push_back({library_.index().document(quote->quote.document).document.title, quote->text});
  size_t shown = 0;
  const std::optional<Json> reply = model.write(part.text, list, shown);
  if (!reply) return "";
  std::string answer;
  for (const Json& sentence : (*reply)["sentences"]) {
    const std::string text = inert(sentence["text"].get<std::string>());
    Claim claim{text, "written", "checked", {}};
    std::vector<std::string> held;
    std::vector<size_t> numbers;
    for (const Json& number : sentence["cites"]) {
      const size_t n = number.get<size_t>() - 1;
      if (std::find(numbers.begin(), numbers.end(), n) != numbers.end()) continue;
      numbers.push_back(n);
      held.push_back(quotes[n]->text);
    }
    if (std::string why = unsupported(text, held); !why.empty()) {
      ++report_.rejected;
      steps.note("sentence", fmt::format("not published, {}: {}", why, text), {{"published", false}, {"why", why}});
      continue;
    }
    for (const size_t n : numbers) {
      claim.cites.push_back(cite(quotes[n]->quote));
      cited[n] = true;
    }
    steps.note("sentence", text, {{"published", true}});
    answer += (answer.empty() ? "" : " ") + text;
    section.claims.push_back(std::move(claim));
  }
  return answer;
}

void Composer::add_sections(const std::vector<SubQuestion>& parts, const std::vector<bool>& found,
                            const std::vector<Judged>& quotes, RunModel& model, Steps& steps) {
  for (size_t p = 0; p < parts.size(); ++p) {
    Section section{parts[p].text, {}};
    std::vector<const Judged*> mine;
    for (const Judged& quote : quotes)
      if (quote.quote.sub_question == p) mine.push_back(&quote);
    std::vector<bool> cited(mine.size(), false);
    std::string answer;
    if (found[p]) {
      answer = write(parts[p], mine, model, steps, section, cited);
      if (answer.empty()) {
        std::vector<std::string> texts;
        for (const Judged* quote : mine)
          if (quote->bears.value_or(true)) texts.push_back(quote->text);
        answer = !mine.empty() && !mine[0]->sentence.empty() ? mine[0]->sentence : answer_of(parts[p].text, texts);
      }
      if (!answer.empty() && report_.answer.find(answer) == std::string::npos)
        report_.answer += (report_.answer.empty() ? "" : " ") + answer;
      report_.found = report_.found || !mine.empty();
    }
    for (size_t i = 0; i < mine.size(); ++i)
      if (!cited[i]) section.claims.push_back(quoted(mine[i]->quote));
    if (!section.claims.empty()) report_.sections.push_back(std::move(section));
  }
}

void Composer::add_gaps(const std::vector<SubQuestion>& parts, const std::vector<bool>& found,
                        const std::vector<std::string>& missing) {
  for (size_t p = 0; p < parts.size(); ++p)
    if (!found[p]) report_.gaps.push_back(fmt::format("Nothing that was read answers: {}", parts[p].text));
  std::string words;
  for (const std::string& word : missing) words += (words.empty() ? "" : ", ") + word;
  if (!words.empty()) report_.gaps.push_back(fmt::format("No quote holds: {}", words));
}

void Composer::add_conflicts(const std::vector<Conflict>& conflicts, const Evidence& evidence,
                             const std::vector<SubQuestion>& parts) {
  for (const Conflict& conflict : conflicts) {
    ReportConflict shown{parts.at(conflict.sub_question).text, {}};
    for (const size_t quote : conflict.quotes) shown.claims.push_back(quoted(evidence.quotes.at(quote)));
    report_.conflicts.push_back(std::move(shown));
  }
}

Report Composer::finish() {
  std::map<std::string, std::string> dates;
  for (const int64_t number : documents_) dates[library_.index().document(number).snapshot];
  if (!dates.empty()) {
    bool torn = false;
    read_warc(
        archive_,
        [&](WarcRecord&& record) {
          if (const auto found = dates.find(record.id); found != dates.end()) found->second = record.date;
          return true;
        },
        &torn);
  }
  for (size_t i = 0; i < documents_.size(); ++i) {
    const IndexedDocument indexed = library_.index().document(documents_[i]);
    const Document& document = indexed.document;
    report_.sources.push_back({static_cast<int64_t>(i) + 1, document.url, document.title, document.date,
                               library_.kind(document.url), indexed.snapshot, dates[indexed.snapshot]});
  }
  for (SearchNode& node : report_.searches)
    for (SearchNode::Page& page : node.pages)
      for (const ReportSource& source : report_.sources)
        if (source.url == page.url && page.what == "read") page.what = "evidence";
  return std::move(report_);
}

}  // namespace hadal::research
