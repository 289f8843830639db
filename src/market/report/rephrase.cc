// The memo with its paragraphs worded by a model, as far as they pass the check.
#include <algorithm>

#include "market/report.h"
#include "market/report/text.h"
#include "market/report/wording.h"
#include "market/report/words.h"

namespace hadal::market {
namespace {

// The memo's blocks, between blank lines.
std::vector<BuiltParagraph> blocks_of(const Memo& memo) {
  const std::u32string text = code_points(memo.text);
  std::vector<BuiltParagraph> blocks;
  auto binding = memo.bindings.begin();
  for (size_t begin = 0; begin < text.size();) {
    const size_t end = std::min(text.find(U"\n\n", begin), text.size());
    BuiltParagraph block{utf8(std::u32string_view(text).substr(begin, end - begin)), {}};
    while (block.text.ends_with('\n')) block.text.pop_back();
    for (; binding != memo.bindings.end() && binding->begin < end; ++binding) {
      block.bindings.push_back(*binding);
      block.bindings.back().begin -= begin, block.bindings.back().end -= begin;
    }
    if (!block.text.empty()) blocks.push_back(std::move(block));
    begin = std::min(text.find_first_not_of(U'\n', end), text.size());
  }
  return blocks;
}

bool is_paragraph(const BuiltParagraph& block) {
  return !block.text.starts_with('#') && !block.text.starts_with("- ") && !block.text.starts_with('|');
}
bool has_number(const BuiltParagraph& block) {
  return std::any_of(block.bindings.begin(), block.bindings.end(), [](const Binding& b) { return is_number(b.value); });
}

class Page {
 public:
  void add(const std::string& text, std::vector<Binding> bindings) {
    for (Binding& b : bindings) {
      b.begin += length_, b.end += length_;
      memo_.bindings.push_back(std::move(b));
    }
    memo_.text += text + "\n\n";
    length_ += code_points(text).size() + 2;
  }
  void add(Paragraph paragraph) { memo_.paragraphs.push_back(std::move(paragraph)); }
  Memo finish() {
    if (memo_.text.ends_with("\n\n")) memo_.text.pop_back();
    return std::move(memo_);
  }

 private:
  Memo memo_;
  size_t length_ = 0;
};

bool add_paragraph(Page& page, const BuiltParagraph& block, const OrderedJson& figures, const Rephrase& rephrase) {
  if (!has_number(block)) {
    page.add(block.text, block.bindings);
    page.add(Paragraph{false, "it holds no number, so nothing of another wording could be checked"});
    return false;
  }
  const std::string wording = one_paragraph(rephrase(block.text));
  WordingCheck check = check_wording(block, wording, figures);
  const bool taken = check.why.empty();
  if (taken)
    page.add(wording, std::move(check.bindings));
  else
    page.add(block.text, block.bindings), page.add("> As built: " + std::string(check.note) + ".", {});
  page.add(Paragraph{taken, check.why});
  return taken;
}

}  // namespace

Memo rephrased_memo(const OrderedJson& figures, const Rephrase& rephrase) {
  Memo built = memo_of(figures);
  Page page;
  bool any = false;
  for (const BuiltParagraph& block : blocks_of(built)) {
    if (is_paragraph(block))
      any = add_paragraph(page, block, figures, rephrase) || any;
    else
      page.add(block.text, block.bindings);
  }
  if (any) page.add("> Worded in part by a language model; every number was checked against the run.", {});
  Memo memo = page.finish();
  if (unbound_numbers(memo.text, figures).empty()) return memo;
  for (const Paragraph& p : memo.paragraphs)
    built.paragraphs.push_back({false, p.rephrased ? "the page as a whole did not verify" : p.why});
  return built;
}

}  // namespace hadal::market
