// Tables of a page: which hold data, and their cells.
#include <algorithm>
#include <charconv>

#include "research/extract/charset.h"
#include "research/extract/render.h"

namespace hadal::research {

namespace {

constexpr size_t kMaxColumns = 200, kMaxCells = 200'000, kMaxSpan = 1000;

struct Cell {
  std::string text;
  bool is_head = false;
};

struct Grid {
  std::vector<std::vector<Cell>> rows;
  size_t head_rows = 0;  // by <thead>
};

size_t span(std::string_view text, size_t most) {
  size_t number = 1;
  std::from_chars(text.data(), text.data() + text.size(), number);
  return std::clamp(number, size_t{1}, most);
}

bool is_cell(Tag tag) { return tag == Tag::td || tag == Tag::th; }

// Cells that reach into more rows or columns stand in each of them.
class GridReader {
 public:
  GridReader(const Dom& dom, const std::vector<bool>& dropped) : dom_(dom), dropped_(dropped) {}

  Grid read(int32_t table) {
    bool in_head = false;
    for (int32_t i = table + 1; i < dom_[table].end;) {
      const Tag tag = dom_[i].tag;
      if (tag == Tag::thead || tag == Tag::tbody || tag == Tag::tfoot) in_head = tag == Tag::thead;
      if (tag == Tag::tr) begin_row(in_head);
      if (is_cell(tag) && !grid_.rows.empty()) {
        add_cell(i);  // one that is dropped is empty, so that the others keep their columns
        i = dom_[i].end;
      } else {
        i = tag == Tag::caption ? dom_[i].end : i + 1;
      }
    }
    fill_from_above();
    return std::move(grid_);
  }

 private:
  struct Above {
    size_t rows = 0;
    Cell cell;
  };

  void begin_row(bool in_head) {
    fill_from_above();
    if (in_head && grid_.head_rows == grid_.rows.size()) ++grid_.head_rows;
    grid_.rows.emplace_back();
  }

  void fill_from_above() {
    if (grid_.rows.empty()) return;
    auto& row = grid_.rows.back();
    while (row.size() < above_.size() && above_[row.size()].rows > 0) push(above_[row.size()].cell);
  }

  void push(Cell cell) {
    auto& row = grid_.rows.back();
    if (row.size() < above_.size() && above_[row.size()].rows > 0) --above_[row.size()].rows;
    row.push_back(std::move(cell));
    ++num_cells_;
  }

  void add_cell(int32_t i) {
    fill_from_above();
    const Cell cell{inline_text(dom_, dropped_, i), dom_[i].tag == Tag::th};
    const size_t columns = span(dom_.attribute(i, "colspan"), kMaxColumns);
    const size_t rows = span(dom_.attribute(i, "rowspan"), kMaxSpan);
    for (size_t c = 0; c < columns; ++c) {
      auto& row = grid_.rows.back();
      if (row.size() >= kMaxColumns || num_cells_ >= kMaxCells) return;
      if (above_.size() <= row.size()) above_.resize(row.size() + 1);
      above_[row.size()] = {rows, cell};
      push(c == 0 || cell.is_head ? cell : Cell{});
    }
  }

  const Dom& dom_;
  const std::vector<bool>& dropped_;
  Grid grid_;
  std::vector<Above> above_;
  size_t num_cells_ = 0;
};

bool is_number_like(std::string_view text) {
  const auto digit = [](char c) { return c >= '0' && c <= '9'; };
  return std::any_of(text.begin(), text.end(), digit) && text.size() < 24;
}

bool one_text(const std::vector<Cell>& row) {
  return std::all_of(row.begin(), row.end(), [&](const Cell& c) { return c.text == row[0].text; });
}

bool is_head_row(const std::vector<Cell>& row) {
  // One head over all columns names none of them.
  if (one_text(row)) return false;
  return row.size() > 1 &&
         std::all_of(row.begin(), row.end(), [](const Cell& c) { return c.is_head || c.text.empty(); }) &&
         std::any_of(row.begin(), row.end(), [](const Cell& c) { return c.is_head && !c.text.empty(); });
}

// Without marks: the first row names columns where it has no numbers, every cell is filled with other words, and a
// column below it is one of numbers.
bool looks_like_head(const std::vector<std::vector<Cell>>& rows) {
  if (rows.size() < 3 || rows[0].size() < 2) return false;
  for (size_t c = 0; c < rows[0].size(); ++c) {
    const std::string& text = rows[0][c].text;
    if (text.empty() || text.size() > 40 || is_number_like(text)) return false;
    for (size_t other = 0; other < c; ++other)
      if (rows[0][other].text == text) return false;
  }
  for (size_t c = 0; c < rows[0].size(); ++c)
    if (std::all_of(rows.begin() + 1, rows.end(),
                    [&](const auto& row) { return c < row.size() && is_number_like(row[c].text); }))
      return true;
  return false;
}

size_t num_head_rows(const Grid& grid) {
  if (grid.head_rows > 0 && grid.head_rows < grid.rows.size() && grid.rows[0].size() > 1 && !one_text(grid.rows[0]))
    return grid.head_rows;
  size_t count = 0;
  while (count < grid.rows.size() && count < 3 && is_head_row(grid.rows[count])) ++count;
  if (count == grid.rows.size()) return 0;
  return count > 0 ? count : looks_like_head(grid.rows) ? 1 : 0;
}

}  // namespace

std::string row_text(const std::vector<std::string>& head, const std::vector<std::string>& row) {
  std::string text;
  for (size_t c = 0; c < row.size(); ++c) {
    if (row[c].empty()) continue;
    if (!text.empty()) text += "; ";
    if (c < head.size() && !head[c].empty() && head[c] != row[c]) text += head[c] + ": ";
    text += row[c];
  }
  return text;
}

bool is_data_table(const Dom& dom, const std::vector<bool>& dropped, int32_t table) {
  const std::string_view role = dom.attribute(table, "role");
  if (role == "presentation" || role == "none") return false;
  size_t rows = 0, cells = 0, letters = 0, blocks = 0;
  bool marked = false;
  for (int32_t i = table + 1; i < dom[table].end; ++i) {
    const Node& node = dom[i];
    if (node.tag == Tag::table) return false;
    if (dropped[static_cast<size_t>(i)]) continue;
    rows += node.tag == Tag::tr ? 1 : 0;
    cells += is_cell(node.tag) ? 1 : 0;
    marked = marked || node.tag == Tag::th || node.tag == Tag::caption;
    blocks += node.tag == Tag::p || node.tag == Tag::div || node.tag == Tag::pre || is_heading(node.tag) ? 1 : 0;
    if (node.tag == Tag::text) letters += count_letters(node.text);
  }
  if (rows == 0 || cells < 2 || cells == rows) return false;
  if (marked && letters < cells * 400) return true;
  return rows >= 2 && letters < cells * 120 && blocks <= cells;
}

Table read_table(const Dom& dom, const std::vector<bool>& dropped, int32_t table, std::vector<bool>* keyed) {
  const Grid grid = GridReader(dom, dropped).read(table);
  const size_t heads = num_head_rows(grid);
  Table result;
  for (size_t r = 0; r < heads; ++r)
    for (size_t c = 0; c < grid.rows[r].size(); ++c) {
      if (result.head.size() <= c) result.head.resize(c + 1);
      std::string& head = result.head[c];
      const std::string& text = grid.rows[r][c].text;
      if (text.empty() || head == text) continue;
      if (!head.empty()) head += " ";
      head += text;
    }
  for (size_t r = heads; r < grid.rows.size(); ++r) {
    std::vector<std::string> row;
    for (const Cell& cell : grid.rows[r]) row.push_back(cell.text);
    // A cell that reaches over all columns is said once.
    if (row.size() > 1 && !row[0].empty() &&
        std::all_of(row.begin(), row.end(), [&](const auto& t) { return t == row[0]; }))
      row.resize(1);
    if (std::all_of(row.begin(), row.end(), [](const std::string& t) { return t.empty(); })) continue;
    const auto& cells = grid.rows[r];
    keyed->push_back(heads == 0 && cells.size() == 2 && cells[0].is_head && !cells[1].is_head &&
                     !cells[1].text.empty());
    result.rows.push_back(std::move(row));
  }
  return result;
}

}  // namespace hadal::research
