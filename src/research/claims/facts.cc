#include "research/claims/facts.h"

#include <algorithm>
#include <array>
#include <cctype>
#include <map>

#include "base/brief.h"
#include "base/error.h"
#include "base/text.h"

namespace hadal::research {
namespace {

bool is_digit(char c) { return c >= '0' && c <= '9'; }
bool is_letter(char c) {
  return std::isalpha(static_cast<unsigned char>(c)) != 0 || static_cast<unsigned char>(c) >= 0x80;
}

// Spaces and marks of Unicode that part words although their bytes look like letters.
size_t foreign_mark(std::string_view text, size_t at) {
  const auto byte = [&](size_t i) { return at + i < text.size() ? static_cast<unsigned char>(text[at + i]) : 0u; };
  if (byte(0) == 0xC2 && byte(1) < 0xC0) return 2;  // no-break space, degree, pound
  if (byte(0) == 0xE2 && (byte(1) == 0x80 || byte(1) == 0x81 || byte(1) == 0x82 || byte(1) == 0x88)) return 3;
  if (byte(0) == 0xC3 && byte(1) == 0x97) return 2;                    // times
  if (byte(0) == 0xE3 && byte(1) == 0x80 && byte(2) < 0x84) return 3;  // ideographic marks
  return 0;
}

// A character that groups or points digits, when digits stand on both sides.
bool binds_digits(std::string_view text, size_t at) {
  const char c = text[at];
  return (c == '.' || c == ',') && at > 0 && at + 1 < text.size() && is_digit(text[at - 1]) && is_digit(text[at + 1]);
}

bool apostrophe(std::string_view text, size_t at, size_t& bytes) {
  bytes = text[at] == '\'' ? 1 : text.substr(at, 3) == "\xE2\x80\x99" ? 3 : 0;
  return bytes > 0 && at > 0 && at + bytes < text.size() && is_letter(text[at - 1]) &&
         std::isalpha(static_cast<unsigned char>(text[at + bytes])) != 0;
}

bool ends_sentence(std::string_view between) { return between.find_first_of(".?!:\n\"") != std::string_view::npos; }

const std::map<std::string, int, std::less<>>& small_numbers() {
  static const std::map<std::string, int, std::less<>> kNumbers = {
      {"zero", 0},      {"one", 1},       {"two", 2},       {"three", 3},    {"four", 4},     {"five", 5},
      {"six", 6},       {"seven", 7},     {"eight", 8},     {"nine", 9},     {"ten", 10},     {"eleven", 11},
      {"twelve", 12},   {"thirteen", 13}, {"fourteen", 14}, {"fifteen", 15}, {"sixteen", 16}, {"seventeen", 17},
      {"eighteen", 18}, {"nineteen", 19}, {"twenty", 20},   {"thirty", 30},  {"forty", 40},   {"fifty", 50},
      {"sixty", 60},    {"seventy", 70},  {"eighty", 80},   {"ninety", 90}};
  return kNumbers;
}

const std::map<std::string, int, std::less<>>& ordinals() {
  static const std::map<std::string, int, std::less<>> kOrdinals = {
      {"first", 1},      {"second", 2},       {"third", 3},       {"fourth", 4},      {"fifth", 5},
      {"sixth", 6},      {"seventh", 7},      {"eighth", 8},      {"ninth", 9},       {"tenth", 10},
      {"eleventh", 11},  {"twelfth", 12},     {"thirteenth", 13}, {"fourteenth", 14}, {"fifteenth", 15},
      {"sixteenth", 16}, {"seventeenth", 17}, {"eighteenth", 18}, {"nineteenth", 19}, {"twentieth", 20},
      {"thirtieth", 30}};
  return kOrdinals;
}

double magnitude(std::string_view word) {
  if (word == "hundred") return 1e2;
  if (word == "thousand") return 1e3;
  if (word == "million" || word == "millions" || word == "mn") return 1e6;
  if (word == "billion" || word == "billions" || word == "bn") return 1e9;
  if (word == "trillion" || word == "trillions") return 1e12;
  return 0;
}

int month(std::string_view word) {
  static constexpr std::array<std::string_view, 12> kMonths = {"january",   "february", "march",    "april",
                                                               "may",       "june",     "july",     "august",
                                                               "september", "october",  "november", "december"};
  for (size_t i = 0; i < kMonths.size(); ++i)
    if (word == kMonths[i] || (word.size() == 3 && kMonths[i].starts_with(word)) || (word == "sept" && i == 8))
      return static_cast<int>(i) + 1;
  return 0;
}

std::string plain_number(double value) {
  std::string text = fmt::format("{:.6f}", value);
  while (text.ends_with('0')) text.pop_back();
  if (text.ends_with('.')) text.pop_back();
  return text;
}

// "1,204" "58.50" "4.0" "1,5" as one spelling; others ("3.40.1") as they are.
std::string canonical(std::string text) {
  const auto commas = std::count(text.begin(), text.end(), ','), points = std::count(text.begin(), text.end(), '.');
  if (commas > 0) {
    bool groups = true;
    const std::vector<std::string> parts = split(text.substr(0, text.find('.')), ',');
    for (size_t i = 1; i < parts.size(); ++i) groups = groups && parts[i].size() == 3;
    if (groups)
      text.erase(std::remove(text.begin(), text.end(), ','), text.end());
    else if (commas == 1 && points == 0)
      text[text.find(',')] = '.';
    else
      return text;
  }
  if (points > 1) return text;
  if (text.find('.') != std::string::npos) {
    while (text.ends_with('0')) text.pop_back();
    if (text.ends_with('.')) text.pop_back();
  }
  const size_t zeros = text.find_first_not_of('0');
  if (zeros == std::string::npos) return "0";
  return text[zeros] == '.' ? text.substr(zeros - 1) : text.substr(zeros);
}

class NumberReader {
 public:
  NumberReader(std::string_view text, const std::vector<Word>& words) : text_(text), words_(words) {}

  std::vector<Number> read() {
    for (size_t i = 0; i < words_.size();) i += std::max<size_t>(1, read_at(i));
    inherit_units();
    return std::move(numbers_);
  }

 private:
  // How many words a number at word `i` takes; 0: none stands there.
  size_t read_at(size_t i) {
    const Word& word = words_[i];
    if (const int m = month(word.folded); m > 0 && is_month(i)) {
      add(fmt::format("m:{}", m), i, 1);
      return 1;
    }
    if (is_digit(word.text[0])) return read_digits(i);
    return read_words(i);
  }

  // "may", "march" and short forms are words too: they need a capital, and a number beside them or a place within the
  // sentence.
  bool is_month(size_t i) const {
    const std::string& word = words_[i].folded;
    const bool capital = std::isupper(static_cast<unsigned char>(words_[i].text[0])) != 0;
    const bool beside =
        (i > 0 && is_digit(words_[i - 1].text[0])) || (i + 1 < words_.size() && is_digit(words_[i + 1].text[0]));
    if (word == "may" || word == "march") return capital && (beside || !words_[i].starts_sentence);
    return word.size() <= 4 && word != "june" && word != "july" ? capital && beside : capital || beside;
  }

  size_t read_digits(size_t i) {
    const Word& word = words_[i];
    size_t length = 0;
    while (length < word.text.size() &&
           (is_digit(word.text[length]) || word.text[length] == ',' || word.text[length] == '.'))
      ++length;
    std::string digits = word.text.substr(0, length), rest = word.text.substr(length);
    if (iso_date(i)) return 3;
    size_t taken = 1 + (rest.empty() ? grouped_by_spaces(i, digits) : 0);
    std::string value = canonical(digits);
    if (rest == "st" || rest == "nd" || rest == "rd" || rest == "th")
      value.insert(0, "o:");
    else if (negative(word.begin))
      value.insert(0, 1, '-');
    if (rest.empty() && i + taken < words_.size()) {
      if (const double times = magnitude(words_[i + taken].folded); times > 0 && adjacent(i + taken)) {
        value = multiplied(value, times);
        ++taken;
      }
    } else if (const double times = magnitude(lower_case(rest)); times > 0) {
      value = multiplied(value, times);
    }
    add(value, i, taken, unit_beside(i, taken, rest));
    return taken;
  }

  static std::string multiplied(const std::string& value, double times) {
    return plain_number(std::strtod(value.c_str(), nullptr) * times);
  }

  bool negative(size_t begin) const {
    const bool minus = begin > 0 && text_[begin - 1] == '-',
               sign = begin > 2 && text_.substr(begin - 3, 3) == "\xE2\x88\x92";
    if (!minus && !sign) return false;
    const size_t at = begin - (sign ? 3 : 1);
    return at == 0 || text_[at - 1] == ' ' || text_[at - 1] == '(' || text_[at - 1] == '\n';
  }

  std::string_view between(size_t i) const {  // words i - 1 and i
    const size_t end = words_[i - 1].begin + words_[i - 1].text.size();
    return text_.substr(end, words_[i].begin - end);
  }
  bool adjacent(size_t i) const {
    const std::string_view gap = between(i);
    return gap == " " || gap == "-" || gap == "\xC2\xA0" || gap == "\xE2\x80\xAF" || gap == "\xE2\x80\x89" ||
           gap == "\n";
  }

  // 2010-07-21
  bool iso_date(size_t i) {
    if (i + 2 >= words_.size() || words_[i].text.size() != 4 || words_[i + 1].text.size() != 2 ||
        words_[i + 2].text.size() != 2 || between(i + 1) != "-" || between(i + 2) != "-")
      return false;
    const auto number = [&](size_t k) { return std::atoi(words_[k].text.c_str()); };
    const int m = number(i + 1), d = number(i + 2);
    if (m < 1 || m > 12 || d < 1 || d > 31) return false;
    add(canonical(words_[i].text), i, 1);
    add(fmt::format("m:{}", m), i + 1, 1);
    add(fmt::format("{}", d), i + 2, 1);
    return true;
  }

  // "1 204 000": further words that belong to the digits.
  size_t grouped_by_spaces(size_t i, std::string& digits) const {
    if (digits.size() > 3 || digits.find_first_of(".,") != std::string::npos) return 0;
    size_t more = 0;
    for (size_t k = i + 1; k < words_.size(); ++k, ++more) {
      const std::string& next = words_[k].text;
      const std::string_view gap = between(k);
      const bool space = gap == " " || gap == "\xC2\xA0" || gap == "\xE2\x80\xAF" || gap == "\xE2\x80\x89";
      if (!space || next.size() != 3 || !std::all_of(next.begin(), next.end(), is_digit)) break;
      digits += next;
    }
    return more;
  }

  // "fifty-seven", "two hundred and five", "one trillion", "twenty-first".
  size_t read_words(size_t i) {
    double total = 0, part = 0;
    size_t k = i;
    bool any = false, small = false, tens = false;
    for (; k < words_.size(); ++k) {
      const std::string& word = words_[k].folded;
      if (k > i && !adjacent(k)) break;
      if (const auto number = small_numbers().find(word); number != small_numbers().end()) {
        if (small || (tens && number->second >= 10)) break;
        part += number->second;
        (number->second >= 20 ? tens : small) = true;
      } else if (const double times = magnitude(word); times > 0 && any) {
        (times == 1e2 ? part : total) = times == 1e2 ? part * times : total + part * times;
        if (times != 1e2) part = 0;
        small = tens = false;
      } else if (const auto ordinal = ordinals().find(word); ordinal != ordinals().end() && !small) {
        add(fmt::format("o:{}", plain_number(total + part + ordinal->second)), i, k + 1 - i);
        return k + 1 - i;
      } else if (word == "and" && any && k + 1 < words_.size() && (part >= 100 || total > 0) &&
                 small_numbers().count(words_[k + 1].folded) > 0) {
        continue;
      } else {
        break;
      }
      any = true;
    }
    if (!any) return 0;
    const std::string unit = unit_beside(i, k - i, "");
    if (k - i == 1 && words_[i].folded == "one" && unit.empty()) return 1;  // "one of them"
    add(plain_number(total + part), i, k - i, unit);
    return k - i;
  }

  std::string unit_beside(size_t i, size_t taken, const std::string& rest) const {
    if (const std::string unit = unit_of(rest); !unit.empty()) return unit;
    const size_t begin = words_[i].begin, end = words_[i + taken - 1].begin + words_[i + taken - 1].text.size();
    const std::string_view before = text_.substr(0, begin), after = text_.substr(end);
    for (const auto& [sign, unit] :
         {std::pair("$", "usd"), {"\xC2\xA3", "pound"}, {"\xE2\x82\xAC", "eur"}, {"\xC2\xA5", "yen"}})
      if (before.ends_with(sign)) return unit;
    const std::string_view tight = after.starts_with(' ')          ? after.substr(1)
                                   : after.starts_with("\xC2\xA0") ? after.substr(2)
                                                                   : after;
    if (tight.starts_with('%')) return "percent";
    if (tight.starts_with("\xC2\xB0")) return tight.size() > 2 ? unit_of(tight.substr(0, 3)) : "";
    if (i + taken < words_.size() && adjacent(i + taken)) {
      if (words_[i + taken].folded == "per" && i + taken + 1 < words_.size() && words_[i + taken + 1].folded == "cent")
        return "percent";
      return unit_of(words_[i + taken].text);
    }
    return "";
  }

  void add(std::string value, size_t word, size_t words, std::string unit = "") {
    const size_t end = words_[word + words - 1].begin + words_[word + words - 1].text.size();
    numbers_.push_back({std::move(value), std::string(text_.substr(words_[word].begin, end - words_[word].begin)),
                        std::move(unit), word, words});
  }

  // "13-30 Hz", "35 to 40 K": the unit stands behind the second one.
  void inherit_units() {
    for (size_t i = numbers_.size(); i-- > 1;) {
      Number& first = numbers_[i - 1];
      const size_t next = first.word + first.words;
      if (!first.unit.empty() || numbers_[i].unit.empty() || numbers_[i].word < next) continue;
      const bool joined = numbers_[i].word == next && between(next).find_first_of(".,;") == std::string_view::npos;
      const bool word = numbers_[i].word == next + 1 &&
                        (words_[next].folded == "to" || words_[next].folded == "and" || words_[next].folded == "or");
      if (joined || word) first.unit = numbers_[i].unit;
    }
  }

  std::string_view text_;
  const std::vector<Word>& words_;
  std::vector<Number> numbers_;
};

}  // namespace

std::vector<Word> words_of(std::string_view text) {
  std::vector<Word> words;
  size_t last_end = 0;
  for (size_t at = 0; at < text.size();) {
    if (const size_t mark = foreign_mark(text, at); mark > 0 || !(is_letter(text[at]) || is_digit(text[at]))) {
      at += std::max<size_t>(mark, 1);
      continue;
    }
    Word word;
    word.begin = at;
    for (size_t bytes = 0; at < text.size();) {
      if (foreign_mark(text, at) == 0 && (is_letter(text[at]) || is_digit(text[at]) || binds_digits(text, at))) {
        ++at;
      } else if (apostrophe(text, at, bytes)) {
        at += bytes;
      } else {
        break;
      }
    }
    word.text = std::string(text.substr(word.begin, at - word.begin));
    word.folded = lower_case(word.text);
    for (const std::string_view end : {"'s", "\xE2\x80\x99s"})
      if (word.folded.ends_with(end)) word.folded.resize(word.folded.size() - end.size());
    word.starts_sentence = words.empty() || ends_sentence(text.substr(last_end, word.begin - last_end));
    last_end = at;
    words.push_back(std::move(word));
  }
  return words;
}

std::vector<Number> numbers_of(std::string_view text, const std::vector<Word>& words) {
  return NumberReader(text, words).read();
}

std::vector<std::string> names_of(const std::vector<Word>& words) {
  std::vector<std::string> names;
  for (size_t i = 0; i < words.size(); ++i) {
    const std::string& text = words[i].text;
    const auto capitals = std::count_if(text.begin(), text.end(), [](unsigned char c) { return std::isupper(c) != 0; });
    const bool capital = std::isupper(static_cast<unsigned char>(text[0])) != 0;
    if (capitals == 0 || words[i].folded == "i" || month(words[i].folded) > 0) continue;
    if (words[i].starts_sentence && (capitals == 1 && capital)) continue;  // judged as a word
    names.push_back(words[i].folded);
  }
  return names;
}

bool is_denial(std::string_view folded) {
  static constexpr std::array<std::string_view, 12> kDenials = {
      "not", "never", "no", "none", "nor", "neither", "without", "cannot", "nobody", "nothing", "nowhere", "unable"};
  return std::find(kDenials.begin(), kDenials.end(), folded) != kDenials.end() || folded.ends_with("n't") ||
         folded.ends_with("n\xE2\x80\x99t");
}

std::string unit_of(std::string_view word) {
  struct Unit {
    std::string_view name;
    std::vector<std::string_view> spellings;  // short ones as they are, long ones in lower case
  };
  static const std::vector<Unit> kUnits = {
      {"km", {"km", "kilometre", "kilometres", "kilometer", "kilometers"}},
      {"m", {"m", "metre", "metres", "meter", "meters"}},
      {"cm", {"cm", "centimetre", "centimetres", "centimeter", "centimeters"}},
      {"mm", {"mm", "millimetre", "millimetres", "millimeter", "millimeters"}},
      {"mile", {"mi", "mile", "miles"}},
      {"foot", {"ft", "foot", "feet"}},
      {"inch", {"inch", "inches"}},
      {"yard", {"yard", "yards"}},
      {"kg", {"kg", "kilogram", "kilograms", "kilogramme", "kilogrammes"}},
      {"g", {"g", "gram", "grams"}},
      {"tonne", {"t", "ton", "tons", "tonne", "tonnes"}},
      {"litre", {"l", "litre", "litres", "liter", "liters"}},
      {"second", {"s", "sec", "second", "seconds"}},
      {"ms", {"ms", "millisecond", "milliseconds"}},
      {"minute", {"min", "minute", "minutes"}},
      {"hour", {"h", "hr", "hour", "hours"}},
      {"day", {"day", "days"}},
      {"week", {"week", "weeks"}},
      {"month", {"month", "months"}},
      {"year", {"yr", "year", "years"}},
      {"decade", {"decade", "decades"}},
      {"century", {"century", "centuries"}},
      {"percent", {"percent", "pct"}},
      {"usd", {"USD", "dollar", "dollars"}},
      {"pound", {"GBP", "lb", "lbs", "pound", "pounds"}},
      {"eur", {"EUR", "euro", "euros"}},
      {"yen", {"JPY", "yen"}},
      {"byte", {"B", "byte", "bytes"}},
      {"bit", {"bit", "bits"}},
      {"kb", {"kB", "KB", "kilobyte", "kilobytes"}},
      {"kib", {"KiB", "kibibyte", "kibibytes"}},
      {"mb", {"MB", "megabyte", "megabytes"}},
      {"mib", {"MiB", "mebibyte", "mebibytes"}},
      {"gb", {"GB", "gigabyte", "gigabytes"}},
      {"gib", {"GiB", "gibibyte", "gibibytes"}},
      {"tb", {"TB", "terabyte", "terabytes"}},
      {"hz", {"Hz", "hertz"}},
      {"khz", {"kHz", "kilohertz"}},
      {"mhz", {"MHz", "megahertz"}},
      {"ghz", {"GHz", "gigahertz"}},
      {"kelvin", {"K", "kelvin", "kelvins"}},
      {"celsius",
       {"\xC2\xB0"
        "C",
        "celsius"}},
      {"fahrenheit",
       {"\xC2\xB0"
        "F",
        "fahrenheit"}},
      {"watt", {"W", "watt", "watts"}},
      {"kw", {"kW", "kilowatt", "kilowatts"}},
      {"mw", {"MW", "megawatt", "megawatts"}},
      {"volt", {"V", "volt", "volts"}},
  };
  const std::string folded = lower_case(std::string(word));
  for (const Unit& unit : kUnits)
    for (const std::string_view spelling : unit.spellings)
      if (word == spelling || (spelling.size() > 3 && folded == spelling)) return std::string(unit.name);
  return "";
}

}  // namespace hadal::research
