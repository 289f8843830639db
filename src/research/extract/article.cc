#include "research/extract/article.h"

#include <algorithm>
#include <array>
#include <string_view>
#include <unordered_set>

#include "base/text.h"
#include "research/extract/charset.h"

namespace hadal::research {

namespace {

constexpr size_t kProse = 80;  // letters of a block that may be a paragraph

size_t at(int32_t i) { return static_cast<size_t>(i); }

// What classes, ids and the like say of an element, by the words that the web uses.
struct Names {
  bool clutter = false, content = false, comment = false;
};

bool is_in(const std::string& word, std::initializer_list<std::string_view> words) {
  return std::find(words.begin(), words.end(), word) != words.end();
}

Names names_of(const Dom& dom, int32_t i) {
  Names names;
  for (const char* attribute : {"class", "id"}) {
    const std::vector<std::string> words = name_words(dom.attribute(i, attribute));
    for (const std::string& w : words) {
      names.comment = names.comment || is_in(w, {"comment", "comments", "commentlist", "disqus", "respond", "replies", "discussion"});
      names.clutter = names.clutter ||
                      is_in(w, {"related",   "recommended", "recommendations", "recommendation", "recirc",    "outbrain",
                                "taboola",   "share",       "sharing",         "sharebar",       "addthis",   "addtoany",
                                "social",    "newsletter",  "signup",          "subscribe",      "promo",     "promotion",
                                "advert",    "advertisement", "ad",            "ads",            "adsbygoogle", "sponsor",
                                "sponsored", "breadcrumb",  "breadcrumbs",     "pagination",     "pager",     "nav",
                                "navbar",    "navigation",  "menu",            "footer",         "sidebar",   "widget",
                                "cookie",    "cookies",     "consent",         "gdpr",           "popup",     "modal",
                                "overlay",   "lightbox",    "toolbar",         "login",          "signin",    "byline",
                                "tags",      "copyright",   "rating",          "teaser",         "trending",  "popular",
                                "masthead",  "author",      "authors",         "bio",            "jp"});
      names.content = names.content || is_in(w, {"article", "body", "content", "entry", "post", "story", "text", "main"});
    }
  }
  return names;
}

bool is_clutter_tag(const Dom& dom, int32_t i) {
  switch (dom[i].tag) {
    case Tag::nav: case Tag::aside: case Tag::footer: case Tag::form: case Tag::menu: case Tag::dialog:
    case Tag::fieldset: case Tag::label:
      return true;
    default: {
      const std::string_view role = dom.attribute(i, "role");
      for (const char* r : {"navigation", "complementary", "contentinfo", "banner", "search", "dialog", "alert", "menu", "toolbar"})
        if (role == r) return true;
      return false;
    }
  }
}

class Finder {
 public:
  Finder(const Dom& dom, std::string_view hint, std::vector<bool>& dropped)
      : dom_(dom), dropped_(dropped), hint_(hint), own_(dom.nodes().size()), all_(dom.nodes().size()) {}

  void run() {
    measure();
    drop_clutter();
    measure();
    const int32_t root = find_root();
    for (int32_t i = 0; i < dom_.size(); ++i)
      if (i < root || i >= dom_[root].end) dropped_[at(i)] = true;
    drop_inside(root);
  }

 private:
  struct Mass {
    size_t letters = 0, links = 0, prose = 0;
  };

  // Letters of each block by itself and of each subtree.
  void measure() {
    std::fill(own_.begin(), own_.end(), Mass());
    std::fill(all_.begin(), all_.end(), Mass());
    std::vector<int32_t> block(own_.size(), 0);
    std::vector<bool> in_link(own_.size());
    for (int32_t i = 0; i < dom_.size(); ++i) {
      const int32_t parent = dom_[i].parent;
      const bool inherits = parent >= 0 && !is_block(dom_[i].tag);
      block[at(i)] = inherits ? block[at(parent)] : i;
      in_link[at(i)] = dom_[i].tag == Tag::a || (parent >= 0 && in_link[at(parent)]);
      if (dom_[i].tag != Tag::text || dropped_[at(i)]) continue;
      const size_t letters = count_letters(dom_[i].text);
      Mass& mass = own_[at(block[at(i)])];
      mass.letters += letters;
      if (in_link[at(i)]) mass.links += letters;
    }
    for (int32_t i = dom_.size() - 1; i >= 0; --i) {
      Mass& mass = own_[at(i)];
      mass.prose = is_prose(mass) ? mass.letters - mass.links : 0;
      Mass& sum = all_[at(i)];
      sum.letters += mass.letters, sum.links += mass.links, sum.prose += mass.prose;
      if (dom_[i].parent < 0) continue;
      Mass& up = all_[at(dom_[i].parent)];
      up.letters += sum.letters, up.links += sum.links, up.prose += sum.prose;
    }
  }

  static bool is_prose(const Mass& m) { return m.letters >= kProse && m.links * 2 < m.letters; }

  void drop(int32_t i) { std::fill(dropped_.begin() + i, dropped_.begin() + dom_[i].end, true); }

  void drop_clutter() {
    const size_t total = all_[0].prose;
    for (int32_t i = 0; i < dom_.size(); ++i) {
      const Tag tag = dom_[i].tag;
      if (tag == Tag::text || tag == Tag::html || tag == Tag::body || tag == Tag::main || tag == Tag::article) continue;
      if (dropped_[at(i)]) continue;
      const Names names = names_of(dom_, i);
      const bool much = all_[at(i)].prose * 5 > total * 2;
      if (names.comment || ((is_clutter_tag(dom_, i) || names.clutter) && !much)) {
        if (names.comment && all_[at(i)].prose * 10 > total * 9) continue;
        drop(i);
        i = dom_[i].end - 1;
      }
    }
  }

  // The deepest element that holds most of the prose.
  int32_t find_root() const {
    int32_t root = 0;
    for (;;) {
      int32_t best = -1;
      for (int32_t child = root + 1; child < dom_[root].end; child = dom_[child].end)
        if (all_[at(child)].prose * 10 >= all_[at(root)].prose * 7 && all_[at(child)].prose > 0 && is_block(dom_[child].tag)) best = child;
      if (best < 0 || dom_[best].tag == Tag::p) return root;
      root = best;
    }
  }

  void drop_inside(int32_t root) {
    measure();
    for (int32_t i = root + 1; i < dom_[root].end; ++i) {
      if (dropped_[at(i)] || !is_block(dom_[i].tag)) continue;
      const Mass& mass = all_[at(i)];
      const bool list = dom_[i].tag == Tag::ul || dom_[i].tag == Tag::ol || dom_[i].tag == Tag::div || dom_[i].tag == Tag::section;
      if (list && mass.links * 3 > mass.letters * 2 && mass.prose == 0) {
        drop(i);
        i = dom_[i].end - 1;
      }
    }
  }

  const Dom& dom_;
  std::vector<bool>& dropped_;
  std::string_view hint_;
  std::vector<Mass> own_, all_;
};

}  // namespace

void drop_all_but_article(const Dom& dom, std::string_view hint, std::vector<bool>& dropped) {
  if (dom.size() > 0) Finder(dom, hint, dropped).run();
}

}  // namespace hadal::research
