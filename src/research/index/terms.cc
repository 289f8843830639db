#include "research/index/terms.h"

#include <unicode/uchar.h>
#include <unicode/unorm2.h>
#include <unicode/uscript.h>
#include <unicode/utf8.h>

#include <unordered_map>
#include <unordered_set>

namespace hadal::research {
namespace {

bool is_digit(char c) { return c >= '0' && c <= '9'; }

bool is_cjk(UChar32 c) {
  if (c < 0x2E80) return false;
  UErrorCode error = U_ZERO_ERROR;
  const UScriptCode script = uscript_getScript(c, &error);
  // The mark that lengthens a vowel (ー) belongs to both kanas.
  return script == USCRIPT_HAN || script == USCRIPT_HIRAGANA || script == USCRIPT_KATAKANA ||
         script == USCRIPT_HANGUL || c == 0x30FC;
}

void append(std::string& out, UChar32 c) {
  uint8_t bytes[4];
  int32_t length = 0;
  UBool failed = false;
  U8_APPEND(bytes, length, 4, c, failed);
  if (!failed) out.append(reinterpret_cast<const char*>(bytes), static_cast<size_t>(length));
}

// Lower case, without what decomposition shows to be an accent; full-width letters become plain ones.
void append_folded(std::string& out, UChar32 c) {
  if (c < 0x80) {
    out += static_cast<char>(c >= 'A' && c <= 'Z' ? c + 32 : c);
    return;
  }
  UErrorCode error = U_ZERO_ERROR;
  static const UNormalizer2* const nfkd = unorm2_getNFKDInstance(&error);
  UChar parts[32];
  const int32_t length = nfkd == nullptr ? -1 : unorm2_getDecomposition(nfkd, c, parts, 32, &error);
  if (length < 0 || U_FAILURE(error)) {
    append(out, u_tolower(c));
    return;
  }
  for (int32_t i = 0; i < length;) {
    UChar32 part;
    U16_NEXT(parts, i, length, part);
    if (u_charType(part) == U_NON_SPACING_MARK) continue;
    if (u_isalnum(part)) append(out, u_tolower(part));
  }
}

// English forms that no suffix explains, with the word that they belong to. Left out: those that are words of their own
// as often ("found", "left", "felt").
const std::string& regular_form(const std::string& word) {
  static const std::unordered_map<std::string, std::string> kRegular = [] {
    constexpr std::string_view kForms =
        "became become begun begin began begin blew blow blown blow broke break broken break brought bring built build "
        "bought buy caught catch chose choose chosen choose came come drew draw drawn draw drove drive driven drive "
        "ate "
        "eat eaten eat fell fall fallen fall fought fight flew fly flown fly forgot forget forgotten forget froze "
        "freeze "
        "frozen freeze gave give given give went go gone go grew grow grown grow heard hear held hold kept keep knew "
        "know known know lost lose made make meant mean met meet paid pay ran run risen rise said say sang "
        "sing "
        "sank sink sunk sink sat sit saw see seen see sent send shook shake shot shoot shown show slept sleep sold "
        "sell "
        "spent spend spoke speak spoken speak stole steal stolen steal stood stand struck strike swam swim swept sweep "
        "taken take took take taught teach threw throw thrown throw told tell thought think understood understand woke "
        "wake won win wore wear worn wear wrote write written write children child men man women woman feet foot teeth "
        "tooth mice mouse geese goose ";
    std::unordered_map<std::string, std::string> forms;
    for (size_t at = 0; at < kForms.size();) {
      const size_t middle = kForms.find(' ', at), end = kForms.find(' ', middle + 1);
      forms.emplace(kForms.substr(at, middle - at), kForms.substr(middle + 1, end - middle - 1));
      at = end + 1;
    }
    return forms;
  }();
  const auto known = kRegular.find(word);
  return known == kRegular.end() ? word : known->second;
}

// Reads one run of letters and digits after another.
class Reader {
 public:
  explicit Reader(std::string_view text) : text_(text) {}

  std::vector<Term> read() {
    while (at_ < text_.size()) {
      const size_t begin = at_;
      const UChar32 c = next();
      if (is_cjk(c)) {
        at_ = begin;
        read_cjk();
      } else if (u_isalnum(c)) {
        at_ = begin;
        is_digit(text_[at_]) ? read_number() : read_word();
      }
    }
    return std::move(terms_);
  }

 private:
  UChar32 next() {
    const auto* bytes = reinterpret_cast<const uint8_t*>(text_.data());
    UChar32 c;
    U8_NEXT(bytes, at_, text_.size(), c);
    return c < 0 ? 0xFFFD : c;
  }

  void read_word() {
    Term term;
    term.begin = at_;
    while (at_ < text_.size()) {
      const size_t before = at_;
      const UChar32 c = next();
      const bool soft_hyphen = c == 0xAD;
      const bool mark = c >= 0x300 && u_charType(c) == U_NON_SPACING_MARK;
      if (!soft_hyphen && !mark && (!u_isalnum(c) || is_cjk(c))) {
        at_ = before;
        break;
      }
      if (!soft_hyphen && !mark) append_folded(term.text, c);
    }
    term.end = at_;
    add(std::move(term));
  }

  // Digits with points between them; commas only where they part thousands. Letters that follow belong to it: 3rd, 4K.
  void read_number() {
    const size_t begin = at_;
    size_t end = at_;
    const auto digits_at = [&](size_t at) {
      size_t n = 0;
      while (at + n < text_.size() && is_digit(text_[at + n])) ++n;
      return n;
    };
    std::string number;
    size_t run = digits_at(end);
    bool thousands = run <= 3, point = false;
    while (true) {
      number.append(text_.substr(end, run));
      end += run;
      if (end + 1 >= text_.size()) break;
      const size_t following = digits_at(end + 1);
      if (text_[end] == ',' && thousands && !point && following == 3) {
        run = following;
        end += 1;
      } else if (text_[end] == '.' && following > 0) {
        number += '.';
        point = true;
        run = following;
        end += 1;
      } else {
        break;
      }
    }
    at_ = end;
    if (at_ < text_.size()) {
      const size_t before = at_;
      const UChar32 c = next();
      at_ = before;
      if (!point && u_isalpha(c) && !is_cjk(c)) {  // "3c", "1st": read again as a word
        at_ = begin;
        if (number.size() == end - begin) return read_word();
        at_ = end;
      }
    }
    add({std::move(number), begin, end});
  }

  // Pairs of neighbours; a character alone stands for itself.
  void read_cjk() {
    Term last, single;
    bool paired = false;
    while (at_ < text_.size()) {
      const size_t begin = at_;
      const UChar32 c = next();
      if (!is_cjk(c)) {
        at_ = begin;
        break;
      }
      Term now{"", begin, at_};
      append_folded(now.text, c);
      if (now.text.empty()) continue;
      if (!last.text.empty()) {
        add({last.text + now.text, last.begin, now.end});
        paired = true;
      }
      last = std::move(now);
    }
    if (!paired && !last.text.empty()) add(std::move(last));
  }

  void add(Term term) {
    constexpr size_t kLongest = 64;  // bytes; a longer one is no word, and is found by its beginning
    if (term.text.size() > kLongest) {
      size_t cut = kLongest;
      while (cut > 0 && (static_cast<unsigned char>(term.text[cut]) & 0xC0) == 0x80) --cut;
      term.text.resize(cut);
    }
    if (term.text.empty()) return;
    term.text = porter_stem(regular_form(term.text));
    terms_.push_back(std::move(term));
  }

  std::string_view text_;
  size_t at_ = 0;
  std::vector<Term> terms_;
};

}  // namespace

std::vector<Term> terms_of(std::string_view text) { return Reader(text).read(); }

// Particles and endings of Japanese: a pair that holds one of these letters says little by itself.
bool has_hiragana(std::string_view term) {
  for (size_t i = 0; i + 2 < term.size(); ++i) {  // U+3041 to U+309F
    const auto a = static_cast<unsigned char>(term[i]), b = static_cast<unsigned char>(term[i + 1]);
    if (a == 0xE3 && (b == 0x81 || b == 0x82)) return static_cast<unsigned char>(term[i + 2]) <= 0x9F || b == 0x81;
  }
  return false;
}

bool is_stop_term(std::string_view term) {
  static const std::unordered_set<std::string> kStop = [] {
    constexpr std::string_view kWords =
        "a an the and or but nor so if then than that this these those there here it its he she they him his her them "
        "their our your my we you i me us is are was were be been being am do does did done doing has have had having "
        "will would shall should can could may might must of in on at by for from to with without into onto over under "
        "about as up down out off between among during per via within what which who whom whose when where why how "
        "many much long any some all both each every no not only own same such too very just also s t re ve ll d m "
        // What asks in other languages.
        "wer wann wie wo warum welche welcher welches wieviel und ist qui quand comment pourquoi combien quel quelle "
        "est "
        "quien cuando donde como cuanto cuantos cuanta cuantas "
        "когда кто что где как почему сколько какои какая какое какие кем чем был была было были "
        "什么 什麼 多少 哪里 哪裡 哪个 哪個 哪些 何时 何時 几个 幾個 怎么 怎麼 为何 為何 为什 為什 时候 時候 多久 是谁 "
        "是誰 何本 何人 何個 ";
    std::unordered_set<std::string> stems;
    for (size_t at = 0; at < kWords.size();) {
      const size_t end = kWords.find(' ', at);
      stems.insert(porter_stem(kWords.substr(at, end - at)));
      at = end + 1;
    }
    return stems;
  }();
  return kStop.contains(std::string(term)) || has_hiragana(term);
}

}  // namespace hadal::research
