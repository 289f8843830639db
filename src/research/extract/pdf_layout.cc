// From words with places to lines, paragraphs, headings and tables.
#include <algorithm>
#include <cmath>
#include <map>
#include <set>

#include "base/error.h"
#include "research/extract/charset.h"
#include "research/extract/pdf.h"
#include "research/extract/render.h"

namespace hadal::research {

namespace {

struct Word {
  float left, right;
  std::string text;
  bool space_after;
};

struct Line {
  int page = 0;
  float left = 0, right = 0, top = 0, bottom = 0;
  std::vector<Word> words;
  std::string text;
  float height() const { return bottom - top; }
};

std::string plain(const std::string& text) {
  static constexpr std::pair<std::string_view, std::string_view> kLigatures[] = {
      {"\uFB00", "ff"},  {"\uFB01", "fi"}, {"\uFB02", "fl"}, {"\uFB03", "ffi"},
      {"\uFB04", "ffl"}, {"\uFB05", "st"}, {"\uFB06", "st"}};
  std::string out;
  append_clean(out, text);
  for (const auto& [from, to] : kLigatures)
    for (size_t i = out.find(from); i != std::string::npos; i = out.find(from, i)) out.replace(i, from.size(), to);
  std::replace(out.begin(), out.end(), '\n', ' ');
  return out;
}

// The next word stands on the same line: at its height, and not left of it.
bool goes_on(const Line& line, const PdfWord& word) {
  const float overlap = std::min(line.bottom, word.y + word.height) - std::max(line.top, word.y);
  const float gap = word.x - line.right;
  return line.page == word.page && overlap > 0.5F * std::min(line.height(), word.height) && gap > -0.5F * word.height;
}

std::vector<Line> lines_of(const PdfContent& content) {
  std::vector<Line> lines;
  for (const PdfWord& word : content.words) {
    const std::string text = plain(word.text);
    if (text.empty() || !std::isfinite(word.x + word.y + word.width + word.height)) continue;
    // A soft hyphen shows only where the line is broken; poppler has mended those within a line.
    const bool soft = word.text.ends_with("\u00AD");
    if (lines.empty() || !goes_on(lines.back(), word)) {
      lines.push_back({word.page, word.x, word.x, word.y, word.y + word.height, {}, {}});
    }
    Line& line = lines.back();
    if (!line.words.empty() && (line.words.back().space_after || word.x - line.right > 0.15F * line.height()))
      line.text += ' ';
    line.text += text;
    if (soft) line.text += "\u00AD";
    line.right = std::max(line.right, word.x + word.width);
    line.top = std::min(line.top, word.y), line.bottom = std::max(line.bottom, word.y + word.height);
    line.words.push_back({word.x, word.x + word.width, text, word.space_after});
  }
  return lines;
}

// Lines at the head or foot of pages that say the same on most, numbers aside.
void drop_running_lines(std::vector<Line>& lines, int pages) {
  if (pages < 3) return;
  std::map<std::string, std::set<int>> seen;
  std::vector<std::string> keys(lines.size());
  for (size_t i = 0; i < lines.size(); ++i) {
    const bool first = i == 0 || lines[i - 1].page != lines[i].page;
    const bool last = i + 1 == lines.size() || lines[i + 1].page != lines[i].page;
    if (!first && !last) continue;
    for (const char c : lines[i].text)
      if (c < '0' || c > '9') keys[i] += c;
    if (keys[i].empty()) keys[i].assign(1, '#');
    seen[keys[i]].insert(lines[i].page);
  }
  std::vector<Line> kept;
  for (size_t i = 0; i < lines.size(); ++i)
    if (keys[i].empty() || seen[keys[i]].size() < 3 || seen[keys[i]].size() * 5 < static_cast<size_t>(pages) * 2)
      kept.push_back(std::move(lines[i]));
  lines = std::move(kept);
}

bool is_lower(char c) { return c >= 'a' && c <= 'z'; }

class Layout {
 public:
  Layout(std::vector<Line> lines, Document& to) : lines_(std::move(lines)), to_(to) {
    std::vector<float> heights;
    for (const Line& line : lines_) heights.insert(heights.end(), line.text.size(), line.height());
    if (!heights.empty()) {
      std::nth_element(heights.begin(), heights.begin() + static_cast<ptrdiff_t>(heights.size() / 2), heights.end());
      body_ = heights[heights.size() / 2];
    }
    for (const Line& line : lines_)
      for (const Word& word : line.words)
        if (word.text.find('-') != std::string::npos) hyphened_.insert(bare(word.text));
  }

  void run(int pages) {
    for (size_t i = 0; i < lines_.size();) {
      const size_t end = table_end(i);
      if (end > i) {
        table(i, end);
        i = end;
      } else {
        line(i++);
      }
    }
    while (to_.pages.size() < static_cast<size_t>(pages)) to_.pages.push_back(to_.text.size());
  }

 private:
  static std::string bare(std::string word) {
    while (!word.empty() && std::ispunct(static_cast<unsigned char>(word.back())) != 0) word.pop_back();
    return word;
  }

  void begin_pages(int page) {
    while (to_.pages.size() <= static_cast<size_t>(page)) to_.pages.push_back(to_.text.size());
  }

  bool is_heading(const Line& line) const { return line.height() > 1.2F * body_ && line.text.size() < 200; }

  bool goes_on(size_t i) const {
    if (i == 0 || after_table_) return false;
    const Line &before = lines_[i - 1], &line = lines_[i];
    const float taller = std::max(before.height(), line.height());
    if (std::abs(before.height() - line.height()) > 0.15F * taller || is_item(line.text)) return false;
    const bool open = before.text.find_last_of(".!?:;") != before.text.size() - 1;
    if (before.page != line.page || line.top < before.top)
      return open && is_lower(line.text[0]);  // next page or column
    return line.top - before.bottom < 0.45F * taller;
  }

  static bool is_item(const std::string& text) {
    return text.starts_with("\u2022") || text.starts_with("- ") || text.starts_with("\u2013 ") ||
           text.starts_with("\u25AA");
  }

  // A word that was broken at the end of the text so far.
  bool mend(const std::string& next) {
    std::string& text = to_.text;
    if (text.ends_with("\u00AD")) {
      text.resize(text.size() - 2);
      return true;
    }
    if (text.size() < 2 || text.back() != '-' || !is_lower(text[text.size() - 2]) || !is_lower(next[0])) return false;
    const size_t begin = text.find_last_of(" \n") + 1;  // npos + 1 = 0
    if (!hyphened_.contains(bare(text.substr(begin) + next.substr(0, next.find(' '))))) text.pop_back();
    return true;
  }

  void line(size_t i) {
    const Line& line = lines_[i];
    if (goes_on(i)) {
      if (!mend(line.text)) to_.text += ' ';
    } else if (!to_.text.empty()) {
      to_.text += is_item(line.text) && !after_table_ && line.page == lines_[i - 1].page && is_item(last_block_)
                      ? "\n"
                      : "\n\n";
    }
    begin_pages(line.page);
    if (!goes_on(i)) {
      last_block_ = line.text;
      if (is_heading(line)) to_.text += "# ";
    }
    to_.text += line.text;
    after_table_ = false;
  }

  // Where words of all lines from `from` begin or end at the same place: the left edges of columns.
  static std::vector<float> columns(const std::vector<Line>& lines, size_t from, size_t end) {
    std::vector<float> shared;
    for (const Word& word : lines[from].words) {
      const bool all = std::all_of(lines.begin() + static_cast<ptrdiff_t>(from),
                                   lines.begin() + static_cast<ptrdiff_t>(end), [&](const Line& line) {
                                     return std::any_of(line.words.begin(), line.words.end(), [&](const Word& w) {
                                       return std::abs(w.left - word.left) < 2.5F;
                                     });
                                   });
      if (all) shared.push_back(word.left);
    }
    return shared;
  }

  static std::vector<std::string> cells(const Line& line, const std::vector<float>& edges) {
    std::vector<std::string> cells(edges.size());
    for (const Word& word : line.words) {
      size_t c = 0;
      while (c + 1 < edges.size() && word.left > edges[c + 1] - 3) ++c;
      if (!cells[c].empty()) cells[c] += " ";
      cells[c] += word.text;
    }
    return cells;
  }

  static bool has_digit(const std::string& text) {
    return std::any_of(text.begin(), text.end(), [](char c) { return c >= '0' && c <= '9'; });
  }

  // Behind the rows of a table that begins here, or `from`: at least three lines of few words that share columns, and
  // below the first one a column of numbers alone.
  size_t table_end(size_t from) const {
    size_t end = from;
    std::vector<float> edges;
    while (end < lines_.size() && end - from < 500 && lines_[end].page == lines_[from].page &&
           lines_[end].words.size() >= 2 && lines_[end].words.size() <= 24) {
      std::vector<float> now = columns(lines_, from, end + 1);
      if (now.size() < 2) break;
      edges = std::move(now);
      ++end;
    }
    if (end - from < 3) return from;
    for (size_t c = 1; c < edges.size(); ++c)
      if (std::all_of(lines_.begin() + static_cast<ptrdiff_t>(from) + 1, lines_.begin() + static_cast<ptrdiff_t>(end),
                      [&](const Line& line) {
                        const std::string cell = cells(line, edges)[c];
                        return has_digit(cell) && cell.size() < 20;
                      }))
        return end;
    return from;
  }

  void table(size_t from, size_t end) {
    const std::vector<float> edges = columns(lines_, from, end);
    Table table;
    std::vector<std::string> first = cells(lines_[from], edges);
    if (std::none_of(first.begin(), first.end(), has_digit)) table.head = std::move(first);
    if (!to_.text.empty()) to_.text += "\n\n";
    begin_pages(lines_[from].page);
    for (size_t i = from + (table.head.empty() ? 0 : 1); i < end; ++i) {
      table.rows.push_back(cells(lines_[i], edges));
      if (table.rows.size() > 1) to_.text += '\n';
      to_.text += row_text(table.head, table.rows.back());
    }
    to_.tables.push_back(std::move(table));
    after_table_ = true;
  }

  std::vector<Line> lines_;
  Document& to_;
  float body_ = 0;
  bool after_table_ = false;
  std::string last_block_;
  std::set<std::string> hyphened_;
};

}  // namespace

void lay_out(const PdfContent& content, Document& to) {
  std::vector<Line> lines = lines_of(content);
  size_t letters = 0;
  for (const Line& line : lines) letters += count_letters(line.text);
  if (letters == 0 || letters < 8 * static_cast<size_t>(std::max(content.pages, 1)))
    fail("PDF: expected text, found {} pages with {} letters (scanned pictures?); have it read by OCR first",
         content.pages, letters);
  drop_running_lines(lines, content.pages);
  Layout(std::move(lines), to).run(content.pages);
  // What stayed of soft hyphens stands where nothing followed.
  if (to.text.ends_with("\u00AD")) to.text.resize(to.text.size() - 2);
}

}  // namespace hadal::research
