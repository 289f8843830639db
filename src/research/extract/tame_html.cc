// Cuts what makes tree builders slow: their cost grows with the depth of open elements times the number of tags, and
// with the square of a tag's attributes.
#include <algorithm>

#include "base/text.h"
#include "research/extract/dom.h"

namespace hadal::research {

namespace {

constexpr size_t kMaxDepth = 512, kMaxFormatting = 32, kMaxAttributes = 256, kMaxName = 64;
constexpr size_t kLookBack = 256;  // of open elements, for an end tag

bool is_one_of(std::string_view name, std::string_view words) {  // " a b c "
  const size_t at = words.find(name);
  return at != std::string_view::npos && words[at - 1] == ' ' && words[at + name.size()] == ' ';
}
// They close each other, or hold nothing: any number of them without end tags is not deep.
constexpr std::string_view kFlat =
    " p li dt dd tr td th tbody thead tfoot option optgroup a nobr rb rt rp rtc html head body area base br col embed "
    "frame hr img input link meta param source track wbr colgroup caption image keygen ";
constexpr std::string_view kFormatting = " b big code em font i s small strike strong tt u ";
constexpr std::string_view kRawText = " script style textarea title xmp iframe noembed noframes ";

class Tamer {
 public:
  explicit Tamer(std::string_view html) : html_(html) {}

  std::string run() {
    out_.reserve(html_.size());
    while (at_ < html_.size()) {
      const size_t tag = std::min(html_.find('<', at_), html_.size());
      out_.append(html_.substr(at_, tag - at_));
      at_ = tag;
      if (at_ < html_.size()) step();
    }
    return std::move(out_);
  }

 private:
  struct Open {
    std::string_view name;  // in the page's own letters
    bool dropped, formatting;
  };

  static bool is_letter(char c) { return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z'); }
  char peek(size_t ahead) const { return at_ + ahead < html_.size() ? html_[at_ + ahead] : '\0'; }

  void copy_to(size_t end) {
    out_.append(html_.substr(at_, end - at_));
    at_ = end;
  }

  void step() {
    if (html_.substr(at_, 4) == "<!--") {
      const size_t end = html_.find("-->", at_ + 4);
      copy_to(end == std::string_view::npos ? html_.size() : end + 3);
    } else if (peek(1) == '/' && is_letter(peek(2))) {
      end_tag();
    } else if (is_letter(peek(1))) {
      start_tag();
    } else {
      copy_to(at_ + 1);
    }
  }

  std::string_view name_at(size_t begin) const {
    size_t end = begin;
    while (end < html_.size() && !is_space(html_[end]) && html_[end] != '/' && html_[end] != '>') ++end;
    return html_.substr(begin, end - begin);
  }

  // Behind the tag whose attributes begin at `from`; `cut` gets where those that are too many begin, or npos.
  size_t tag_end(size_t from, size_t& cut) const {
    size_t i = from, count = 0;
    cut = std::string_view::npos;
    while (i < html_.size() && html_[i] != '>') {
      if (is_space(html_[i]) || html_[i] == '/') {
        ++i;
        continue;
      }
      if (++count == kMaxAttributes) cut = i;
      ++i;
      while (i < html_.size() && !is_space(html_[i]) && html_[i] != '/' && html_[i] != '>' && html_[i] != '=') ++i;
      size_t value = i;
      while (value < html_.size() && is_space(html_[value])) ++value;
      if (value >= html_.size() || html_[value] != '=') continue;
      ++value;
      while (value < html_.size() && is_space(html_[value])) ++value;
      i = value;
      if (i < html_.size() && (html_[i] == '"' || html_[i] == '\'')) {
        i = html_.find(html_[i], i + 1);
        i = i == std::string_view::npos ? html_.size() : i + 1;
      } else {
        while (i < html_.size() && !is_space(html_[i]) && html_[i] != '>') ++i;
      }
    }
    return std::min(i + 1, html_.size());
  }

  void end_tag() {
    const std::string_view written = name_at(at_ + 2);
    const std::string name = lower_case(std::string(written.substr(0, kMaxName)));
    size_t cut;
    const size_t end = tag_end(at_ + 2 + written.size(), cut);
    bool dropped = false;
    const size_t least = open_.size() - std::min(open_.size(), kLookBack);
    for (size_t i = open_.size(); i > least; --i) {
      if (lower_case(std::string(open_[i - 1].name)) != name) continue;
      dropped = open_[i - 1].dropped;
      while (open_.size() >= i) pop();
      break;
    }
    if (!dropped) out_.append("</").append(written).append(">");
    at_ = end;
  }

  void pop() {
    if (open_.back().formatting) --formatting_;
    if (open_.back().name.size() == 3 && lower_case(std::string(open_.back().name)) == "svg") --svg_;
    open_.pop_back();
  }

  void start_tag() {
    const std::string_view written = name_at(at_ + 1);
    const std::string name = lower_case(std::string(written.substr(0, kMaxName)));
    size_t cut;
    const size_t end = tag_end(at_ + 1 + written.size(), cut);
    bool dropped = written.size() > kMaxName;
    const bool closed = svg_ > 0 && end >= 2 && html_[end - 2] == '/';
    if (!is_one_of(name, kFlat) && !closed) {
      const bool formatting = is_one_of(name, kFormatting);
      dropped = dropped || open_.size() >= kMaxDepth || (formatting && formatting_ >= kMaxFormatting);
      const bool raw = is_one_of(name, kRawText) && svg_ == 0;
      if (!raw) open_.push_back({written.substr(0, kMaxName), dropped, formatting});
      if (!raw && formatting) ++formatting_;
      if (!raw && name == "svg") ++svg_;
      if (raw) return raw_text(name, end, cut);
    }
    if (!dropped) write_tag(end, cut);
    at_ = end;
  }

  void write_tag(size_t end, size_t cut) {
    if (cut == std::string_view::npos) {
      out_.append(html_.substr(at_, end - at_));
    } else {
      out_.append(html_.substr(at_, cut - at_)).append(">");
    }
  }

  // Up to its end tag, in any case of letters.
  void raw_text(const std::string& name, size_t end, size_t cut) {
    write_tag(end, cut);
    at_ = end;
    for (size_t i = html_.find("</", at_); i != std::string_view::npos; i = html_.find("</", i + 2)) {
      if (lower_case(std::string(html_.substr(i + 2, name.size()))) != name) continue;
      copy_to(i);
      return;
    }
    copy_to(html_.size());
  }

  std::string_view html_;
  std::string out_;
  size_t at_ = 0, formatting_ = 0;
  int svg_ = 0;
  std::vector<Open> open_;
};

}  // namespace

std::string tame_html(std::string_view html) { return Tamer(html).run(); }

}  // namespace hadal::research
