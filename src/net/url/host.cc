#include "net/url/host.h"

#include <fmt/core.h>
#include <unicode/uidna.h>

#include <algorithm>
#include <array>
#include <cctype>
#include <cstdint>
#include <vector>

#include "base/error.h"
#include "base/text.h"
#include "net/url.h"

namespace hadal::net {
namespace {

constexpr size_t kMaxDomainBytes = 8192;  // Punycode takes quadratic time

bool is_digit(char c) { return c >= '0' && c <= '9'; }

int hex_value(char c) {
  if (is_digit(c)) return c - '0';
  const char small = static_cast<char>(c | 0x20);
  return small >= 'a' && small <= 'f' ? small - 'a' + 10 : -1;
}

bool is_ascii(std::string_view text) {
  return std::all_of(text.begin(), text.end(), [](char c) { return static_cast<unsigned char>(c) < 0x80; });
}

bool has_forbidden(std::string_view domain) {
  return std::any_of(domain.begin(), domain.end(), [](unsigned char c) {
    return c <= 0x20 || c == 0x7f || std::string_view("#/:<>?@[\\]^|%").find(c) != std::string_view::npos;
  });
}

// UTS 46, non-transitional. ICU checks lengths and hyphens always; the standard asks for neither.
std::optional<std::string> unicode_to_ascii(std::string domain) {
  static const UIDNA* const idna = [] {
    UErrorCode error = U_ZERO_ERROR;
    const UIDNA* opened = uidna_openUTS46(
        UIDNA_CHECK_BIDI | UIDNA_CHECK_CONTEXTJ | UIDNA_NONTRANSITIONAL_TO_ASCII | UIDNA_NONTRANSITIONAL_TO_UNICODE,
        &error);
    HADAL_CHECK(U_SUCCESS(error), "ICU's IDNA does not start");
    return opened;
  }();
  constexpr uint32_t kIgnored = UIDNA_ERROR_EMPTY_LABEL | UIDNA_ERROR_LABEL_TOO_LONG |
                                UIDNA_ERROR_DOMAIN_NAME_TOO_LONG | UIDNA_ERROR_LEADING_HYPHEN |
                                UIDNA_ERROR_TRAILING_HYPHEN | UIDNA_ERROR_HYPHEN_3_4;
  // Since Unicode 15.1 the capital sharp s is mapped to the small one; ICU 72 has it as "ss".
  for (size_t at = 0; (at = domain.find("\u1e9e", at)) != std::string::npos;) domain.replace(at, 3, "\u00df");

  std::string ascii(domain.size() * 2 + 64, '\0');
  for (;;) {
    UIDNAInfo info = UIDNA_INFO_INITIALIZER;
    UErrorCode error = U_ZERO_ERROR;
    const int32_t size = uidna_nameToASCII_UTF8(idna, domain.data(), static_cast<int32_t>(domain.size()), ascii.data(),
                                                static_cast<int32_t>(ascii.size()), &info, &error);
    const bool fits = static_cast<size_t>(size) <= ascii.size();
    ascii.resize(static_cast<size_t>(size));
    if (error == U_BUFFER_OVERFLOW_ERROR && !fits) continue;
    if (U_FAILURE(error) || (info.errors & ~kIgnored) != 0) return {};
    break;
  }
  // Punycode of nothing, or of ASCII alone, which ends with its delimiter: an error since revision 33.
  for (const std::string& label : split(ascii, '.'))
    if (label.starts_with("xn--") && label.ends_with('-')) return {};
  return ascii;
}

std::optional<std::string> domain_to_ascii(const std::string& domain) {
  std::optional<std::string> ascii;
  if (is_ascii(domain))
    ascii = lower_case(domain);  // whatever Punycode it holds
  else if (domain.size() <= kMaxDomainBytes)
    ascii = unicode_to_ascii(domain);
  if (!ascii || ascii->empty() || has_forbidden(*ascii)) return {};
  return ascii;
}

// "0x7f", "0177", "127"; none where it is no number. Values above 32 bits are all the same.
std::optional<uint64_t> ipv4_number(std::string_view text) {
  if (text.empty()) return {};
  int radix = 10;
  if (text.starts_with("0x") || text.starts_with("0X")) {
    text.remove_prefix(2);
    radix = 16;
  } else if (text.size() >= 2 && text[0] == '0') {
    text.remove_prefix(1);
    radix = 8;
  }
  uint64_t value = 0;
  for (const char c : text) {
    const int digit = hex_value(c);
    if (digit < 0 || digit >= radix) return {};
    value = std::min<uint64_t>(value * static_cast<uint64_t>(radix) + static_cast<uint64_t>(digit), uint64_t{1} << 40);
  }
  return value;
}

bool ends_in_a_number(std::string_view domain) {
  if (domain.ends_with('.')) domain.remove_suffix(1);
  const size_t dot = domain.rfind('.');
  const std::string_view last = dot == std::string_view::npos ? domain : domain.substr(dot + 1);
  return (!last.empty() && std::all_of(last.begin(), last.end(), is_digit)) || ipv4_number(last).has_value();
}

std::optional<std::string> parse_ipv4(std::string_view domain) {
  if (domain.ends_with('.')) domain.remove_suffix(1);
  const auto parts = split(domain, '.');
  if (parts.size() > 4) return {};
  uint64_t address = 0;
  for (size_t i = 0; i < parts.size(); ++i) {
    const auto number = ipv4_number(parts[i]);
    const bool last = i + 1 == parts.size();
    const uint64_t limit = last ? uint64_t{1} << (8 * (5 - parts.size())) : 256;
    if (!number || *number >= limit) return {};
    address += last ? *number : *number << (8 * (3 - i));
  }
  return fmt::format("{}.{}.{}.{}", address >> 24, address >> 16 & 255, address >> 8 & 255, address & 255);
}

// Reads an IPv6 address as the standard's steps do.
class Ipv6Parser {
 public:
  explicit Ipv6Parser(std::string_view text) : text_(text) {}

  std::optional<std::array<uint16_t, 8>> parse() {
    if (now() == ':') {
      if (at(1) != ':') return {};
      at_ += 2;
      compress_ = ++count_;
    }
    while (at_ < text_.size()) {
      if (count_ == 8) return {};
      if (now() == ':') {
        if (compress_ >= 0) return {};
        ++at_;
        compress_ = ++count_;
        continue;
      }
      const size_t begin = at_;
      unsigned value = 0;
      for (; at_ - begin < 4 && hex_value(now()) >= 0; ++at_)
        value = value * 16 + static_cast<unsigned>(hex_value(now()));
      if (now() == '.') {
        if (at_ == begin || count_ > 6) return {};
        at_ = begin;
        if (!parse_ipv4_part()) return {};
        break;
      }
      if (now() == ':') {
        if (++at_ == text_.size()) return {};
      } else if (at_ < text_.size()) {
        return {};
      }
      pieces_[static_cast<size_t>(count_++)] = static_cast<uint16_t>(value);
    }
    if (compress_ < 0 && count_ != 8) return {};
    if (compress_ >= 0)  // what came after :: moves to the end
      std::rotate(pieces_.begin() + compress_, pieces_.begin() + count_, pieces_.end());
    return pieces_;
  }

 private:
  char at(size_t ahead) const { return at_ + ahead < text_.size() ? text_[at_ + ahead] : '\0'; }
  char now() const { return at(0); }

  bool parse_ipv4_part() {
    for (int seen = 0; seen < 4; ++seen) {
      if (seen > 0 && now() != '.') return false;
      if (seen > 0) ++at_;
      if (!is_digit(now())) return false;
      int value = 0;
      for (const size_t begin = at_; is_digit(now()); ++at_) {
        if (at_ > begin && value == 0) return false;  // a leading zero
        value = value * 10 + (now() - '0');
        if (value > 255) return false;
      }
      auto& piece = pieces_[static_cast<size_t>(count_)];
      piece = static_cast<uint16_t>(piece * 256 + value);
      if (seen % 2 == 1) ++count_;
    }
    return at_ == text_.size();
  }

  std::string_view text_;
  size_t at_ = 0;
  std::array<uint16_t, 8> pieces_ = {};
  int count_ = 0, compress_ = -1;
};

// Lower case, the first of the longest runs of two and more zeros as "::".
std::string ipv6_text(const std::array<uint16_t, 8>& pieces) {
  size_t run = 8, length = 1;
  for (size_t i = 0; i < 8; ++i) {
    size_t end = i;
    while (end < 8 && pieces[end] == 0) ++end;
    if (end - i > length) run = i, length = end - i;
  }
  std::string text = "[";
  for (size_t i = 0; i < 8; ++i) {
    if (i == run) {
      text += i == 0 ? "::" : ":";
      i += length - 1;
      continue;
    }
    text += fmt::format("{:x}", pieces[i]);
    if (i < 7) text += ':';
  }
  return text + "]";
}

}  // namespace

std::optional<std::string> parse_host(std::string_view input) {
  if (input.starts_with('[')) {
    if (!input.ends_with(']')) return {};
    const auto pieces = Ipv6Parser(input.substr(1, input.size() - 2)).parse();
    if (!pieces) return {};
    return ipv6_text(*pieces);
  }
  const std::string domain = url_unescape(input);
  for (size_t at = 0, step = 0; at < domain.size(); at += step)
    if ((step = utf8_char_bytes(domain, at)) == 0) return {};
  const auto ascii = domain_to_ascii(domain);
  return ascii && ends_in_a_number(*ascii) ? parse_ipv4(*ascii) : ascii;
}

}  // namespace hadal::net
