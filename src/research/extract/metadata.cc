#include "research/extract/metadata.h"

#include <algorithm>
#include <charconv>

#include "base/error.h"
#include "base/json.h"
#include "base/text.h"
#include "research/extract/charset.h"

namespace hadal::research {

namespace {

constexpr size_t kMaxField = 500, kMaxJsonLd = 4 << 20;

std::string field(std::string_view text) {
  std::string line = one_line(text.substr(0, 8 * kMaxField));
  if (line.size() > kMaxField) {
    size_t cut = kMaxField;
    while (cut > 0 && (static_cast<unsigned char>(line[cut]) & 0xC0) == 0x80) --cut;
    line.resize(cut);
  }
  return line;
}

void take(std::string& to, std::string_view text) {
  if (to.empty()) to = field(text);
}

bool is_address(std::string_view text) {
  return text.starts_with("http:") || text.starts_with("https:") || text.starts_with("/");
}

// What the objects of JSON-LD say, those of articles first.
struct LinkedData {
  std::string headline, author, date, language, body;
};

class LinkedDataReader {
 public:
  void read(std::string_view text) {
    if (text.size() > kMaxJsonLd) return;
    try {
      walk(parse_json(text, "JSON-LD", {.mend_surrogates = true}));
    } catch (const Error&) {  // many pages' are broken; nothing depends on it
    }
  }
  LinkedData data;

 private:
  static std::string text_of(const Json& object, const char* name) {
    const auto found = object.find(name);
    return found != object.end() && found->is_string() ? found->get<std::string>() : "";
  }

  static std::string author_of(const Json& value) {
    if (value.is_string())
      return is_address(value.get_ref<const std::string&>()) ? "" : field(value.get<std::string>());
    if (value.is_object()) {
      const auto name = value.find("name");
      return name == value.end() ? "" : author_of(*name);
    }
    std::string all;
    if (value.is_array())
      for (const Json& one : value) {
        const std::string name = author_of(one);
        if (name.empty() || all.size() >= kMaxField) continue;
        if (!all.empty()) all += ", ";
        all += name;
      }
    return all;
  }

  static bool is_article(const Json& object) {
    const auto type = object.find("@type");
    if (type == object.end()) return false;
    const auto fits = [](const Json& t) {
      if (!t.is_string()) return false;
      const auto& name = t.get_ref<const std::string&>();
      return name.ends_with("Article") || name.ends_with("Posting") || name == "Report";
    };
    return type->is_array() ? std::any_of(type->begin(), type->end(), fits) : fits(*type);
  }

  void walk(const Json& value) {  // parse_json() bounds the depth
    if (value.is_object() && is_article(value)) {
      take(data.headline, text_of(value, "headline"));
      take(data.date, text_of(value, "datePublished"));
      take(data.language, text_of(value, "inLanguage"));
      if (const auto author = value.find("author"); author != value.end()) take(data.author, author_of(*author));
      if (std::string body = text_of(value, "articleBody"); body.size() > data.body.size()) data.body = std::move(body);
    }
    if (value.is_structured())
      for (const Json& part : value) walk(part);
  }
};

struct MetaTags {
  std::string title, author, date, language;
};

void read_meta(const Dom& dom, int32_t i, MetaTags& tags, std::vector<std::string>& titles) {
  std::string name;
  for (const char* attribute : {"property", "name", "itemprop", "http-equiv"})
    if (name.empty()) name = lower_case(std::string(dom.attribute(i, attribute).substr(0, 200)));
  const std::string_view content = dom.attribute(i, "content");
  if (content.empty()) return;
  for (const std::string& one : split(name, ' ')) {
    const auto is = [&](std::initializer_list<std::string_view> names) {
      return std::find(names.begin(), names.end(), one) != names.end();
    };
    if (is({"og:title", "twitter:title", "headline", "dc.title", "dcterms.title", "citation_title", "title"})) {
      take(tags.title, content);
      titles.push_back(field(content));
    }
    if (is({"author", "article:author", "dc.creator", "dcterms.creator", "citation_author", "parsely-author",
            "sailthru.author", "byl"}) &&
        !is_address(content))
      take(tags.author, content);
    if (is({"article:published_time", "og:published_time", "datepublished", "date", "pubdate", "publishdate",
            "publish-date", "dc.date", "dc.date.issued", "dcterms.date", "dcterms.issued", "citation_publication_date",
            "citation_date", "parsely-pub-date", "sailthru.date", "article.published", "published",
            "publication_date"}))
      if (tags.date.empty()) tags.date = date_of(content);
    if (is({"content-language", "og:locale", "language", "dc.language"})) take(tags.language, content);
  }
}

// "en", "en-US" of "en_us" and the like; "" for what is no language tag.
std::string language_of(std::string_view text) {
  std::string tag;
  for (const std::string& part : split(std::string(text.substr(0, 35)), text.find('_') != text.npos ? '_' : '-')) {
    const bool letters = !part.empty() && part.size() <= 8 && std::all_of(part.begin(), part.end(), [](char c) {
      return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9');
    });
    if (!letters || (tag.empty() && (part.size() < 2 || part.size() > 3))) return tag;
    if (tag.empty()) {
      tag = lower_case(part);
    } else {
      tag.append("-").append(part);
    }
  }
  return tag;
}

// The page's own heading, where its <title> holds it beside the site's name.
std::string heading_in_title(const Dom& dom, const std::vector<bool>& unseen, const std::string& title) {
  for (const Tag tag : {Tag::h1, Tag::h2})
    for (int32_t i = 0; i < dom.size(); ++i) {
      if (dom[i].tag != tag || unseen[static_cast<size_t>(i)]) continue;
      const std::string text = field(dom.all_text(i));
      if (text.size() > 8 && title.find(text) != std::string::npos) return text;
    }
  return {};
}

std::string time_of(const Dom& dom, const std::vector<bool>& unseen) {
  std::string first;
  for (int32_t i = 0; i < dom.size(); ++i) {
    const std::string_view property = dom.attribute(i, "itemprop");
    const bool marked = property == "datePublished" || dom.has_attribute(i, "pubdate");
    if (!marked && dom[i].tag != Tag::time) continue;
    std::string date;
    for (const char* attribute : {"datetime", "content", "title"})
      if (date.empty()) date = date_of(dom.attribute(i, attribute));
    if (date.empty() && !unseen[static_cast<size_t>(i)] && dom[i].end - i < 20)
      date = date_of(one_line(dom.all_text(i)));
    if (marked && !date.empty()) return date;
    if (first.empty()) first = date;
  }
  return first;
}

std::string author_in_page(const Dom& dom, const std::vector<bool>& unseen) {
  for (int32_t i = 0; i < dom.size(); ++i) {
    const bool marked = dom.attribute(i, "rel") == "author" || dom.attribute(i, "itemprop") == "author" ||
                        (dom[i].tag == Tag::a && dom.attribute(i, "class") == "author");
    if (!marked || unseen[static_cast<size_t>(i)] || dom[i].end - i > 40) continue;
    std::string name = field(dom.all_text(i));
    if (name.size() > 2 && name.size() < 100) return name;
  }
  return {};
}

}  // namespace

Metadata read_metadata(const Dom& dom, const std::vector<bool>& unseen) {
  Metadata metadata;
  LinkedDataReader linked;
  MetaTags tags;
  std::string title, language;
  for (int32_t i = 0; i < dom.size(); ++i) {
    const Tag tag = dom[i].tag;
    if (tag == Tag::title) take(title, dom.all_text(i));
    if (tag == Tag::meta) read_meta(dom, i, tags, metadata.titles);
    if (tag == Tag::base && metadata.base.empty()) metadata.base = dom.attribute(i, "href");
    if (tag == Tag::html) {
      take(language, dom.attribute(i, "lang"));
      take(language, dom.attribute(i, "xml:lang"));
    }
    if (tag == Tag::link && has_word(dom.attribute(i, "rel"), "canonical") && metadata.canonical.empty())
      metadata.canonical = dom.attribute(i, "href");
    if (tag == Tag::script &&
        lower_case(std::string(dom.attribute(i, "type").substr(0, 40))).starts_with("application/ld+json"))
      linked.read(dom.all_text(i));
  }
  const LinkedData& data = linked.data;
  take(metadata.title, tags.title);
  take(metadata.title, data.headline);
  take(metadata.title, heading_in_title(dom, unseen, title));
  take(metadata.title, title);
  for (int32_t i = 0; i < dom.size() && metadata.title.empty(); ++i)
    if (dom[i].tag == Tag::h1 && !unseen[static_cast<size_t>(i)]) take(metadata.title, dom.all_text(i));
  metadata.titles.insert(metadata.titles.end(), {title, data.headline});
  take(metadata.author, data.author);
  take(metadata.author, tags.author);
  take(metadata.author, author_in_page(dom, unseen));
  metadata.date = date_of(data.date);
  if (metadata.date.empty()) metadata.date = tags.date;
  if (metadata.date.empty()) metadata.date = time_of(dom, unseen);
  for (const std::string& said : {language, data.language, tags.language})
    if (metadata.language.empty()) metadata.language = language_of(said);
  metadata.article_body = data.body;
  return metadata;
}

namespace {

struct Words {
  explicit Words(std::string_view text) {
    for (size_t i = 0; i < text.size() && parts.size() < 6;) {
      const auto is = [&](size_t k, bool digit) {
        const char c = text[k];
        const bool d = c >= '0' && c <= '9';
        return digit ? d : (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
      };
      const bool digit = is(i, true);
      if (!digit && !is(i, false)) {
        ++i;
        continue;
      }
      const size_t begin = i;
      while (i < text.size() && is(i, digit)) ++i;
      parts.push_back(lower_case(std::string(text.substr(begin, i - begin))));
    }
  }
  std::vector<std::string> parts;
};

int month_of(const std::string& word) {
  static constexpr const char* kMonths[] = {"jan", "feb", "mar", "apr", "may", "jun",
                                            "jul", "aug", "sep", "oct", "nov", "dec"};
  for (int m = 0; m < 12; ++m)
    if (word.size() >= 3 && word.compare(0, 3, kMonths[m]) == 0) return m + 1;
  return 0;
}

int number_of(const std::string& word) {
  int number = 0;
  const auto [end, error] = std::from_chars(word.data(), word.data() + word.size(), number);
  return error == std::errc() && end == word.data() + word.size() ? number : 0;
}

std::string written(int year, int month, int day) {
  static constexpr int kDays[] = {31, 29, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31};
  if (year < 1000 || year > 2200) return {};
  if (month < 1 || month > 12) return fmt::format("{}", year);
  if (day < 1 || day > kDays[month - 1]) return fmt::format("{}-{:02}", year, month);
  return fmt::format("{}-{:02}-{:02}", year, month, day);
}

}  // namespace

std::string date_of(std::string_view text) {
  const std::vector<std::string> parts = Words(text.substr(0, 100)).parts;
  if (parts.empty()) return {};
  if (parts[0].size() == 8 && number_of(parts[0]) > 0) {
    const int all = number_of(parts[0]);
    return written(all / 10'000, all / 100 % 100, all % 100);
  }
  if (parts[0].size() == 4 && number_of(parts[0]) > 0)
    return written(number_of(parts[0]), parts.size() > 1 && parts[1].size() <= 2 ? number_of(parts[1]) : 0,
                   parts.size() > 2 && parts[2].size() <= 2 ? number_of(parts[2]) : 0);
  for (size_t i = 0; i < parts.size(); ++i) {
    const int month = month_of(parts[i]);
    if (month == 0) continue;
    const auto number = [&](size_t k) { return k < parts.size() ? number_of(parts[k]) : 0; };
    if (number(i + 1) > 31) return written(number(i + 1), month, i > 0 ? number(i - 1) : 0);
    const size_t year = i + 2 < parts.size() && number(i + 2) == 0 ? i + 3 : i + 2;  // "May 31st, 2024"
    if (number(year) > 31) return written(number(year), month, number(i + 1));
  }
  return {};
}

}  // namespace hadal::research
