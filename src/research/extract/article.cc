#include "research/extract/article.h"

#include <algorithm>
#include <unordered_set>

#include "base/hash.h"
#include "research/extract/charset.h"
#include "research/extract/names.h"
#include "research/extract/render.h"

namespace hadal::research {

namespace {

constexpr size_t kProse = 80;  // letters of a block that may be a paragraph
constexpr size_t kArticle = 150;

size_t at(int32_t i) { return static_cast<size_t>(i); }

// Letters and digits, in lower case: how a heading is compared with a title.
std::string bare(std::string_view text) {
  std::string letters;
  for (const char c : text) {
    const auto u = static_cast<unsigned char>(c);
    if ((c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || u >= 0x80) letters += c;
    if (c >= 'A' && c <= 'Z') letters += static_cast<char>(c - 'A' + 'a');
  }
  return letters;
}

class Finder {
 public:
  Finder(const Dom& dom, const Metadata& metadata, std::vector<bool>& dropped)
      : dom_(dom),
        metadata_(metadata),
        dropped_(dropped),
        own_(dom.nodes().size()),
        all_(dom.nodes().size()),
        names_(dom.nodes().size()) {
    for (int32_t i = 0; i < dom.size(); ++i)
      if (dom[i].tag != Tag::text) names_[at(i)] = names_of(dom, i);
  }

  void run() {
    const std::vector<bool> seen = dropped_;
    measure();
    const size_t whole = all_[0].letters;
    drop_clutter();
    const std::vector<bool> without_clutter = dropped_;
    measure();
    const size_t rest = all_[0].letters;
    keep_article(find_root());
    // Too little for an article: a page of a few lines, a list, a form.
    measure();
    if (all_[0].letters >= kArticle || all_[0].letters * 2 > rest) return;
    dropped_ = rest >= kArticle || rest * 2 > whole ? without_clutter : seen;
  }

 private:
  struct Mass {
    size_t letters = 0, links = 0, prose = 0;
  };

  void keep_article(int32_t root) {
    for (int32_t i = 0; i < dom_.size(); ++i)
      if (i < root || i >= dom_[root].end) dropped_[at(i)] = true;
    measure();
    drop_title(root);
    drop_away(root);
    measure();
    drop_link_lists(root);
    drop_teasers(root);
    drop_captions(root);
    measure();
    drop_tail(root);
  }

  // Letters of each block by itself and of each subtree.
  void measure() {
    std::fill(own_.begin(), own_.end(), Mass());
    std::fill(all_.begin(), all_.end(), Mass());
    block_.assign(own_.size(), 0);
    std::vector<bool> in_link(own_.size());
    for (int32_t i = 0; i < dom_.size(); ++i) {
      const int32_t parent = dom_[i].parent;
      const bool inherits = parent >= 0 && !is_block(dom_[i].tag);
      block_[at(i)] = inherits ? block_[at(parent)] : i;
      in_link[at(i)] = dom_[i].tag == Tag::a || (parent >= 0 && in_link[at(parent)]);
      if (dom_[i].tag != Tag::text || dropped_[at(i)]) continue;
      const size_t letters = count_letters(dom_[i].text);
      Mass& mass = own_[at(block_[at(i)])];
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
  std::string line(int32_t i) const { return inline_text(dom_, dropped_, i); }

  void drop_clutter() {
    const size_t total = all_[0].prose;
    for (int32_t i = 0; i < dom_.size(); ++i) {
      const Tag tag = dom_[i].tag;
      if (tag == Tag::text || tag == Tag::html || tag == Tag::body || tag == Tag::main || tag == Tag::article) continue;
      if (dropped_[at(i)]) continue;
      const Names& names = names_[at(i)];
      const size_t prose = all_[at(i)].prose;
      if ((names.comments && prose * 10 <= total * 9) || (names.clutter && prose * 5 <= total * 2)) {
        drop(i);
        i = dom_[i].end - 1;
      }
    }
  }

  // --- where it is ---

  int32_t find_root() const {
    int32_t root = by_hint();
    if (root < 0) root = by_name();
    if (root < 0) root = descend(0);
    return root;
  }

  // The deepest element that holds most of `mass` below `root`.
  template <typename Of>
  int32_t descend_by(int32_t root, Of of, size_t tenths) const {
    for (;;) {
      int32_t best = -1;
      for (int32_t child = root + 1; child < dom_[root].end; child = dom_[child].end)
        if (of(child) > 0 && of(child) * 10 >= of(root) * tenths && dom_[child].tag != Tag::text) best = child;
      if (best < 0 || !is_container(dom_[best].tag)) return root;
      root = best;
    }
  }

  static bool is_container(Tag tag) {
    return tag != Tag::p && tag != Tag::blockquote && tag != Tag::pre && tag != Tag::li && tag != Tag::ul &&
           tag != Tag::ol && tag != Tag::table && tag != Tag::figure && tag != Tag::dl &&
           (is_block(tag) || tag == Tag::other);
  }

  int32_t descend(int32_t from) const {
    return descend_by(
        from, [&](int32_t i) { return all_[at(i)].prose; }, 8);
  }

  // By the text that the page gives as its article's: where its paragraphs stand.
  int32_t by_hint() const {
    const std::string body = bare(metadata_.article_body);
    constexpr size_t kPiece = 24;
    if (body.size() < 200) return -1;
    std::unordered_set<uint64_t> pieces;
    for (size_t i = 0; i + kPiece <= body.size(); ++i) pieces.insert(hash_of(std::string_view(body).substr(i, kPiece)));
    std::vector<size_t> found(own_.size());
    size_t total = 0;
    for (int32_t i = 0; i < dom_.size(); ++i) {
      if (!is_block(dom_[i].tag) || own_[at(i)].letters < 40) continue;
      const std::string text = own_text(i);
      if (text.size() < kPiece) continue;
      size_t hits = 0, tries = 0;
      for (size_t k = 0; k + kPiece <= text.size(); k += kPiece / 2, ++tries)
        hits += pieces.contains(hash_of(std::string_view(text).substr(k, kPiece))) ? 1 : 0;
      if (hits * 2 > tries) found[at(i)] = text.size(), total += text.size();
    }
    if (total * 2 < body.size()) return -1;
    for (int32_t i = dom_.size() - 1; i > 0; --i) found[at(dom_[i].parent < 0 ? 0 : dom_[i].parent)] += found[at(i)];
    return descend_by(
        0, [&](int32_t i) { return found[at(i)]; }, 9);
  }

  static uint64_t hash_of(std::string_view text) { return std::hash<std::string_view>()(text); }

  // Of a block what stands in it directly.
  std::string own_text(int32_t i) const {
    std::string text;
    for (int32_t k = i + 1; k < dom_[i].end;) {
      if (is_block(dom_[k].tag)) {
        k = dom_[k].end;
        continue;
      }
      if (dom_[k].tag == Tag::text && !dropped_[at(k)]) text += bare(dom_[k].text);
      ++k;
    }
    return text;
  }

  // By name: what the page calls the body of its article, in one part or several, else its <article> or <main>.
  int32_t by_name() const {
    const size_t total = all_[0].prose;
    int32_t best = -1;
    for (int32_t i = 0; i < dom_.size(); ++i)
      if (names_[at(i)].is_body && !dropped_[at(i)] && all_[at(i)].prose > 0 && all_[at(i)].prose * 5 >= total &&
          (best < 0 || all_[at(i)].prose > all_[at(best)].prose))
        best = i;
    if (best >= 0) return best;
    std::vector<size_t> named(own_.size());
    for (int32_t i = 0; i < dom_.size();) {
      const bool is_named = names_[at(i)].body && all_[at(i)].prose > 0;
      if (is_named) named[at(i)] = all_[at(i)].prose;
      i = is_named ? dom_[i].end : i + 1;
    }
    for (int32_t i = dom_.size() - 1; i > 0; --i)
      if (dom_[i].parent >= 0) named[at(dom_[i].parent)] += named[at(i)];
    if (named[0] * 2 > total)
      return descend_by(
          0, [&](int32_t i) { return named[at(i)]; }, 9);
    for (const Tag tag : {Tag::article, Tag::main})
      for (int32_t i = 0; i < dom_.size(); ++i)
        if (dom_[i].tag == tag && all_[at(i)].prose * 2 > total) best = i;
    return best < 0 ? -1 : descend(best);
  }

  // --- what in it is not ---

  // The heading that says the title again, and all before it.
  void drop_title(int32_t root) {
    std::vector<std::string> titles = {bare(metadata_.title)};
    for (const std::string& title : metadata_.titles) titles.push_back(bare(title));
    size_t before = 0;
    const size_t total = all_[at(root)].letters;
    for (int32_t i = root; i < dom_[root].end; ++i) {
      if (dropped_[at(i)]) continue;
      if (dom_[i].tag == Tag::text) before += count_letters(dom_[i].text);
      if (before * 5 > total * 3 && before > 400) break;
      if (!is_heading(dom_[i].tag)) continue;
      const std::string heading = bare(line(i));
      if (before * 5 > total && before > 400 && (heading.size() < 20 || heading != titles[0])) continue;
      const bool same = heading.size() > 3 && std::any_of(titles.begin(), titles.end(), [&](const std::string& title) {
                          return title == heading ||
                                 (heading.size() > 10 && title.find(heading) != std::string::npos) ||
                                 (title.size() > 10 && heading.find(title) != std::string::npos);
                        });
      if (!same && dom_[i].tag != Tag::h1) continue;
      for (int32_t k = root + 1; k < dom_[i].end; ++k)
        if (dom_[k].tag == Tag::text || dom_[k].end <= dom_[i].end) dropped_[at(k)] = true;
      drop_credits(dom_[i].end, dom_[root].end);
      return;
    }
    drop_credits(root + 1, dom_[root].end);
  }

  // Lines of date, author and the like, before the first paragraph.
  void drop_credits(int32_t from, int32_t end) {
    for (int32_t i = from; i < end; ++i) {
      if (dropped_[at(i)] || !is_block(dom_[i].tag) || own_[at(i)].letters == 0) continue;
      if (own_[at(i)].prose > 0) return;
      if (has_blocks(i)) continue;
      if (dom_[i].tag == Tag::li || dom_[i].tag == Tag::td || is_heading(dom_[i].tag)) continue;
      if (is_credit_line(line(i))) drop(i);
    }
  }

  bool has_blocks(int32_t i) const {
    for (int32_t k = i + 1; k < dom_[i].end; ++k)
      if (is_block(dom_[k].tag)) return true;
    return false;
  }

  // Lines that lead elsewhere, and what follows them beside or around them, up to the next heading of their rank.
  void drop_away(int32_t root) {
    size_t before = 0;
    const size_t total = all_[at(root)].letters;
    for (int32_t i = root + 1; i < dom_[root].end; ++i) {
      if (dropped_[at(i)]) continue;
      if (dom_[i].tag == Tag::text) before += count_letters(dom_[i].text);
      if (!is_block(dom_[i].tag) || own_[at(i)].letters == 0 || own_[at(i)].letters > 60 || has_blocks(i)) continue;
      if (!leads_away(line(i))) continue;
      if (before * 2 < total && !is_heading(dom_[i].tag)) {
        drop(i);
        continue;
      }
      drop_section(i, root);
    }
  }

  void drop_section(int32_t heading, int32_t root) {
    // The box that the heading begins: as far up as it is the first that is said.
    int32_t box = heading;
    while (dom_[box].parent > root && begins(dom_[box].parent, box) &&
           all_[at(dom_[box].parent)].prose * 2 < all_[at(root)].prose)
      box = dom_[box].parent;
    drop(box);
    if (!is_heading(dom_[heading].tag)) return;
    for (int32_t next = dom_[box].end; next < dom_[dom_[box].parent].end; next = dom_[next].end) {
      if (is_heading(dom_[next].tag) && dom_[next].tag <= dom_[heading].tag) return;
      if (own_[at(next)].prose > 0 && all_[at(next)].links == 0 && dom_[next].tag == Tag::p) return;
      drop(next);
    }
  }

  // Nothing is said in `parent` before `child`.
  bool begins(int32_t parent, int32_t child) const {
    for (int32_t i = parent + 1; i < child; ++i)
      if (dom_[i].tag == Tag::text && !dropped_[at(i)] && count_letters(dom_[i].text) > 0) return false;
    return true;
  }

  void drop_link_lists(int32_t root) {
    for (int32_t i = root + 1; i < dom_[root].end; ++i) {
      if (dom_[i].tag == Tag::table && is_data_table(dom_, dropped_, i))
        i = dom_[i].end - 1;  // its cells stay together
      if (dropped_[at(i)] || !is_block(dom_[i].tag) || is_heading(dom_[i].tag) || dom_[i].tag == Tag::table) continue;
      const Mass& mass = all_[at(i)];
      if (mass.links * 3 > mass.letters * 2 && mass.prose == 0 && mass.letters > 0 && dom_[i].tag != Tag::td &&
          dom_[i].tag != Tag::tr && (dom_[i].tag != Tag::p || mass.links * 10 > mass.letters * 9) &&
          (dom_[i].tag != Tag::li)) {
        drop(i);
        i = dom_[i].end - 1;
      }
    }
  }

  // Lists of headings that are links, each with a few words: what other pages say.
  void drop_teasers(int32_t root) {
    std::vector<int> headings(own_.size());
    for (int32_t i = root + 1; i < dom_[root].end; ++i) {
      if (!is_heading(dom_[i].tag) || dropped_[at(i)]) continue;
      const Mass& mass = all_[at(i)];
      const bool linked = mass.letters > 0 && mass.links * 10 >= mass.letters * 9;
      bool around = false;
      for (int32_t up = dom_[i].parent; up > root && !around; up = dom_[up].parent) around = dom_[up].tag == Tag::a;
      if (linked || around)
        for (int32_t up = dom_[i].parent; up >= root && up >= 0; up = dom_[up].parent) ++headings[at(up)];
    }
    for (int32_t i = root + 1; i < dom_[root].end; ++i) {
      if (dropped_[at(i)] || headings[at(i)] == 0 || !is_block(dom_[i].tag)) continue;
      const Mass& mass = all_[at(i)];
      if (mass.letters < static_cast<size_t>(headings[at(i)]) * 500 && mass.letters * 2 < all_[at(root)].letters) {
        drop(i);
        i = dom_[i].end - 1;
      }
    }
  }

  void drop_captions(int32_t root) {
    for (int32_t i = root + 1; i < dom_[root].end; ++i)
      if (!dropped_[at(i)] && dom_[i].tag != Tag::text && names_[at(i)].caption &&
          all_[at(i)].prose * 3 < all_[at(root)].prose)
        drop(i);
  }

  // Behind the last paragraph: headings with nothing below them, and short lines of links or credits.
  void drop_tail(int32_t root) {
    for (int32_t i = dom_[root].end - 1; i > root; --i) {
      if (dropped_[at(i)] || !is_block(dom_[i].tag) || own_[at(i)].letters == 0) continue;
      if (has_blocks(i)) return;
      const Mass& mass = own_[at(i)];
      if (is_heading(dom_[i].tag) ||
          (mass.letters < kProse && mass.links * 3 > mass.letters && dom_[i].tag != Tag::li) || leads_away(line(i))) {
        drop(i);
      } else {
        return;
      }
    }
  }

  const Dom& dom_;
  const Metadata& metadata_;
  std::vector<bool>& dropped_;
  std::vector<Mass> own_, all_;
  std::vector<int32_t> block_;
  std::vector<Names> names_;
};

}  // namespace

void drop_all_but_article(const Dom& dom, const Metadata& metadata, std::vector<bool>& dropped) {
  if (dom.size() > 0) Finder(dom, metadata, dropped).run();
}

}  // namespace hadal::research
