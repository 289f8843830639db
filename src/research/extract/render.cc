#include "research/extract/render.h"

#include <algorithm>

#include "base/error.h"
#include "research/extract/charset.h"

namespace hadal::research {

namespace {

bool is_digit(char c) { return c >= '0' && c <= '9'; }

// 10<sup>6</sup> is not 106; a mark of a footnote stays as it is.
bool is_exponent(const Dom& dom, int32_t sup, std::string_view before) {
  if (before.empty() || !is_digit(before.back())) return false;
  std::string text;
  for (int32_t i = sup + 1; i < dom[sup].end; ++i) {
    if (dom[i].tag == Tag::a) return false;
    if (dom[i].tag == Tag::text) text += dom[i].text;
    if (text.size() > 8) return false;
  }
  text = one_line(text);
  return !text.empty() && (is_digit(text.back())) &&
         (is_digit(text[0]) || text[0] == '-' || text.starts_with("\u2212"));
}

class Renderer {
 public:
  Renderer(const Dom& dom, const std::vector<bool>& dropped) : dom_(dom), dropped_(dropped) {}

  Rendered run() {
    for (int32_t i = 0; i < dom_.size();) {
      while (!open_.empty() && i >= dom_[open_.back()].end) close();
      i = node(i);
    }
    while (!open_.empty()) close();
    flush();
    return std::move(out_);
  }

 private:
  bool is_dropped(int32_t i) const { return dropped_[static_cast<size_t>(i)]; }

  int32_t node(int32_t i) {
    const Node& n = dom_[i];
    if (n.tag == Tag::text) {
      if (!is_dropped(i)) text(n.text);
      return i + 1;
    }
    // Of what is dropped only its being a block is felt.
    if (n.tag == Tag::table && !is_dropped(i) && is_data_table(dom_, dropped_, i)) {
      table(i);
      return n.end;
    }
    if (!is_dropped(i) || is_block(n.tag)) open(i);
    return i + 1;
  }

  void text(std::string_view written) {
    std::string clean;
    append_clean(clean, written);
    if (pre_ > 0) {
      line_ += clean;
      if (!open_links_.empty()) append_collapsed(out_.links[open_links_.back()].text, clean);
      return;
    }
    append_collapsed(line_, clean);
    if (!open_links_.empty()) append_collapsed(out_.links[open_links_.back()].text, clean);
  }

  // Lines between what was written and what comes next: 1 or 2.
  void need(int lines) { need_ = std::max(need_, lines); }

  void flush() {
    while (!line_.empty() && (line_.back() == ' ' || line_.back() == '\n')) line_.pop_back();
    const size_t begin = line_.find_first_not_of('\n');
    if (line_.empty() || begin == std::string::npos) {
      line_.clear();
      return;
    }
    if (!out_.text.empty()) out_.text.append(static_cast<size_t>(std::max(need_, 1)), '\n');
    out_.text += prefix_;
    out_.text.append(line_, begin);
    prefix_.clear();
    line_.clear();
    need_ = 0;
  }

  static int lines_around(Tag tag) {
    switch (tag) {
      case Tag::li:
      case Tag::dt:
      case Tag::dd:
      case Tag::tr:
      case Tag::td:
      case Tag::th:
      case Tag::tbody:
      case Tag::thead:
      case Tag::tfoot:
        return 1;
      default:
        return 2;
    }
  }

  int lines_of(Tag tag) const { return items_ > 0 && !is_heading(tag) && tag != Tag::pre ? 1 : lines_around(tag); }

  void open(int32_t i) {
    const Tag tag = dom_[i].tag;
    if (tag == Tag::br) return line_break();
    if (is_block(tag)) {
      flush();
      need(lines_of(tag));
    }
    if (!is_dropped(i)) mark(i);
    open_.push_back(i);
  }

  void mark(int32_t i) {
    const Tag tag = dom_[i].tag;
    if (tag == Tag::li) {
      prefix_ = "- ";
      ++items_;
    }
    if (is_heading(tag)) prefix_ = std::string(static_cast<size_t>(tag) - static_cast<size_t>(Tag::h1) + 1, '#') + " ";
    if (tag == Tag::pre || tag == Tag::xmp) ++pre_;
    if (tag == Tag::sup && is_exponent(dom_, i, line_)) line_ += '^';
    if (tag == Tag::a) {
      const std::string_view href = dom_.attribute(i, "href");
      if (!href.empty() && open_links_.empty()) {
        open_links_.push_back(out_.links.size());
        out_.links.push_back({std::string(href), ""});
      }
    }
  }

  void close() {
    const int32_t i = open_.back();
    open_.pop_back();
    const Tag tag = dom_[i].tag;
    if (is_block(tag)) flush();
    if (!is_dropped(i)) {
      if (tag == Tag::li) --items_;
      if (is_heading(tag) || tag == Tag::li) prefix_.clear();
      if (tag == Tag::pre || tag == Tag::xmp) --pre_;
      if (tag == Tag::a && !open_links_.empty() && !dom_.attribute(i, "href").empty()) open_links_.pop_back();
    }
    if (is_block(tag)) need(lines_of(tag));
  }

  void line_break() {
    if (pre_ > 0) {
      line_ += '\n';
      return;
    }
    const bool second = line_.empty();
    flush();
    need(second ? 2 : 1);
  }

  void table(int32_t i) {
    flush();
    need(2);
    for (int32_t k = i + 1; k < dom_[i].end; ++k) {
      if (dom_[k].tag == Tag::caption && !is_dropped(k)) {
        line_ = inline_text(dom_, dropped_, k);
        flush();
        need(1);
      }
      const std::string_view href = dom_[k].tag == Tag::a && !is_dropped(k) ? dom_.attribute(k, "href") : "";
      if (!href.empty()) out_.links.push_back({std::string(href), inline_text(dom_, dropped_, k)});
    }
    std::vector<bool> keyed;
    Table table = read_table(dom_, dropped_, i, &keyed);
    for (size_t r = 0; r < table.rows.size(); ++r) {
      const auto& row = table.rows[r];
      line_ = keyed[r] && !row[0].empty() ? fmt::format("{}: {}", row[0], row[1]) : row_text(table.head, row);
      flush();
      need(1);
    }
    need(2);
    if (!table.rows.empty()) out_.tables.push_back(std::move(table));
  }

  const Dom& dom_;
  const std::vector<bool>& dropped_;
  Rendered out_;
  std::string line_, prefix_;
  int need_ = 0, pre_ = 0, items_ = 0;
  std::vector<int32_t> open_;
  std::vector<size_t> open_links_;
};

}  // namespace

std::string inline_text(const Dom& dom, const std::vector<bool>& dropped, int32_t node) {
  std::string text, clean;
  for (int32_t i = node; i < dom[node].end; ++i) {
    const Tag tag = dom[i].tag;
    if (dropped[static_cast<size_t>(i)]) continue;
    if (tag == Tag::sup && is_exponent(dom, i, text)) text += '^';
    if (tag == Tag::br || is_block(tag)) append_collapsed(text, " ");
    if (tag != Tag::text) continue;
    clean.clear();
    append_clean(clean, dom[i].text);
    append_collapsed(text, clean);
    // The end of a block parts words too.
    int32_t end = i, parent = dom[i].parent;
    while (parent >= node && dom[parent].end == end + 1 && !is_block(dom[parent].tag))
      end = dom[parent].end - 1, parent = dom[parent].parent;
    if (parent >= node && dom[parent].end == end + 1) append_collapsed(text, " ");
  }
  while (!text.empty() && text.back() == ' ') text.pop_back();
  return text;
}

Rendered render(const Dom& dom, const std::vector<bool>& dropped) {
  Rendered rendered = Renderer(dom, dropped).run();
  for (Link& link : rendered.links)
    while (!link.text.empty() && link.text.back() == ' ') link.text.pop_back();
  return rendered;
}

}  // namespace hadal::research
