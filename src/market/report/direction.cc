#include "market/report/direction.h"

#include <initializer_list>

#include "market/report/number_words.h"

namespace hadal::market {
namespace {

constexpr int kFarWords = 6, kNearWords = 5, kBehindWords = 5, kNegationWords = 4, kMostTokens = 24;
constexpr int kMoveWords = 8, kMoveNounWords = 3, kRangeTokens = 8;

class DirectionReader {
 public:
  DirectionReader(const TokenText& text, const std::vector<Mention>& mentions) : t_(text), mentions_(mentions) {}

  std::vector<Direction> read() {
    std::vector<Direction> all;
    read_ranges();
    Side inherited;
    for (size_t k = 0; k < mentions_.size(); ++k) {
      Side before = before_number(k);
      if (before.sign == 0 && k > 0 && is_joined_to_last(k)) before = inherited;
      inherited = before;
      all.push_back(join(k, before, behind_number(k)));
    }
    return all;
  }

 private:
  struct Side {
    int sign = 0;
    Use use = Use::noun;
    bool next = false;     // stands next to the number
    bool negated = false;  // by a word before it
  };

  // ---- Where a clause ends

  bool is_word(size_t i) const { return t_.is(i, Kind::word); }
  bool ends_clause(size_t i) const {
    if (t_.is(i, Kind::line)) return true;
    if (t_.is(i, "-")) return t_.tokens[i].space && !t_.joined(i + 1);
    return is_one_of({".", ";", ":", "!", "?", ",", "(", ")", "\"", "|"}, t_.of(i));
  }
  static bool joins_clauses(std::string_view word) {
    return is_one_of({"and", "but", "while", "whereas", "then", "although", "though", "which", "when"}, word);
  }
  static bool leads_away(std::string_view word) {  // what stands behind is about something else
    return joins_clauses(word) ||
           is_one_of({"or", "to", "from", "after", "before", "with", "that", "as", "than"}, word);
  }

  // A part of another word: stop-loss, non-negative. Not so behind a number: a 5%-loss.
  bool is_compound(size_t i) const {
    const bool before = t_.is(i - 1, "-") && i > 1 && t_.joined(i) && t_.joined(i - 1) && is_word(i - 2);
    const bool behind = t_.is(i + 1, "-") && t_.joined(i + 1) && t_.joined(i + 2) && is_word(i + 2);
    return (i > 0 && before) || behind;
  }

  // "gave up", "give back" turn the word around.
  std::optional<Sense> sense_at(size_t i) const {
    if (!is_word(i) || is_compound(i)) return std::nullopt;
    const auto sense = sense_word(t_.of(i));
    const bool gives = i > 0 && is_one_of({"gave", "give", "gives", "giving", "given"}, t_.of(i - 1));
    if (gives && is_one_of({"up", "back"}, t_.of(i))) return Sense{-1, Use::verb};
    return sense;
  }

  // A negation in the clause, up to some words before token `i`.
  bool is_negated(size_t i, int words) const {
    for (int tokens = 0; i > 0 && tokens < kMostTokens && words > 0; ++tokens) {
      --i;
      if (ends_clause(i) || joins_clauses(t_.of(i))) return false;
      if (!is_word(i)) continue;
      if (is_negation(t_.of(i)) || (t_.is(i, "t") && t_.is(i - 1, "'"))) return true;
      --words;
    }
    return false;
  }

  // ---- The two sides of a number

  Side before_number(size_t k) const {
    const size_t first = mentions_[k].first, stop = k > 0 ? mentions_[k - 1].next : 0;
    size_t i = first;
    int words = 0;
    for (int tokens = 0; i > stop && tokens < kMostTokens && words <= kFarWords; ++tokens) {
      --i;
      if (!leads_to_number(i, words) && (ends_clause(i) || joins_clauses(t_.of(i)))) break;
      if (!is_word(i)) continue;
      if (const auto sense = sense_at(i); sense && is_reached(*sense, words))
        return {turned(i, *sense), sense->use, words == 0, is_negated(i, kNegationWords)};
      ++words;
    }
    return {};
  }
  // "a loss (5%)", "a loss: 5%", "a loss - 5%"
  bool leads_to_number(size_t i, int words) const {
    return words == 0 && (t_.is(i, "(") || t_.is(i, ":") || t_.is(i, "-"));
  }
  static bool is_reached(const Sense& sense, int words) {
    return sense.use == Use::near ? words <= kNearWords : sense.use != Use::behind;
  }
  // "reduced the profit by" is a loss, "increased the loss by" too.
  int turned(size_t i, const Sense& sense) const {
    if (sense.use != Use::noun || i < 2 || !is_one_of({"the", "its", "a", "this", "that", "their"}, t_.of(i - 1)))
      return sense.sign;
    const auto verb = sense_at(i - 2);
    return verb && verb->use == Use::motion ? verb->sign * sense.sign : sense.sign;
  }

  Side behind_number(size_t k) const {
    if (const Side apposed = apposed_to(mentions_[k].next); apposed.sign != 0) return apposed;
    const size_t stop = k + 1 < mentions_.size() ? mentions_[k + 1].first : t_.size();
    int words = 0;
    bool was = false;  // "5% of it was lost"
    for (size_t i = mentions_[k].next; i < stop && words < kBehindWords; ++i) {
      if (ends_clause(i) || leads_away(t_.of(i))) break;
      if (!is_word(i)) continue;
      if (const auto sense = sense_at(i); sense && (was || is_reached_behind(i, *sense, words)))
        return {sense->sign, sense->use, words == 0, is_negated(i, kNegationWords)};
      was = was || is_one_of({"was", "were", "is", "are", "been", "be", "had", "got"}, t_.of(i));
      ++words;
    }
    return {};
  }
  bool is_reached_behind(size_t i, const Sense& sense, int words) const {
    if (sense.use == Use::motion)
      return words == 0 && is_one_of({"increase", "rise", "fall", "drop", "decline"}, t_.of(i));
    return words < 2 || (words == 2 && sense.use == Use::behind);  // "5% in the red"
  }
  // "5% (a loss)", "5%, a loss."
  Side apposed_to(size_t i) const {
    if (!t_.is(i, "(") && !t_.is(i, ",")) return {};
    if (++i; is_one_of({"a", "an"}, t_.of(i))) ++i;
    const auto sense = sense_at(i);
    const bool ends = i + 1 >= t_.size() || ends_clause(i + 1);
    return sense && ends ? Side{sense->sign, sense->use, true, false} : Side{};
  }

  // "and", "(", "," alone stand between this number and the one before it.
  bool is_joined_to_last(size_t k) const {
    const size_t begin = mentions_[k - 1].next, end = mentions_[k].first;
    if (end < begin || end - begin > 4) return false;
    for (size_t i = begin; i < end; ++i)
      if (!is_one_of({"and", "or", "to", "then", "by", "(", ",", "-", "about", "some", "another", "$", "+", "*"},
                     t_.of(i)))
        return false;
    return true;
  }

  // The word that leads to a number, past "about" and its like; behind all tokens where there is none.
  size_t lead(size_t k) const {
    size_t i = mentions_[k].first;
    for (int tokens = 0; i > 0 && tokens < 4; ++tokens) {
      --i;
      if (!is_one_of({"about", "around", "nearly", "almost", "just", "only", "some", "$", "-", "+", "*", "a", "an"},
                     t_.of(i)))
        return i;
    }
    return t_.size();
  }
  // "fell to 5%", "up to 5%", "rose from 5%": a level, no change.
  bool is_level(size_t k) const { return is_one_of({"to", "from", "at", "than"}, t_.of(lead(k))); }
  // "not 5%", "not even by 5%"
  bool is_denied(size_t k) const {
    size_t i = mentions_[k].first;
    for (int tokens = 0; i > 0 && tokens < 4; ++tokens) {
      --i;
      if (is_one_of({"not", "never", "neither", "nor", "cannot"}, t_.of(i))) return true;
      if (t_.is(i, "t") && i > 0 && t_.is(i - 1, "'")) return true;
      if (!is_one_of({"by", "even", "just", "quite", "about", "exactly", "really", "the", "a", "an", "in", "at", "-",
                      "be", "equal", "only", "$", "*"},
                     t_.of(i)))
        return false;
    }
    return false;
  }

  // ---- Ranges: "rose from 3 to 5", "fell to 3 from 5"

  enum class Range : uint8_t { none, agrees, against };

  void read_ranges() {
    ranges_.assign(mentions_.size(), Range::none);
    for (size_t k = 0; k < mentions_.size(); ++k) {
      const size_t end = other_end(k), at = lead(k);
      if (end == k) continue;
      const Side move = move_before(at);
      if (move.sign == 0) continue;
      const bool agrees = !move.negated && (t_.is(at, "from") ? moves(k, end, move.sign) : moves(end, k, move.sign));
      ranges_[k] = ranges_[end] = agrees ? Range::agrees : Range::against;
      k = end;
    }
  }

  // Of the range that begins at number `k`, past a date: "from 3 in May to 5 in June". `k`: it begins none.
  size_t other_end(size_t k) const {
    const bool from = t_.is(lead(k), "from");
    if (k + 1 == mentions_.size() || (!from && !t_.is(lead(k), "to"))) return k;
    const std::string_view other = from ? "to" : "from";
    size_t end = k + 1;
    if (mentions_[end].has_date() && end + 1 < mentions_.size() && !t_.is(lead(end), other)) ++end;
    const Mention &a = mentions_[k], &b = mentions_[end];
    const bool dates = from ? a.has_date() && b.has_date() : a.has_date() || b.has_date();
    if (!a.is_number || !b.is_number || dates || !t_.is(lead(end), other)) return k;
    if (lead(end) < a.next || lead(end) - a.next > kRangeTokens) return k;
    for (size_t i = a.next; i < lead(end); ++i)
      if (ends_clause(i) || joins_clauses(t_.of(i))) return k;
    return !from && other_end(end) > end ? k : end;  // "fell to 4 in an interval from 3 to 5"
  }

  // Two numbers below zero may be meant by their size: "the drawdown rose from -3% to -5%".
  bool moves(size_t from, size_t to, int sign) const {
    const Mention &a = mentions_[from], &b = mentions_[to];
    const auto level = [](const Mention& m) {
      return (m.sign < 0 ? -1 : 1) * m.value / (m.over > 0 ? m.over : 1) / m.scale;
    };
    return (a.sign < 0 && b.sign < 0) || (level(b) - level(a)) * sign > 0;
  }

  // The word that says where the range goes, in the clause before token `i`; "rose, from", "rose (from" are one.
  Side move_before(size_t i) const {
    int words = 0;
    if (i > 0 && (t_.is(i - 1, ",") || t_.is(i - 1, "("))) --i;
    for (int tokens = 0; i > 0 && tokens < kMostTokens && words <= kMoveWords; ++tokens) {
      --i;
      const std::string_view word = t_.of(i);
      if (ends_clause(i) || (leads_away(word) && word != "to" && word != "from")) break;
      if (!is_word(i)) continue;
      if (const int sign = move_at(i, words); sign != 0)
        return {sign, Use::motion, false, is_negated(i, kNegationWords)};
      ++words;
    }
    return {};
  }
  int move_at(size_t i, int words) const {
    const auto sense = sense_at(i);
    if (!sense || is_one_of({"improved", "improves", "worsened", "added"}, t_.of(i))) return 0;
    switch (sense->use) {
      case Use::motion:
        return sense->sign;
      case Use::near:
        return t_.is(i + 1, "to") ? 0 : sense->sign;
      case Use::verb:  // "lost from 3 to 5%" says no move
        return words == 0 && sense->sign > 0 ? 1 : 0;
      case Use::noun:
        return is_move_noun(i, words) ? sense->sign : 0;
      case Use::behind:
        return 0;
    }
    return 0;
  }
  // "a fall from", "a rise of the equity from"; but "reduced the growth from"
  bool is_move_noun(size_t i, int words) const {
    if (!is_one_of({"increase", "increases", "rise", "growth", "rally", "gain", "decline", "declines", "drop", "drops",
                    "fall", "falls", "decrease", "decreases", "slump", "crash", "dip"},
                   t_.of(i)))
      return false;
    const auto verb = i > 1 ? sense_at(i - 2) : std::nullopt;
    if (verb && verb->use == Use::motion) return false;
    return words == 0 || (words <= kMoveNounWords && is_one_of({"of", "in"}, t_.of(i + 1)));
  }

  Direction join(size_t k, Side before, const Side& behind) const {
    const bool moves = before.use == Use::motion || before.use == Use::near;
    const bool is_end = ranges_[k] != Range::none && before.use == Use::noun;  // "a fall from 5 to 3"
    if (before.sign != 0 && ((moves && is_level(k)) || is_end)) before = {};
    Direction d;
    d.against = ranges_[k] == Range::against;
    const auto take = [&](const Side& side) {
      d.gain = d.gain || side.sign > 0, d.loss = d.loss || side.sign < 0;
      d.negated = d.negated || (side.sign != 0 && side.negated);
    };
    take(before);
    if (before.sign == 0 || behind.next) take(behind);
    d.negated = d.negated || is_denied(k);
    return d;
  }

  const TokenText& t_;
  const std::vector<Mention>& mentions_;
  std::vector<Range> ranges_;  // of each mention
};

}  // namespace

std::vector<Direction> directions_of(const TokenText& text, const std::vector<Mention>& mentions) {
  return DirectionReader(text, mentions).read();
}

}  // namespace hadal::market
