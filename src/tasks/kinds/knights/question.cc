#include "tasks/kinds/knights/question.h"

#include <fmt/format.h>

#include <array>
#include <cctype>
#include <optional>

#include "tasks/kinds/wording.h"

namespace hadal::tasks::knights {
namespace {

using Kind = Claim::Kind;
using Pattern = std::string_view;

constexpr double kMadeUpShare = 0.15;  // of the intros, sayings and closings trained on

// The last quarter of each list is held out (tasks/kinds/wording.h); what stands twice is drawn twice as often.
constexpr Pattern kIntros[] = {
    "On an island live knights, who always tell the truth, and knaves, who always lie. You meet {names}.",
    "Knights always tell the truth[, and| and|;] knaves always lie. Here are {names}.",
    "{names} are each a knight, who tells only the truth, or a knave, who only lies.",
    "Each of {names} is either a knight or a knave. Knights [|always ]tell the truth, knaves [|always ]lie.",
    "You meet {n} people: {names}. Each is a knight (always truthful) or a knave (always lying).",
    "There are {n} islanders: {names}. Knights say what is true, knaves say what is false.",
    "Knights and knaves: {names}.",
    "A puzzle [of|about] knights and knaves, with {names}.",
    "{names} talk to you. A knight never lies, a knave always does.",
    "Here are {names}, each of them a knight or a knave.",
    "Among {names}, the knights speak the truth and the knaves lie.",
    "{n people} live here: {names}. The knights among them never lie; the others are knaves, who always lie.",
    "{n people} stand in front of you: {names}. A knight's words are always true, a knave's words always false.",
    "Everyone here is either a knight or a knave. [The first|Knights] never lie, [the others|knaves] always do. You "
    "[talk to|hear|listen to] {names}.",
    "You are on the island of knights and knaves[, where knights speak the truth and knaves lie|]. You see {names}.",
    "{names} each [make|makes] a statement. Knights' statements are true, knaves' are false.",
    "Truth-tellers are called knights and liars are called knaves. {names} are here.",
    "[Logic puzzle|Puzzle]: {names} are knights or knaves[| (knights tell the truth, knaves lie)].",
    "A traveller comes across {names}. Whoever is a knight is honest; whoever is a knave never is.",
    "In a far land everyone is a knight (honest) or a knave (dishonest). Today {names} stand before you.",
    "{n people}, {names}, are knights or knaves.",
    "Suppose that {names} are knights, who cannot lie, or knaves, who cannot tell the truth.",
    "The people of this country are of two kinds: knights, whose every word is true, and knaves, whose every word is a "
    "lie. We ask {names}.",
    "Meet {names}: {n} strangers, each a truthful knight or a lying knave."};

constexpr Pattern kSayings[] = {"{by}: \"{Claim}.\"",
                                "{by} says: \"{Claim}.\"",
                                "{by} [says|said], \"{Claim}.\"",
                                "{by}: {Claim}.",
                                "\"{Claim},\" [says {by}|{by} says].",
                                "{by} says that {claim}.",
                                "{by} [claims|says|states] that {claim}.",
                                "According to {by}, {claim}.",
                                "{by} tells us: \"{Claim}.\"",
                                "{by} [thinks|believes|holds] that {claim}.",
                                "[From {by} we hear|{by}'s words are]: \"{Claim}.\"",
                                "{by} - \"{Claim}\"",
                                "{by} [tells|told] you: '{Claim}.'",
                                "- {by} - {Claim}.",
                                "{by} [declares|insists] that {claim}.",
                                "{by} [swears|assures you] that {claim}."};

constexpr Pattern kClosings[] = {"Who is a knight and who is a knave?",
                                 "[Find out|Say|Tell me] who is a knight and who is a knave.",
                                 "Who is what?",
                                 "What is each of them?",
                                 "Which of them are knights, and which are knaves?",
                                 "For each of them, say whether they are a knight or a knave.",
                                 "[Decide|Work out|Determine] who is a knight and who is a knave.",
                                 "[What|Tell me what] is everyone?",
                                 "Who tells the truth and who lies?",
                                 "Name everyone's kind.",
                                 "Can you tell the knights from the knaves?",
                                 "Solve the puzzle."};

constexpr Pattern kKnight[] = {"{a is} a knight",
                               "{a is} a knight",
                               "{a} [|always ]tell{s} the truth",
                               "{a is} truthful",
                               "{a is} honest",
                               "{a} never lie{s}",
                               "{a is} a truth-teller",
                               "{a is} a real knight",
                               "{a} [can only tell|tell{s} only] the truth",
                               "{a is} one of the knights",
                               "{a} belong{s} to the knights",
                               "{a} say{s} only what is true"};
constexpr Pattern kKnave[] = {"{a is} a knave",
                              "{a is} a knave",
                              "{a} [|always ]lie{s}",
                              "{a is} a liar",
                              "{a is} dishonest",
                              "{a} never tell{s} the truth",
                              "{a is} lying",
                              "{a is} a real knave",
                              "{a} can only lie",
                              "{a is} one of the knaves",
                              "{a} belong{s} to the knaves",
                              "{a} say{s} only what is false"};
constexpr Pattern kNotRole[] = {"{a is} not a {role}",
                                "{a is} not one of the {role}s",
                                "{a is} not a {role} [at all|]",
                                "{a is} certainly not a {role}",
                                "{a is} never a {role}",
                                "{a is} anything but a {role}",
                                "{a is} no {role}",
                                "{a is} by no means a {role}"};
constexpr Pattern kSame[] = {"{pair} are of the same kind",
                             "{a is} of the same kind as {b}",
                             "{pair} are the same",
                             "{pair} are [alike|the same kind of person]",
                             "{a is} what {b is}",
                             "{pair} are both knights or both knaves",
                             "{pair} are equal",
                             "{pair} belong to the same kind",
                             "{a is} like {b}",
                             "{pair} are of one kind",
                             "{a is} the same sort of person as {b}",
                             "{pair} are two of a kind"};
constexpr Pattern kDiffer[] = {"{pair} are of different kinds",
                               "{pair} are not of the same kind",
                               "{pair} are [different|not the same|not alike]",
                               "{pair} are unlike",
                               "{a is} not what {b is}",
                               "{pair} are of opposite kinds",
                               "{a is} not of the kind that {b is}",
                               "{pair} are not of one kind"};
constexpr Pattern kNot[] = {"it is [not true|false] that {e}",
                            "it is not the case that {e}",
                            "it is a lie that {e}",
                            "it is wrong that {e}",
                            "it is not so that {e}",
                            "it is untrue that {e}",
                            "it would be wrong to say that {e}",
                            "nobody can truly say that {e}"};
constexpr Pattern kAnd[] = {"{e} and {f}",
                            "{e}, and {f}",
                            "{e} and also {f}",
                            "both are true: {e}; {f}",
                            "{e}[;| and,] besides, {f}",
                            "{e} while {f}",
                            "it is true that {e} and that {f}",
                            "{e}, and moreover {f}"};
constexpr Pattern kBoth[] = {
    "{pair} are both {role}s",
    "{pair} are two {role}s",
    "{pair} are {role}s",
    "both {pair} are {role}s",
};
constexpr Pattern kOr[] = {"{e} or {f}",
                           "{e}, or {f}[|, or both]",
                           "[|either ]{e} or {f}, or both",
                           "at least one of these is true: {e}; {f}",
                           "{e} and/or {f}",
                           "one or both of these are true: {e}; {f}",
                           "either {e}, or {f}, or both",
                           "at least one of the two holds: {e}; {f}",
                           "{e} or else {f}, or both",
                           "{e} or {f} (or both)",
                           "of these two at least one holds: {e}; {f}",
                           "not both of these are false: {e}; {f}"};
constexpr Pattern kIf[] = {"if {e}, then {f}",     "if {e}, then {f}",
                           "if {e}[,| then] {f}",  "{f} if {e}",
                           "{e} only if {f}",      "whenever {e}, {f}",
                           "{e} implies that {f}", "if {e} then also {f}",
                           "{f} whenever {e}",     "if it is true that {e}, it is also true that {f}",
                           "in case {e}, {f}",     "provided that {e}, {f}"};
constexpr Pattern kCount[] = {"exactly {k} of {us} {are knights}",
                              "exactly {k} of {us} {are knights}",
                              "there {are} exactly {k knights} among {us}",
                              "exactly {k} out of {us} {are knights}",
                              "just {k} of {us} {are knights}",
                              "{k} and no more of {us} {are knights}",
                              "the number of knights among {us} is {k}",
                              "of {us}, {k} and only {k} {are knights}"};
constexpr Pattern kNone[] = {
    "none of {us} is a knight",      "[none of {us} is a knight|exactly 0 of {us} are knights]",
    "there is no knight among {us}", "nobody of {us} is a knight",
    "zero of {us} are knights",      "all of {us} are knaves",
    "not one of {us} is a knight",   "among {us} there is nobody who is a knight"};
constexpr Pattern kAll[] = {"{all} of {us} are knights",
                            "each of {us} is a knight",
                            "not one of {us} is a knave",
                            "none of {us} is a knave",
                            "every single one of {us} is a knight",
                            "all of {us} tell the truth",
                            "{each} of {us} is a knight",
                            "there is no knave among {us}"};

constexpr std::array<const char*, kMaxPeople + 1> kNumbers = {"zero", "one", "two",   "three", "four",
                                                              "five", "six", "seven", "eight"};

std::string capital(std::string text) {
  text[0] = static_cast<char>(std::toupper(static_cast<unsigned char>(text[0])));
  return text;
}

class Words {
 public:
  Words(const Puzzle& puzzle, Wordings wordings, Rng& rng) : puzzle_(puzzle), wordings_(wordings), rng_(rng) {}

  std::string question() {
    const size_t n = puzzle_.people.size();
    const std::string number = kNumbers[n];
    const std::string intro = fill_pattern(
        intro_pattern(),
        {{"names", names()}, {"n", coin() ? number : std::to_string(n)}, {"n people", capital(number) + " people"}},
        rng_);
    const std::string saying = saying_pattern();
    const char between = coin() ? '\n' : ' ', around = between == '\n' || coin() ? '\n' : ' ';
    // What is told of what others say has no "I"; in the speaker's own words there may be one.
    direct_ = saying.find("{Claim}") != Pattern::npos;
    const bool first_person = direct_ && coin();
    std::string text = intro;
    for (const Statement& s : puzzle_.statements) {
      if (first_person) me_ = s.by;
      const std::string claim = plain(s.says);
      text += text.size() == intro.size() ? around : between;
      text += fill_pattern(saying, {{"by", puzzle_.people[s.by]}, {"claim", claim}, {"Claim", capital(claim)}}, rng_);
    }
    text += around;
    return text += fill_pattern(closing_pattern(), {}, rng_);
  }

 private:
  template <size_t N>
  Pattern draw(const Pattern (&patterns)[N]) {
    return draw_pattern(patterns, wordings_, rng_);
  }
  bool coin() { return rng_.below(2) == 0; }

  // Now and then, in training, made-up words stand around what matters, so that words that were never seen do no harm.
  bool made_up() { return wordings_ == Wordings::training && rng_.uniform() < kMadeUpShare; }

  std::string intro_pattern() {
    if (!made_up()) return std::string(draw(kIntros));
    std::string text = made_up_words(rng_.below(8), rng_);
    if (!text.empty()) text += coin() ? " " : ": ";
    text += "{names}";
    if (const std::string after = made_up_words(rng_.below(8), rng_); !after.empty())
      text += (coin() ? " " : ". ") + after;
    return text + ".";
  }

  std::string saying_pattern() {
    if (!made_up()) return std::string(draw(kSayings));
    const std::string words = made_up_words(1 + rng_.below(3), rng_);
    return "{by} " + words + (coin() ? ": \"{Claim}.\"" : coin() ? " that {claim}." : ", \"{Claim}.\"");
  }

  std::string closing_pattern() {
    return made_up() ? made_up_words(1 + rng_.below(8), rng_) + (coin() ? "?" : ".") : std::string(draw(kClosings));
  }

  std::string names() {
    std::string text;
    const size_t n = puzzle_.people.size();
    constexpr std::string_view kLast[] = {" and ", " and ", ", and ", ", "};
    const std::string_view last = kLast[n > 2 ? rng_.below(std::size(kLast)) : 0];
    for (size_t p = 0; p < n; ++p) {
      if (p > 0) text += p + 1 < n ? ", " : last;
      text += puzzle_.people[p];
    }
    return text;
  }

  bool is_me(size_t p) const { return me_ == p; }
  std::string subject(size_t p) const { return is_me(p) ? "I" : puzzle_.people[p]; }
  std::string subject_is(size_t p) const { return subject(p) + (is_me(p) ? " am" : " is"); }
  std::string pair(size_t a, size_t b) const {
    return is_me(a) ? subject(b) + " and I" : subject(a) + " and " + subject(b);
  }

  std::string about(Pattern pattern, const Claim& claim) {
    return fill_pattern(pattern,
                        {{"a", subject(claim.person)},
                         {"a is", subject_is(claim.person)},
                         {"s", is_me(claim.person) ? "" : "s"},
                         {"b", is_me(claim.other) ? "me" : puzzle_.people[claim.other]},
                         {"b is", subject_is(claim.other)},
                         {"pair", pair(claim.person, claim.other)},
                         {"role", claim.knight ? "knight" : "knave"}},
                        rng_);
  }

  std::string count(size_t k) {
    const size_t n = puzzle_.people.size();
    const Pattern pattern = k == 0 ? draw(kNone) : k == n && coin() ? draw(kAll) : draw(kCount);
    const std::string number = coin() ? kNumbers[k] : std::to_string(k);
    return fill_pattern(pattern,
                        {{"k", number},
                         {"k knights", number + (k == 1 ? " knight" : " knights")},
                         {"are", k == 1 ? "is" : "are"},
                         {"are knights", k == 1 ? "is a knight" : "are knights"},
                         {"all", n == 2 ? "both" : "all"},
                         {"each", n == 2 ? "each" : "every one"},
                         {"us", direct_ ? std::string("us") : std::string("the ") + kNumbers[n]}},
                        rng_);
  }

  std::string denial(const Claim& claim, bool inside) {
    const bool is = claim.kind == Kind::is;
    if ((is || claim.kind == Kind::same) && (inside || coin()))
      return about(is ? draw(kNotRole) : draw(kDiffer), claim);
    return fill_pattern(draw(kNot), {{"e", part(claim)}}, rng_);
  }

  std::string two_parts(Pattern pattern, const Claim& claim) {
    const std::string e = part(claim.parts[0]), f = part(claim.parts[1]);
    return fill_pattern(pattern, {{"e", e}, {"f", f}}, rng_);
  }

  std::string conjunction(const Claim& claim) {
    const Claim &e = claim.parts[0], &f = claim.parts[1];
    const bool alike = e.kind == Kind::is && f.kind == Kind::is && e.knight == f.knight && e.person != f.person;
    if (!alike || coin()) return two_parts(draw(kAnd), claim);
    return about(draw(kBoth), {.person = e.person, .other = f.person, .knight = e.knight});
  }

  // A claim that stands by itself, and one that is a part of another.
  std::string plain(const Claim& claim, bool inside = false) {
    switch (claim.kind) {
      case Kind::is:
        return about(claim.knight ? draw(kKnight) : draw(kKnave), claim);
      case Kind::same:
        return about(draw(kSame), claim);
      case Kind::count:
        return count(claim.count);
      case Kind::negation:
        return denial(claim.parts[0], inside);
      case Kind::conjunction:
        return conjunction(claim);
      case Kind::disjunction:
        return two_parts(draw(kOr), claim);
      case Kind::implication:
        return two_parts(draw(kIf), claim);
    }
    return "";
  }
  std::string part(const Claim& claim) {
    const bool denies = claim.kind == Kind::negation && claim.parts[0].kind != Kind::count;
    if (claim.is_simple() || (denies && claim.parts[0].is_simple())) return plain(claim, true);
    return fmt::format("({})", plain(claim));
  }

  const Puzzle& puzzle_;
  Wordings wordings_;
  Rng& rng_;
  bool direct_ = false;
  std::optional<size_t> me_;  // who says "I"
};

}  // namespace

std::string question(const Puzzle& puzzle, Wordings wordings, Rng& rng) {
  return Words(puzzle, wordings, rng).question();
}

}  // namespace hadal::tasks::knights
