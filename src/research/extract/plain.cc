#include "research/extract/plain.h"

#include <algorithm>

#include "base/text.h"
#include "research/extract/charset.h"
#include "research/extract/render.h"

namespace hadal::research {

namespace {

// Lines without white space at their ends, at most one empty line between two.
class Lines {
 public:
  explicit Lines(std::string& to) : to_(to) {}
  void add(std::string_view line) {
    while (!line.empty() && (line.back() == ' ' || line.back() == '\t')) line.remove_suffix(1);
    if (line.empty()) {
      empty_ = true;
      return;
    }
    if (!to_.empty()) to_ += empty_ ? "\n\n" : "\n";
    empty_ = false;
    to_ += line;
  }

 private:
  std::string& to_;
  bool empty_ = false;
};

std::vector<std::string> cells_of_pipes(std::string_view line) {
  line = trimmed(line);
  if (line.starts_with('|')) line.remove_prefix(1);
  if (line.ends_with('|')) line.remove_suffix(1);
  std::vector<std::string> cells;
  for (const std::string& cell : split(line, '|')) cells.emplace_back(trimmed(cell));
  return cells;
}

// "|---|:--:|"
bool is_rule_of_table(std::string_view line) {
  return line.find('-') != std::string_view::npos && line.find('|') != std::string_view::npos &&
         line.find_first_not_of(" \t|:-") == std::string_view::npos;
}

// What <!-- and --> hold a reader does not see.
std::string without_comments(std::string_view text) {
  std::string out;
  for (size_t i = 0; i < text.size();) {
    const size_t begin = std::min(text.find("<!--", i), text.size());
    out += text.substr(i, begin - i);
    const size_t end = begin < text.size() ? text.find("-->", begin) : std::string_view::npos;
    i = end == std::string_view::npos ? text.size() : end + 3;
  }
  return out;
}

// [words](address) and [words](address "title")
void find_links(std::string_view text, std::vector<Link>& links) {
  for (size_t at = text.find("]("); at != std::string_view::npos; at = text.find("](", at + 2)) {
    const size_t near = at > 1000 ? at - 1000 : 0;
    const size_t open = text.substr(near, at - near).rfind('[');
    const size_t close = text.substr(at, 4000).find(')');
    if (open == std::string_view::npos || close == std::string_view::npos) continue;
    const std::string_view inside = trimmed(text.substr(at + 2, close - 2));
    const std::string url(inside.substr(0, inside.find_first_of(" \t\n")));
    if (!url.empty() && !(near + open > 0 && text[near + open - 1] == '!'))  // not of a picture
      links.push_back({url, one_line(text.substr(near + open + 1, at - near - open - 1))});
  }
}

}  // namespace

void read_plain(std::string_view utf8, Document& to) {
  std::string clean;
  append_clean(clean, utf8);
  const std::vector<std::string> all = split(clean, '\n');
  Lines lines(to.text);
  for (const std::string& line : all) lines.add(line);
  // A short first line by itself is a title.
  if (to.title.empty() && all.size() > 2 && all[0].size() < 120 && trimmed(all[1]).empty()) to.title = one_line(all[0]);
}

void read_markdown(std::string_view utf8, Document& to) {
  std::string clean;
  append_clean(clean, without_comments(utf8));
  find_links(clean, to.links);
  const std::vector<std::string> all = split(clean, '\n');
  Lines lines(to.text);
  bool in_code = false;
  for (size_t i = 0; i < all.size(); ++i) {
    const std::string_view line = all[i];
    if (trimmed(line).starts_with("```") || trimmed(line).starts_with("~~~")) in_code = !in_code;
    if (!in_code && to.title.empty() && line.starts_with("# ")) to.title = one_line(line.substr(2));
    if (in_code || i + 1 >= all.size() || line.find('|') == std::string_view::npos || !is_rule_of_table(all[i + 1])) {
      lines.add(line);
      continue;
    }
    Table table{cells_of_pipes(line), {}};
    for (i += 2; i < all.size() && all[i].find('|') != std::string::npos; ++i) {
      table.rows.push_back(cells_of_pipes(all[i]));
      lines.add(row_text(table.head, table.rows.back()));
    }
    --i;
    to.tables.push_back(std::move(table));
  }
}

void read_csv(std::string_view utf8, char separator, Document& to) {
  std::string clean;
  append_clean(clean, utf8);
  if (separator == '\0') {
    const std::string_view first = std::string_view(clean).substr(0, clean.find('\n'));
    separator = ',';
    for (const char c : {';', '\t'})
      if (std::count(first.begin(), first.end(), c) > std::count(first.begin(), first.end(), separator)) separator = c;
  }
  std::vector<std::vector<std::string>> rows(1, std::vector<std::string>(1));
  bool quoted = false;
  for (size_t i = 0; i < clean.size(); ++i) {
    const char c = clean[i];
    std::string& cell = rows.back().back();
    if (quoted) {
      if (c == '"' && i + 1 < clean.size() && clean[i + 1] == '"') {
        cell += clean[++i];
      } else if (c == '"') {
        quoted = false;
      } else {
        cell += c == '\n' ? ' ' : c;
      }
    } else if (c == '"' && trimmed(cell).empty()) {
      quoted = true;
    } else if (c == separator) {
      rows.back().emplace_back();
    } else if (c == '\n') {
      rows.emplace_back(1);
    } else {
      cell += c;
    }
  }
  Table table;
  for (auto& row : rows) {
    for (std::string& cell : row) cell = std::string(trimmed(cell));
    if (std::all_of(row.begin(), row.end(), [](const std::string& cell) { return cell.empty(); })) continue;
    if (table.head.empty()) {
      table.head = std::move(row);
      continue;
    }
    if (!to.text.empty()) to.text += '\n';
    to.text += row_text(table.head, row);
    table.rows.push_back(std::move(row));
  }
  if (table.rows.empty()) {  // a head alone is the one row
    to.text = row_text({}, table.head);
    table.rows.push_back(std::move(table.head));
    table.head.clear();
  }
  to.tables.push_back(std::move(table));
}

}  // namespace hadal::research
