// A CSV file with a header, read whole: rows of text by named columns. Every mistake is an Error that names the file,
// the line, the column, what was expected and what was found.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "base/files.h"

namespace hadal::cluster {

class TableFile {
 public:
  // `columns` must stand in the header, in any order; more are kept beside them. At least one row is expected.
  TableFile(const Path& path, const std::vector<std::string>& columns);

  size_t num_rows() const { return lines_.size(); }
  size_t num_columns() const { return header_.size(); }
  const std::string& column_name(size_t column) const { return header_[column]; }
  size_t column(std::string_view name) const;  // of those that must be there

  const std::string& text(size_t row, size_t column) const;
  double number(size_t row, size_t column, bool or_nan = false) const;  // finite
  double number_above(size_t row, size_t column, double least) const;
  int64_t whole(size_t row, size_t column, int64_t least, int64_t most) const;
  [[noreturn]] void fail_at(size_t row, size_t column, std::string_view expected) const;
  std::string where(size_t row) const;  // "jobs.csv: line 3"

 private:
  Path path_;
  std::vector<std::string> header_;
  std::vector<std::vector<std::string>> rows_;
  std::vector<int64_t> lines_;
};

}  // namespace hadal::cluster
