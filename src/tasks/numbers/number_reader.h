// Reads one number where it begins in a text that plain_math() gives.
#pragma once

#include <boost/multiprecision/cpp_int.hpp>
#include <cstddef>
#include <optional>
#include <string_view>

namespace hadal::tasks {

struct ReadNumber {
  boost::multiprecision::cpp_rational value;
  size_t end = 0;          // behind the number
  bool worked_out = true;  // false: a fraction, or a power of something else than 10
};

class NumberReader {
 public:
  explicit NumberReader(std::string_view text, int depth = 0) : text_(text), depth_(depth) {}

  // Of the number without sign that begins at i: nullopt where there is none, or it is written as no number is.
  std::optional<ReadNumber> read(size_t i) const;
  // All of the text but spaces and brackets around it, with a sign or not.
  std::optional<ReadNumber> read_all() const;
  // A sign or none, then a number, in brackets or not. Spaces may stand between them.
  std::optional<ReadNumber> read_signed(size_t i) const;

  char at(size_t i) const { return i < text_.size() ? text_[i] : '\0'; }
  size_t skip_spaces(size_t i) const;

 private:
  struct Exponent {
    bool present = false;
    std::optional<ReadNumber> result;  // none: too large, or no integer
  };
  std::optional<ReadNumber> decimal(size_t i) const;
  std::optional<ReadNumber> mixed_part(size_t i) const;
  std::optional<ReadNumber> fraction(size_t i) const;
  std::optional<ReadNumber> argument(size_t i) const;
  std::optional<ReadNumber> quotient(const ReadNumber& above) const;
  Exponent exponent(const ReadNumber& base) const;
  bool group_follows(size_t i, char separator) const;
  bool goes_on(size_t i) const;

  std::string_view text_;
  int depth_;
};

// The text without spaces, Markdown's signs, a closing full stop and brackets around it.
std::string_view without_wrapping(std::string_view text);

}  // namespace hadal::tasks
