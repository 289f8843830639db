#include "research/extract/dom.h"

#include <gumbo.h>
#include <time.h>

#include <algorithm>
#include <array>
#include <csetjmp>
#include <cstring>
#include <unordered_map>

#include "base/error.h"

namespace hadal::research {

namespace {

constexpr size_t kMaxArena = size_t{1} << 30;
constexpr double kMaxSeconds = 10;  // of this thread; a last resort: pages that need it are made to be slow

double thread_seconds() {
  timespec now{};
  ::clock_gettime(CLOCK_THREAD_CPUTIME_ID, &now);
  return static_cast<double>(now.tv_sec) + 1e-9 * static_cast<double>(now.tv_nsec);
}

}  // namespace

// What gumbo allocates. All of it goes at once: gumbo's own way to free a tree is recursive. gumbo cannot be told to
// stop, and does not look whether memory was given, so a limit leaves it by longjmp (there are only C frames between).
struct Dom::Arena {
  static constexpr size_t kChunk = size_t{1} << 18;
  std::vector<std::unique_ptr<char[]>> chunks;
  char* next = nullptr;
  size_t left = 0, total = 0, calls = 0;
  std::array<void*, 48> free = {};  // by power of two
  double begun = thread_seconds();
  std::jmp_buf out;

  static size_t order(size_t bytes) { return bytes <= 16 ? 4 : 64 - static_cast<size_t>(__builtin_clzll(bytes - 1)); }

  void* allocate(size_t bytes) {
    if (++calls % 256 == 0 && thread_seconds() - begun > kMaxSeconds) std::longjmp(out, 1);
    const size_t k = order(bytes);
    if (k >= free.size()) std::longjmp(out, 1);
    if (void* had = free[k]) {
      std::memcpy(&free[k], had, sizeof(void*));
      return had;
    }
    const size_t size = (size_t{1} << k) + 16;
    if (left < size) {
      const size_t chunk = std::max(size, kChunk);
      if ((total += chunk) > kMaxArena) std::longjmp(out, 1);
      char* made = new (std::nothrow) char[chunk];
      if (made == nullptr) std::longjmp(out, 1);
      chunks.emplace_back(made);
      next = made, left = chunk;
    }
    char* p = next;
    next += size, left -= size;
    std::memcpy(p, &k, sizeof k);
    return p + 16;
  }

  void release(void* p) {
    if (p == nullptr) return;
    size_t k;
    std::memcpy(&k, static_cast<char*>(p) - 16, sizeof k);
    std::memcpy(p, &free[k], sizeof(void*));
    free[k] = p;
  }

  GumboOutput* parse(std::string_view html) {
    GumboOptions options = kGumboDefaultOptions;
    options.max_errors = 0;
    options.userdata = this;
    options.allocator = [](void* self, size_t bytes) { return static_cast<Arena*>(self)->allocate(bytes); };
    options.deallocator = [](void* self, void* p) { static_cast<Arena*>(self)->release(p); };
    if (setjmp(out) != 0) return nullptr;
    return gumbo_parse_with_options(&options, html.data(), html.size());
  }
};

namespace {

std::string_view name_of(const GumboElement& element) {
  if (element.tag != GUMBO_TAG_UNKNOWN) return gumbo_normalized_tagname(element.tag);
  GumboStringPiece piece = element.original_tag;
  gumbo_tag_from_original_text(&piece);
  return {piece.data, piece.length};
}

const GumboVector& children_of(const GumboNode* node) {
  return node->type == GUMBO_NODE_DOCUMENT ? node->v.document.children : node->v.element.children;
}

bool has_children(const GumboNode* node) {
  return node->type == GUMBO_NODE_DOCUMENT || node->type == GUMBO_NODE_ELEMENT || node->type == GUMBO_NODE_TEMPLATE;
}

Node element_node(const GumboNode* from, int32_t parent, std::vector<Attribute>& attributes) {
  const GumboElement& element = from->v.element;
  Node node;
  node.parent = parent;
  node.text = name_of(element);
  // Of a drawing only the drawing counts: an svg's <title> or <a> is none of the page's.
  node.tag = element.tag_namespace == GUMBO_NAMESPACE_HTML || node.text == "svg" || node.text == "math"
                 ? tag_of(node.text)
                 : Tag::other;
  node.first_attribute = static_cast<uint32_t>(attributes.size());
  node.num_attributes = element.attributes.length;
  for (unsigned i = 0; i < element.attributes.length; ++i) {
    const auto* a = static_cast<const GumboAttribute*>(element.attributes.data[i]);
    attributes.push_back({a->name, a->value});
  }
  return node;
}

}  // namespace

Dom::Dom(std::string_view html) : arena_(std::make_unique<Arena>()), html_(tame_html(html)) {
  const GumboOutput* output = arena_->parse(html_);
  if (output == nullptr)
    fail("web page: expected one that is parsed within {:.0f} s and a GiB, found {} bytes that take more; leave it out",
         kMaxSeconds, html.size());
  struct Level {
    const GumboNode* node;
    unsigned child;
    int32_t number;
  };
  std::vector<Level> stack = {{output->document, 0, -1}};
  while (!stack.empty()) {
    Level& level = stack.back();
    if (level.child >= children_of(level.node).length) {
      if (level.number >= 0) nodes_[static_cast<size_t>(level.number)].end = size();
      stack.pop_back();
      continue;
    }
    const auto* child = static_cast<const GumboNode*>(children_of(level.node).data[level.child++]);
    const int32_t parent = level.number, number = size();
    if (has_children(child)) {
      nodes_.push_back(element_node(child, parent, attributes_));
      stack.push_back({child, 0, number});
    } else if (child->type != GUMBO_NODE_COMMENT) {
      nodes_.push_back({.parent = parent, .end = number + 1, .tag = Tag::text, .text = child->v.text.text});
    }
  }
}

Dom::~Dom() = default;

std::string_view Dom::attribute(int32_t i, std::string_view name) const {
  const Node& node = (*this)[i];
  for (uint32_t k = 0; k < node.num_attributes; ++k)
    if (attributes_[node.first_attribute + k].name == name) return attributes_[node.first_attribute + k].value;
  return {};
}

bool Dom::has_attribute(int32_t i, std::string_view name) const {
  const Node& node = (*this)[i];
  for (uint32_t k = 0; k < node.num_attributes; ++k)
    if (attributes_[node.first_attribute + k].name == name) return true;
  return false;
}

std::string Dom::all_text(int32_t i) const {
  std::string text;
  for (int32_t k = i; k < (*this)[i].end; ++k)
    if ((*this)[k].tag == Tag::text) text += (*this)[k].text;
  return text;
}

Tag tag_of(std::string_view name) {
  static const std::unordered_map<std::string_view, Tag> kTags = {
#define HADAL_TAG(name) {#name, Tag::name},
      HADAL_TAGS(HADAL_TAG)
#undef HADAL_TAG
          {"template", Tag::template_}};
  const auto found = kTags.find(name);
  return found == kTags.end() ? Tag::other : found->second;
}

bool is_block(Tag tag) {
  switch (tag) {
    case Tag::address:
    case Tag::article:
    case Tag::aside:
    case Tag::blockquote:
    case Tag::body:
    case Tag::caption:
    case Tag::center:
    case Tag::dd:
    case Tag::details:
    case Tag::dialog:
    case Tag::div:
    case Tag::dl:
    case Tag::dt:
    case Tag::fieldset:
    case Tag::figcaption:
    case Tag::figure:
    case Tag::footer:
    case Tag::form:
    case Tag::h1:
    case Tag::h2:
    case Tag::h3:
    case Tag::h4:
    case Tag::h5:
    case Tag::h6:
    case Tag::header:
    case Tag::hgroup:
    case Tag::hr:
    case Tag::html:
    case Tag::legend:
    case Tag::li:
    case Tag::main:
    case Tag::menu:
    case Tag::nav:
    case Tag::ol:
    case Tag::p:
    case Tag::pre:
    case Tag::section:
    case Tag::summary:
    case Tag::table:
    case Tag::tbody:
    case Tag::td:
    case Tag::tfoot:
    case Tag::th:
    case Tag::thead:
    case Tag::tr:
    case Tag::ul:
    case Tag::xmp:
      return true;
    default:
      return false;
  }
}

bool is_heading(Tag tag) { return tag >= Tag::h1 && tag <= Tag::h6; }

bool is_space(char c) { return c == ' ' || c == '\t' || c == '\n' || c == '\r' || c == '\f'; }

std::vector<std::string> name_words(std::string_view name) {
  std::vector<std::string> words;
  std::string word;
  const auto end_word = [&] {
    if (!word.empty()) words.push_back(std::move(word));
    word.clear();
  };
  const auto kind = [](char c) {
    return c >= 'a' && c <= 'z' ? 1 : c >= 'A' && c <= 'Z' ? 2 : c >= '0' && c <= '9' ? 3 : 0;
  };
  int last = 0;
  for (const char c : name.substr(0, 512)) {
    const int now = kind(c);
    if (now == 0 || (now == 2 && last == 1) || (now == 3) != (last == 3)) end_word();
    if (now != 0) word += static_cast<char>(now == 2 ? c - 'A' + 'a' : c);
    last = now;
  }
  end_word();
  return words;
}

}  // namespace hadal::research
