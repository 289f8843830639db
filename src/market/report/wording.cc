#include "market/report/wording.h"

#include <algorithm>

#include "base/brief.h"
#include "base/error.h"
#include "base/text.h"
#include "market/report/text.h"
#include "market/report/verify.h"
#include "market/report/words.h"

namespace hadal::market {
namespace {

constexpr size_t kMostFigures = 64, kMoreLength = 200, kStem = 5, kShortestLabel = 4;

WordingCheck refused(std::string why, std::string_view note) { return {std::move(why), note, {}}; }

// The texts between backticks, in their order; an open one ends the list with "`".
std::vector<std::string> code_spans(const std::string& text) {
  std::vector<std::string> spans;
  for (size_t open = text.find('`'); open != text.npos;) {
    const size_t close = text.find('`', open + 1);
    if (close == text.npos) {
      spans.push_back("`");
      break;
    }
    spans.push_back(text.substr(open + 1, close - open - 1));
    open = text.find('`', close + 1);
  }
  return spans;
}

// Outside of names between backticks.
bool has_markup(const std::string& text) {
  bool in_code = false;
  for (const char c : text) {
    if (c == '`') in_code = !in_code;
    if (!in_code && std::string_view("<>[]{}|#*_~^\\&=").find(c) != std::string_view::npos) return true;
  }
  return text.find("://") != text.npos || text.find("www.") != text.npos;
}

bool ends_as_sentence(const std::string& text) {
  return text.ends_with('.') || text.ends_with('!') || text.ends_with('?') || text.ends_with(".)");
}

// The words that figures are called by, as far as the text has them, in the order of their first places.
std::vector<std::string> labels_in(const std::string& text, const std::vector<std::string>& labels) {
  const std::string small = lower_case(text);
  std::vector<std::pair<size_t, std::string>> found;
  for (const std::string& label : labels)
    if (const size_t at = small.find(label); at != small.npos) found.emplace_back(at, label);
  std::sort(found.begin(), found.end());
  std::vector<std::string> order;
  for (auto& [at, label] : found) order.push_back(std::move(label));
  return order;
}

std::vector<std::string> labels_of(const BuiltParagraph& built) {
  std::vector<std::string> labels;
  for (const Binding& binding : built.bindings)
    for (const std::string& part : split(split(binding.figure, '.').back(), '_'))
      if (part.size() >= kShortestLabel &&
          std::find(labels.begin(), labels.end(), part.substr(0, kStem)) == labels.end())
        labels.push_back(part.substr(0, kStem));
  return labels;
}

// What the numbers of the built paragraph say: the figure of their binding, or, of a word such as "one", any that fits.
struct Expected {
  std::vector<Said> said;
  FigureList allowed;
};

Expected expected_of(const BuiltParagraph& built, const OrderedJson& figures) {
  Expected expected;
  expected.said = read_said(code_points(built.text), FigureList::of_run(figures), kMostFigures);
  std::vector<Binding> allowed = built.bindings;
  for (Said& said : expected.said) {
    const auto binding = std::find_if(built.bindings.begin(), built.bindings.end(),
                                      [&](const Binding& b) { return b.begin < said.end && said.begin < b.end; });
    if (binding != built.bindings.end()) {
      said.figures = {binding->figure};
      continue;
    }
    for (const std::string& path : said.figures)
      if (const OrderedJson* figure = figure_at(figures, path)) allowed.push_back({"", 0, 0, path, *figure});
  }
  expected.allowed = FigureList::of_bindings(allowed);
  return expected;
}

// The figure of `expected` that the new number says too: the same, or one of the same value; "" where it says none.
std::string same_figure(const Said& said, const Said& expected, const OrderedJson& figures) {
  for (const std::string& path : expected.figures)
    for (const std::string& other : said.figures) {
      const OrderedJson *a = figure_at(figures, path), *b = figure_at(figures, other);
      if (path == other || (a != nullptr && b != nullptr && *a == *b)) return path;
    }
  return "";
}

Binding bound_as(std::u32string_view text, const Said& said, const std::string& path, const OrderedJson& figures) {
  const OrderedJson* figure = figure_at(figures, path);
  return {utf8(text.substr(said.begin, said.end - said.begin)), said.begin, said.end, path,
          figure ? *figure : OrderedJson()};
}

WordingCheck check_form(const BuiltParagraph& built, const std::string& wording) {
  constexpr std::string_view kForm = "the model's wording was no plain paragraph";
  if (wording.empty()) return refused("no wording came", "the model gave no wording");
  if (wording.size() > 2 * built.text.size() + kMoreLength)
    return refused(fmt::format("it has {} bytes, the built paragraph {}", wording.size(), built.text.size()),
                   "the model's wording was too long");
  if (one_line(wording) != wording) return refused("it holds control characters or is not UTF-8", kForm);
  if (code_spans(wording) != code_spans(built.text))
    return refused("the names between backticks are others, or in another order", "the model's wording changed names");
  if (has_markup(wording)) return refused("it holds marks of Markdown or HTML", kForm);
  if (!ends_as_sentence(wording)) return refused("it does not end as a sentence", kForm);
  return {};
}

WordingCheck check_numbers(const BuiltParagraph& built, const std::string& wording, const OrderedJson& figures) {
  const Expected expected = expected_of(built, figures);
  const std::u32string text = code_points(wording);
  const std::vector<Said> said = read_said(text, expected.allowed, kMostFigures);
  WordingCheck check;
  for (size_t k = 0; k < said.size(); ++k) {
    const std::string shown = brief(utf8(std::u32string_view(text).substr(said[k].begin, said[k].end - said[k].begin)));
    if (said[k].figures.empty())
      return refused(fmt::format("{} is no figure of the paragraph, or of the other sign", shown),
                     "the model's wording held a number that the paragraph does not");
    const std::string path = k < expected.said.size() ? same_figure(said[k], expected.said[k], figures) : "";
    if (path.empty())
      return refused(fmt::format("{} does not stand where it stands in the built paragraph", shown),
                     "the model's wording moved, added or left out numbers");
    if (expected.said[k].is_loss && !said[k].is_loss)
      return refused(fmt::format("{} is no longer called a loss", shown),
                     "the model's wording lost the sign of a number");
    check.bindings.push_back(bound_as(text, said[k], path, figures));
  }
  if (said.size() < expected.said.size())
    return refused(fmt::format("it says {} of {} numbers", said.size(), expected.said.size()),
                   "the model's wording moved, added or left out numbers");
  return check;
}

// Names without digits, which stand between backticks in the same order.
void bind_names(const BuiltParagraph& built, const std::string& wording, std::vector<Binding>& bindings) {
  const std::u32string text = code_points(wording);
  size_t from = 0;
  for (const Binding& name : built.bindings) {
    if (has_digit(name.text)) continue;
    const std::u32string quoted = code_points("`" + name.text + "`");
    const size_t at = text.find(quoted, from);
    if (at == text.npos) continue;
    const size_t begin = at + 1, end = at + quoted.size() - 1;
    const bool is_bound =
        std::any_of(bindings.begin(), bindings.end(), [&](const Binding& b) { return b.begin == begin; });
    if (!is_bound) bindings.push_back({name.text, begin, end, name.figure, name.value});
    from = end;
  }
  std::sort(bindings.begin(), bindings.end(), [](const Binding& a, const Binding& b) { return a.begin < b.begin; });
}

}  // namespace

std::string one_paragraph(std::string_view text) {
  std::string line;
  for (const char c : text) {
    const bool blank = c == ' ' || c == '\n' || c == '\r' || c == '\t';
    if (!blank)
      line += c;
    else if (!line.empty() && line.back() != ' ')
      line += ' ';
  }
  if (line.ends_with(' ')) line.pop_back();
  return line;
}

WordingCheck check_wording(const BuiltParagraph& built, const std::string& wording, const OrderedJson& figures) {
  if (WordingCheck form = check_form(built, wording); !form.why.empty()) return form;
  WordingCheck numbers = check_numbers(built, wording, figures);
  if (!numbers.why.empty()) return numbers;
  const std::vector<std::string> labels = labels_in(built.text, labels_of(built));
  std::string listed;
  for (const std::string& label : labels) listed += (listed.empty() ? "" : ", ") + label;
  if (labels_in(wording, labels) != labels)
    return refused(fmt::format("what the numbers are called is not in its order: {}", listed),
                   "the model's wording moved or left out what numbers are called");
  bind_names(built, wording, numbers.bindings);
  return numbers;
}

}  // namespace hadal::market
