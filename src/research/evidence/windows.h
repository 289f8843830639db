// Runs of sentences that could be quoted, and how well each bears on a question.
#pragma once

#include <map>
#include <memory>
#include <string>
#include <vector>

#include "research/evidence/question.h"
#include "research/index.h"

namespace hadal::research {

// What is looked for: terms with weights.
struct Wanted {
  std::map<std::string, double> weights;
  std::vector<std::string> order;  // as they stand in the question
  std::vector<std::string> question_terms;
  AnswerKind kind = AnswerKind::any;
  std::string counted = {}, part = {};  // what "how many" counts, and the question that asks it
  double total() const;
};

struct Window {
  int64_t document = 0;
  Span span;
  double score = 0;
};

// A document taken apart, as far as it was needed.
class Reading {
 public:
  explicit Reading(IndexedDocument document);
  struct Part {
    Span span;
    size_t words = 0;
    bool heading = false;
    int under = -1;  // the heading above it
  };
  const std::vector<Part>& parts() const { return parts_; }
  const std::vector<std::string>& terms(size_t part);
  std::string_view text(const Span& span) const;
  const std::vector<std::string>& title() const { return title_; }
  const IndexedDocument& document() const { return document_; }

 private:
  IndexedDocument document_;
  std::vector<Part> parts_;
  std::vector<std::unique_ptr<std::vector<std::string>>> terms_;
  std::vector<std::string> title_;
};

class Readings {
 public:
  explicit Readings(const Index& index) : index_(index) {}
  Reading& of(int64_t document);

 private:
  const Index& index_;
  std::map<int64_t, std::unique_ptr<Reading>> readings_;
};

// Windows over and around the passages, best first.
std::vector<Window> windows_around(Readings& readings, const std::vector<PassageHit>& passages, const Wanted& wanted);

// Share of the wanted weight that stands in the span, its heading or its document's title.
double coverage(Readings& readings, int64_t document, const Span& span, const Wanted& wanted);
size_t count_words(std::string_view text);

}  // namespace hadal::research
