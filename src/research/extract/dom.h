// A page as a flat list of nodes in the order of the document, so that nothing that walks it needs recursion.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

namespace hadal::research {

// What the code below asks for by name; every other element is `other`.
// clang-format off
#define HADAL_TAGS(X) \
  X(a) X(abbr) X(address) X(area) X(article) X(aside) X(audio) X(b) X(base) X(bdi) X(bdo) X(big) X(blockquote) \
  X(body) X(br) X(button) X(canvas) X(caption) X(center) X(cite) X(code) X(col) X(colgroup) X(data) X(datalist) \
  X(dd) X(del) X(details) X(dfn) X(dialog) X(div) X(dl) X(dt) X(em) X(embed) X(fieldset) X(figcaption) \
  X(figure) X(font) X(footer) X(form) X(frame) X(frameset) X(h1) X(h2) X(h3) X(h4) X(h5) X(h6) X(head) \
  X(header) X(hgroup) X(hr) X(html) X(i) X(iframe) X(img) X(input) X(ins) X(kbd) X(label) X(legend) X(li) \
  X(link) X(main) X(map) X(mark) X(math) X(menu) X(meta) X(meter) X(nav) X(nobr) X(noembed) X(noframes) \
  X(noscript) X(object) X(ol) X(optgroup) X(option) X(output) X(p) X(param) X(picture) X(pre) X(progress) X(q) \
  X(rp) X(rt) X(ruby) X(s) X(samp) X(script) X(section) X(select) X(small) X(source) X(span) X(strike) \
  X(strong) X(style) X(sub) X(summary) X(sup) X(svg) X(table) X(tbody) X(td) X(template_) X(textarea) X(tfoot) \
  X(th) X(thead) X(time) X(title) X(tr) X(track) X(tt) X(u) X(ul) X(var) X(video) X(wbr) X(xmp)
// clang-format on

enum class Tag : uint8_t {
  text,
  other,
#define HADAL_TAG(name) name,
  HADAL_TAGS(HADAL_TAG)
#undef HADAL_TAG
};

Tag tag_of(std::string_view lower_case_name);

struct Attribute {
  std::string_view name, value;
};

struct Node {
  int32_t parent = -1;
  int32_t end = 0;  // the first node behind its subtree
  Tag tag = Tag::other;
  std::string_view text;  // of Tag::text; of an element its name
  uint32_t first_attribute = 0, num_attributes = 0;
};

class Dom {
 public:
  // As a browser without scripts would build it (gumbo). Nesting deeper than 512 is made flat and of a tag's attributes
  // the first 256 count; Error for a page that would take more than a GiB or ten seconds to parse.
  explicit Dom(std::string_view html);
  ~Dom();
  Dom(const Dom&) = delete;
  Dom& operator=(const Dom&) = delete;

  const std::vector<Node>& nodes() const { return nodes_; }
  const Node& operator[](int32_t i) const { return nodes_[static_cast<size_t>(i)]; }
  int32_t size() const { return static_cast<int32_t>(nodes_.size()); }
  // "" where it has none.
  std::string_view attribute(int32_t i, std::string_view name) const;
  bool has_attribute(int32_t i, std::string_view name) const;
  std::string all_text(int32_t i) const;  // of a subtree, as written

 private:
  struct Arena;
  std::unique_ptr<Arena> arena_;
  std::string html_;
  std::vector<Node> nodes_;
  std::vector<Attribute> attributes_;
};

// The page with nesting and attributes cut to what a parser can bear in linear time.
std::string tame_html(std::string_view html);

bool is_block(Tag tag);    // begins on a line of its own
bool is_heading(Tag tag);  // h1 to h6
bool is_space(char c);     // of HTML, in ASCII
// Names of classes and the like, in words: "articleBody post-content_2" -> article body post content 2.
std::vector<std::string> name_words(std::string_view name);

}  // namespace hadal::research
