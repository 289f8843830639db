#include "research/extract/names.h"

#include <algorithm>
#include <unordered_set>

#include "base/error.h"
#include "base/text.h"

namespace hadal::research {

namespace {

using WordSet = std::unordered_set<std::string_view>;

const WordSet kClutter = {"ad",
                          "ads",
                          "adsbygoogle",
                          "adslot",
                          "adunit",
                          "advert",
                          "advertisement",
                          "advertising",
                          "sponsor",
                          "sponsored",
                          "promo",
                          "promos",
                          "promotion",
                          "promoted",
                          "partner",
                          "affiliate",
                          "outbrain",
                          "taboola",
                          "zergnet",
                          "revcontent",
                          "related",
                          "recommend",
                          "recommended",
                          "recommendation",
                          "recommendations",
                          "recirc",
                          "recirculation",
                          "trending",
                          "popular",
                          "teaser",
                          "teasers",
                          "readmore",
                          "morefrom",
                          "alsolike",
                          "share",
                          "sharing",
                          "shares",
                          "sharebar",
                          "sharedaddy",
                          "addthis",
                          "addtoany",
                          "social",
                          "socials",
                          "follow",
                          "followus",
                          "newsletter",
                          "newsletters",
                          "signup",
                          "subscribe",
                          "subscription",
                          "optin",
                          "paywall",
                          "donate",
                          "donation",
                          "breadcrumb",
                          "breadcrumbs",
                          "pagination",
                          "pager",
                          "nav",
                          "navbar",
                          "navigation",
                          "menu",
                          "menus",
                          "skip",
                          "skiplink",
                          "footer",
                          "foot",
                          "masthead",
                          "sidebar",
                          "widget",
                          "widgets",
                          "toolbar",
                          "topbar",
                          "navlist",
                          "cookie",
                          "cookies",
                          "consent",
                          "gdpr",
                          "popup",
                          "modal",
                          "overlay",
                          "lightbox",
                          "toast",
                          "banner",
                          "login",
                          "signin",
                          "register",
                          "byline",
                          "bylines",
                          "dateline",
                          "timestamp",
                          "pubdate",
                          "tags",
                          "taglist",
                          "tagcloud",
                          "copyright",
                          "rating",
                          "ratings",
                          "author",
                          "authors",
                          "bio",
                          "authorbox",
                          "print",
                          "printfriendly",
                          "metadata",
                          "meta",
                          "editsection",
                          "postmeta",
                          "relatedposts",
                          "poll",
                          "quiz",
                          "noprint",
                          "catlinks"};

const WordSet kComments = {"comment", "comments", "commentlist", "commentary", "disqus",       "respond",
                           "replies", "livefyre", "comentarios", "kommentare", "commentaires", "spotim"};
const WordSet kCaption = {"caption", "captions", "figcaption", "credit", "credits", "attribution"};
const WordSet kNotClutter = {"embed", "embedded", "tweet", "quote", "pullquote"};

const WordSet kBodyNames = {"articlebody",    "article-body",  "article__body",   "article-content", "article__content",
                            "articlecontent", "article-text",  "articletext",     "entry-content",   "entrycontent",
                            "post-content",   "postcontent",   "post-body",       "postbody",        "story-body",
                            "storybody",      "story-content", "storycontent",    "news-body",       "newsbody",
                            "content-body",   "body-content",  "entry-body",      "post-entry",      "postentry",
                            "single-content", "text-content",  "td-post-content", "article_body",    "article_content",
                            "post_content",   "story_body",    "body-copy",       "bodycopy",        "mw-parser-output",
                            "rich-text",      "richtext",      "blog-content",    "article-main",    "mw-content-text"};

bool is_clutter_tag(Tag tag) {
  switch (tag) {
    case Tag::nav:
    case Tag::aside:
    case Tag::footer:
    case Tag::form:
    case Tag::menu:
    case Tag::dialog:
    case Tag::fieldset:
    case Tag::label:
    case Tag::address:
      return true;
    default:
      return false;
  }
}

const WordSet kClutterRoles = {"navigation", "complementary", "contentinfo", "banner", "search",
                               "dialog",     "alertdialog",   "alert",       "menu",   "menubar",
                               "toolbar",    "tablist",       "form",        "note"};

std::string letters_only(std::string_view text) {
  std::string folded;
  for (const char c : lower_case(std::string(text))) {
    const auto u = static_cast<unsigned char>(c);
    if ((c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || u >= 0x80) {
      folded += c;
    } else if (!folded.empty() && folded.back() != ' ') {
      folded += ' ';
    }
  }
  while (!folded.empty() && folded.back() == ' ') folded.pop_back();
  return folded;
}

}  // namespace

Names names_of(const Dom& dom, int32_t i) {
  Names names;
  const Tag tag = dom[i].tag;
  names.clutter = is_clutter_tag(tag) || kClutterRoles.contains(dom.attribute(i, "role"));
  names.caption = tag == Tag::figcaption;
  names.body = names.is_body = dom.attribute(i, "itemprop") == "articleBody";
  bool kept = false;
  for (const char* attribute : {"class", "id"}) {
    const std::string_view value = dom.attribute(i, attribute).substr(0, 512);
    if (value.empty()) continue;
    for (const std::string& one : split(lower_case(std::string(value)), ' '))
      names.body = names.body || kBodyNames.contains(one);
    for (const std::string& word : name_words(value)) {
      names.clutter = names.clutter || kClutter.contains(word);
      names.comments = names.comments || kComments.contains(word);
      names.caption = names.caption || kCaption.contains(word);
      kept = kept || kNotClutter.contains(word);
    }
  }
  if (kept) names.clutter = false;
  return names;
}

bool leads_away(std::string_view text) {
  if (text.size() > 80) return false;
  static const WordSet kWhole = {"related",
                                 "related articles",
                                 "related stories",
                                 "related posts",
                                 "related content",
                                 "related news",
                                 "related links",
                                 "related topics",
                                 "related coverage",
                                 "related reading",
                                 "related video",
                                 "related videos",
                                 "read more",
                                 "read next",
                                 "read also",
                                 "also read",
                                 "more",
                                 "more stories",
                                 "more news",
                                 "more articles",
                                 "more on this",
                                 "more on this story",
                                 "more on this topic",
                                 "more like this",
                                 "up next",
                                 "next up",
                                 "next article",
                                 "next post",
                                 "previous article",
                                 "trending",
                                 "trending now",
                                 "trending stories",
                                 "most read",
                                 "most popular",
                                 "most viewed",
                                 "popular",
                                 "popular posts",
                                 "popular stories",
                                 "latest",
                                 "latest news",
                                 "latest stories",
                                 "latest posts",
                                 "top stories",
                                 "recommended",
                                 "recommended for you",
                                 "recommended stories",
                                 "recommended reading",
                                 "editors picks",
                                 "editor s picks",
                                 "comments",
                                 "comment",
                                 "leave a comment",
                                 "leave a reply",
                                 "post a comment",
                                 "add a comment",
                                 "join the conversation",
                                 "join the discussion",
                                 "discussion",
                                 "share this",
                                 "share",
                                 "share this article",
                                 "share this story",
                                 "share on",
                                 "follow us",
                                 "sign up",
                                 "subscribe",
                                 "newsletter",
                                 "newsletters",
                                 "about the author",
                                 "about author",
                                 "about the authors",
                                 "tags",
                                 "topics",
                                 "topics in this article",
                                 "advertisement",
                                 "sponsored",
                                 "sponsored content",
                                 "promoted",
                                 "promoted stories",
                                 "from around the web",
                                 "around the web",
                                 "from the web",
                                 "you may like",
                                 "you may also like",
                                 "you might like",
                                 "you might also like",
                                 "you may have missed",
                                 "see also our",
                                 "dont miss",
                                 "don t miss",
                                 "must read",
                                 "in case you missed it",
                                 "what to read next",
                                 "what others are reading",
                                 "see more",
                                 "see all",
                                 "view all",
                                 "view comments",
                                 "show comments",
                                 "filed under",
                                 "in this article",
                                 "recent posts",
                                 "recent articles",
                                 "similar articles",
                                 "similar posts",
                                 "similar stories",
                                 "other stories",
                                 "other news",
                                 "other articles",
                                 "further reading on",
                                 "voce pode gostar",
                                 "você pode gostar",
                                 "leia também",
                                 "leia mais",
                                 "veja também",
                                 "mais lidas",
                                 "relacionadas",
                                 "notícias relacionadas",
                                 "artigos relacionados",
                                 "comentários",
                                 "deixe um comentário",
                                 "te puede interesar",
                                 "también te puede interesar",
                                 "lea también",
                                 "lee también",
                                 "noticias relacionadas",
                                 "artículos relacionados",
                                 "comentarios",
                                 "deja un comentario",
                                 "más noticias",
                                 "más leídas",
                                 "temas relacionados",
                                 "etiquetas",
                                 "à lire aussi",
                                 "lire aussi",
                                 "articles similaires",
                                 "sur le même sujet",
                                 "articles liés",
                                 "commentaires",
                                 "laisser un commentaire",
                                 "les plus lus",
                                 "das könnte sie auch interessieren",
                                 "auch interessant",
                                 "mehr zum thema",
                                 "lesen sie auch",
                                 "ähnliche artikel",
                                 "kommentare",
                                 "kommentar schreiben",
                                 "meistgelesen",
                                 "leggi anche",
                                 "articoli correlati",
                                 "potrebbe interessarti",
                                 "ti potrebbe interessare",
                                 "commenti",
                                 "lees ook",
                                 "lees meer",
                                 "gerelateerd",
                                 "gerelateerde artikelen",
                                 "reacties",
                                 "czytaj także",
                                 "zobacz także",
                                 "przeczytaj także",
                                 "komentarze",
                                 "čtěte také",
                                 "související články",
                                 "diskuze",
                                 "läs mer",
                                 "läs också",
                                 "les også",
                                 "læs også",
                                 "lue myös",
                                 "читайте также",
                                 "читать также",
                                 "похожие статьи",
                                 "комментарии",
                                 "по теме",
                                 "另请参阅",
                                 "相关新闻",
                                 "相關新聞",
                                 "相关阅读",
                                 "延伸閱讀",
                                 "延伸阅读",
                                 "推荐阅读",
                                 "猜你喜欢",
                                 "関連記事",
                                 "あわせて読みたい",
                                 "おすすめ記事",
                                 "관련기사",
                                 "관련 기사",
                                 "많이 본 뉴스",
                                 "댓글"};
  const std::string folded = letters_only(text);
  if (kWhole.contains(folded)) return true;
  static constexpr std::string_view kBegins[] = {
      "related articles", "related stories", "related posts",    "you may also",     "you might also",
      "more from ",       "more in ",        "more stories",     "recommended for",  "most read",
      "most popular",     "leave a reply",   "leave a comment",  "read more on",     "sign up for",
      "subscribe to our", "follow us on",    "você pode gostar", "você também pode", "te puede interesar",
      "tagged with",      "more news from",  "latest in ",       "what to read"};
  return std::any_of(std::begin(kBegins), std::end(kBegins), [&](std::string_view b) { return folded.starts_with(b); });
}

bool is_credit_line(std::string_view text) {
  if (text.size() > 120 || text.empty()) return false;
  const std::string folded = fmt::format(" {} ", letters_only(text));
  for (const char* begin :
       {" by ",        " written by ", " posted by ",    " author ", " published ", " updated ", " last updated ",
        " posted on ", " posted ",     " publish date ", " photo ",  " photos ",    " image ",   " source ",
        " credit ",    " edited by ",  " reported by ",  " von ",    " por ",       " par "})
    if (folded.starts_with(begin)) return true;
  for (const char* inside :
       {" min read ", " minute read ", " minutes read ", " views ", " shares ", " comments ", " ago "})
    if (folded.find(inside) != std::string::npos && text.size() < 60) return true;
  // A day: mostly digits, or a year beside a month or clock, and no sentence.
  const auto digits =
      static_cast<size_t>(std::count_if(text.begin(), text.end(), [](char c) { return c >= '0' && c <= '9'; }));
  return digits >= 4 && text.size() < 70 && text.back() != '.';
}

}  // namespace hadal::research
