#include "tasks/kinds/knights/answer.h"

#include <algorithm>
#include <vector>

#include "base/text.h"

namespace hadal::tasks::knights {
namespace {

class AnswerReader {
 public:
  explicit AnswerReader(std::string_view text) { split(text); }

  std::optional<Roles> read(std::string& why) const {
    Roles roles;
    for (size_t at = 0; at < parts_.size();) {
      const std::string& name = parts_[at++];
      const std::optional<bool> knight = role(at);
      if (!knight) {
        why = "another form, or neither a knight nor a knave";
        return std::nullopt;
      }
      if (!roles.emplace(name, *knight).second) {
        why = "somebody is named twice";
        return std::nullopt;
      }
      if (!skip_between(at)) {
        why = "not parted by commas, full stops or and";
        return std::nullopt;
      }
    }
    if (!roles.empty()) return roles;
    why = "nobody is named";
    return std::nullopt;
  }

 private:
  // Words in lower case, and signs by themselves.
  void split(std::string_view text) {
    constexpr std::string_view kSpaces = " \t\r\n\v\f", kBreaks = " \t\r\n\v\f,.:";
    for (size_t i = 0; i < text.size();) {
      const size_t end = std::max(std::min(text.find_first_of(kBreaks, i), text.size()), i + 1);
      if (kSpaces.find(text[i]) == std::string_view::npos)
        parts_.push_back(lower_case(std::string(text.substr(i, end - i))));
      i = end;
    }
  }

  std::string_view part(size_t at) const { return at < parts_.size() ? std::string_view(parts_[at]) : ""; }

  // "is a knight" or ": knight"; moves `at` behind it.
  std::optional<bool> role(size_t& at) const {
    if (part(at) == ":")
      at += 1;
    else if (part(at) == "is" && part(at + 1) == "a")
      at += 2;
    else
      return std::nullopt;
    const std::string_view word = part(at++);
    if (word == "knight") return true;
    if (word == "knave") return false;
    return std::nullopt;
  }

  // Commas, full stops and "and"; false where there is none before another part, or "and" is the last word.
  bool skip_between(size_t& at) const {
    const size_t begin = at;
    while (part(at) == "," || part(at) == ".") ++at;
    const bool name = part(at + 1) == ":" || (part(at + 1) == "is" && part(at + 2) == "a");  // somebody called And
    const bool word = part(at) == "and" && !name;
    if (word) ++at;
    return at < parts_.size() ? at > begin : !word;
  }

  std::vector<std::string> parts_;
};

}  // namespace

std::optional<Roles> read_roles(std::string_view answer, std::string& why) { return AnswerReader(answer).read(why); }

}  // namespace hadal::tasks::knights
