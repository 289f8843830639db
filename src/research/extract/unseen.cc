// Which nodes a reader cannot see.
#include <algorithm>
#include <cmath>

#include "base/error.h"
#include "base/text.h"
#include "research/extract/style.h"

namespace hadal::research {

namespace {

constexpr double kTinyFont = 3, kFarAway = -400, kFaint = 0.06;
constexpr int kNearColor = 24;  // of all channels together

bool shows_no_text(Tag tag) {
  switch (tag) {
    case Tag::script:
    case Tag::style:
    case Tag::template_:
    case Tag::noscript:
    case Tag::noembed:
    case Tag::noframes:
    case Tag::head:
    case Tag::title:
    case Tag::svg:
    case Tag::iframe:
    case Tag::object:
    case Tag::audio:
    case Tag::video:
    case Tag::canvas:
    case Tag::map:
    case Tag::select:
    case Tag::option:
    case Tag::datalist:
    case Tag::textarea:
    case Tag::button:
    case Tag::input:
    case Tag::progress:
    case Tag::meter:
    case Tag::rp:
    case Tag::rt:
    case Tag::output:
      return true;
    default:
      return false;
  }
}

// Names that the web uses for text that only screen readers get, and for what is not shown.
bool is_named_unseen(std::string_view classes) {
  static constexpr std::string_view kNames[] = {"sr-only",
                                                "visually-hidden",
                                                "visuallyhidden",
                                                "screen-reader-text",
                                                "screen-reader-only",
                                                "element-invisible",
                                                "screenreader-only",
                                                "d-none",
                                                "is-hidden",
                                                "u-hidden",
                                                "hidden",
                                                "hide",
                                                "invisible"};
  if (classes.empty()) return false;
  const std::string padded = fmt::format(" {} ", lower_case(std::string(classes.substr(0, 1024))));
  // "hidden md:block", "d-none d-md-flex": on a wide screen it is shown.
  for (const char* shown : {":block", ":flex", ":inline", ":grid", "-block ", "-flex ", "-inline "})
    if (padded.find(shown) != std::string::npos) return false;
  return std::any_of(std::begin(kNames), std::end(kNames), [&](std::string_view name) {
    const size_t at = padded.find(name);
    return at != std::string::npos && is_space(padded[at - 1]) && is_space(padded[at + name.size()]);
  });
}

int distance(const Color& a, const Color& b) {
  return std::abs(a.red - b.red) + std::abs(a.green - b.green) + std::abs(a.blue - b.blue);
}

// What an element hands down to its text.
struct Look {
  bool gone = false;       // with all that it holds
  bool invisible = false;  // but what it holds may be visible again
  bool picture = false;    // the background is a picture, so its colour is not known
  float font_px = 16;
  Color color = {0, 0, 0}, background = {255, 255, 255};
};

class Watcher {
 public:
  explicit Watcher(const Dom& dom) : dom_(dom), looks_(dom.nodes().size()), letters_(dom.nodes().size()) {
    for (int32_t i = 0; i < dom.size(); ++i)
      if (dom[i].tag == Tag::style) {
        const std::string_view media = dom.attribute(i, "media");
        if (media.empty() || media == "all" || media == "screen") sheet_.add(dom.all_text(i));
      }
    for (int32_t i = dom.size() - 1; i >= 0; --i) {
      if (dom[i].tag == Tag::text) letters_[at(i)] = dom[i].text.size();
      if (dom[i].parent >= 0) letters_[at(dom[i].parent)] += letters_[at(i)];
    }
  }

  std::vector<bool> run() {
    std::vector<bool> unseen(looks_.size());
    for (int32_t i = 0; i < dom_.size(); ++i) {
      const int32_t parent = dom_[i].parent;
      Look& look = looks_[at(i)];
      if (parent >= 0) look = looks_[at(parent)];
      if (dom_[i].tag != Tag::text && !look.gone) apply(i, look);
      unseen[at(i)] = look.gone || (dom_[i].tag == Tag::text && is_unseen_text(look));
    }
    return unseen;
  }

 private:
  static size_t at(int32_t i) { return static_cast<size_t>(i); }

  static bool is_unseen_text(const Look& look) {
    return look.invisible || look.font_px < kTinyFont || look.color.alpha < kFaint ||
           (!look.picture && distance(look.color, look.background) <= kNearColor);
  }

  bool is_most_of_page(int32_t i) const { return letters_[at(i)] * 2 > letters_[0]; }

  void apply(int32_t i, Look& look) const {
    const Tag tag = dom_[i].tag;
    if (shows_no_text(tag) || dom_.has_attribute(i, "hidden") ||
        (tag == Tag::dialog && !dom_.has_attribute(i, "open")) ||
        (tag == Tag::other && dom_[i].text.starts_with("annotation"))) {
      look.gone = true;
      return;
    }
    const std::string_view inline_style = dom_.attribute(i, "style");
    Style style = sheet_.empty() ? Style() : sheet_.style_of(dom_, i);
    if (!inline_style.empty()) style.take(parse_declarations(inline_style, kInlineWeight));
    // Pages that a script shows hide their body at first; names and aria say nothing of what holds most of a page.
    const bool is_root = tag == Tag::html || tag == Tag::body;
    if (!is_root && (hides(style) || (!is_most_of_page(i) && (is_named_unseen(dom_.attribute(i, "class")) ||
                                                              dom_.attribute(i, "aria-hidden") == "true"))))
      look.gone = true;
    if (!is_root && style.has(Style::visibility)) look.invisible = style.get(Style::visibility, 1) == 0;
    if (const double size = style.get(Style::font_size, 0); style.has(Style::font_size))
      look.font_px = static_cast<float>(size < 0 ? -size * look.font_px : size);
    paint(i, style, look);
  }

  static constexpr uint32_t kInlineWeight = 1u << 24;

  static bool hides(const Style& style) {
    const double width = style.get(Style::width, 100), height = style.get(Style::height, 100);
    const bool cut = style.get(Style::overflow, 0) == 1;
    return style.get(Style::display, 1) == 0 || style.get(Style::opacity, 1) < kFaint ||
           style.get(Style::offset, 0) <= kFarAway || style.get(Style::clipped, 0) == 1 ||
           (cut && (width <= 1 || height <= 1)) || (width <= 0 && height <= 0);
  }

  void paint(int32_t i, const Style& style, Look& look) const {
    const auto color_of = [&](Style::Property property) {
      return style.colors[static_cast<size_t>(style.get(property, 0))];
    };
    if (style.has(Style::color)) {
      look.color = color_of(Style::color);
    } else if (const std::string_view name = dom_.attribute(i, "color"); dom_[i].tag == Tag::font && !name.empty()) {
      look.color = parse_color(lower_case(std::string(name))).value_or(look.color);
    }
    if (style.has(Style::background)) {
      look.picture = style.get(Style::background, 0) < 0;
      if (!look.picture && color_of(Style::background).alpha > 0.5) look.background = color_of(Style::background);
    } else if (const std::string_view name = dom_.attribute(i, "bgcolor"); !name.empty()) {
      look.background = parse_color(lower_case(std::string(name))).value_or(look.background);
    }
  }

  const Dom& dom_;
  std::vector<Look> looks_;
  std::vector<size_t> letters_;
  StyleSheet sheet_;
};

}  // namespace

std::vector<bool> unseen_nodes(const Dom& dom) { return Watcher(dom).run(); }

}  // namespace hadal::research
