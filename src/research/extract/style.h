// CSS as far as it hides text: inline styles, and the rules of a page's own <style> elements. No layout is done; what
// other style sheets say is not known.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "research/extract/dom.h"

namespace hadal::research {

struct Color {
  int red = 0, green = 0, blue = 0;
  double alpha = 1;
};
std::optional<Color> parse_color(std::string_view text);

// What a declaration block says. A value stands with its weight: of two the one of more weight holds.
struct Style {
  enum Property : uint8_t {
    display,        // 0: none
    visibility,     // 0: hidden
    opacity,        // the number
    font_size,      // px; negative: a factor of the parent's
    position,       // 1: out of the flow
    offset,         // px, the least of left, top, right, bottom, margins, text-indent and translations
    clipped,        // 1: to nothing
    width,          // px
    height,         // px
    overflow,       // 1: hidden
    color,          // an index to colors
    background,     // an index to colors, or -1: a picture
    kNumProperties  // their number
  };
  struct Value {
    double value = 0;
    uint32_t weight = 0;  // 0: not said
  };
  Value values[kNumProperties];
  std::vector<Color> colors;

  void take(Property property, double value, uint32_t weight);
  void take(const Style& other);  // where it has more weight
  bool has(Property property) const { return values[property].weight > 0; }
  double get(Property property, double otherwise) const { return has(property) ? values[property].value : otherwise; }
};

// `specificity`: below 2^20; important declarations weigh more than all others.
Style parse_declarations(std::string_view text, uint32_t specificity);

// The rules of style sheets whose selectors are made of elements, ids and classes, joined as descendants or children.
class StyleSheet {
 public:
  void add(std::string_view css);  // the text of a <style> element
  bool empty() const { return rules_.empty(); }
  Style style_of(const Dom& dom, int32_t element) const;  // without inline style

 private:
  struct Compound {
    std::string element, id;
    std::vector<std::string> classes;
    bool child = false;  // of the one before it
  };
  struct Rule {
    std::vector<Compound> selector;
    Style style;
  };
  static std::optional<std::vector<Compound>> parse_selector(std::string_view text);
  static bool matches(const Dom& dom, int32_t element, const Compound& compound);
  static bool matches(const Dom& dom, int32_t element, const std::vector<Compound>& selector);
  void add_rule(std::string_view selectors, std::string_view declarations);

  std::vector<Rule> rules_;
  std::unordered_map<std::string, std::vector<uint32_t>> by_key_;  // "#id", ".class", "element"
};

// For each node, whether a reader cannot see it. Elements that show no text of the page (scripts, templates, forms'
// controls, what stands in for a picture) count as not seen.
std::vector<bool> unseen_nodes(const Dom& dom);

}  // namespace hadal::research
