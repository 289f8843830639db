#include "research/extract/style.h"

#include <algorithm>
#include <charconv>
#include <cmath>

#include "base/text.h"

namespace hadal::research {

namespace {

constexpr uint32_t kImportant = 1u << 30;
constexpr size_t kMaxRules = 20'000, kMaxRulesOfKey = 64, kMaxCompounds = 8, kMaxStyle = 1 << 20;
constexpr double kEm = 16;

// A number and where it ends; none where there is none.
std::optional<double> number_at(std::string_view text, size_t& at) {
  if (at < text.size() && text[at] == '+') ++at;
  double value = 0;
  const auto [end, error] =
      std::from_chars(text.data() + at, text.data() + text.size(), value, std::chars_format::fixed);
  if (error != std::errc()) return {};
  at = static_cast<size_t>(end - text.data());
  return value;
}

// A length in px; of a share of something unknown a guess that keeps its sign and its being small or large.
std::optional<double> length(std::string_view text) {
  size_t at = 0;
  const auto number = number_at(text, at);
  if (!number) return {};
  const std::string_view unit = text.substr(at);
  if (unit.starts_with("px") || unit.empty()) return *number;
  if (unit.starts_with("pt")) return *number * 4 / 3;
  if (unit.starts_with("em") || unit.starts_with("rem")) return *number * kEm;
  if (unit.starts_with("v") || unit.starts_with("%")) return *number * 10;
  if (unit.starts_with("cm")) return *number * 38;
  if (unit.starts_with("in")) return *number * 96;
  return *number;
}

std::optional<double> font_size(std::string_view text) {
  size_t at = 0;
  const auto number = number_at(text, at);
  if (!number) return {};
  const std::string_view unit = text.substr(at);
  if (unit.starts_with("em")) return -*number;
  if (unit.starts_with("%")) return -*number / 100;
  return length(text);
}

// The arguments of the first function of that name: "0 0" of "rect(0 0)".
std::optional<std::string_view> arguments(std::string_view text, std::string_view function) {
  const size_t at = text.find(function);
  if (at == std::string_view::npos) return {};
  const size_t begin = at + function.size();
  return text.substr(begin, text.find(')', begin) - begin);
}

std::vector<double> lengths(std::string_view text) {
  std::vector<double> found;
  for (size_t i = 0; i < text.size() && found.size() < 8;) {
    const size_t end = std::min(text.find_first_of(" ,\t\n", i), text.size());
    if (const auto px = length(text.substr(i, end - i))) found.push_back(*px);
    i = end + 1;
  }
  return found;
}

bool clips_all(std::string_view value) {
  if (const auto rect = arguments(value, "rect(")) {
    const std::vector<double> sides = lengths(*rect);  // top right bottom left
    return sides.size() == 4 && (sides[2] - sides[0] <= 1 || sides[1] - sides[3] <= 1);
  }
  if (const auto inset = arguments(value, "inset(")) {
    const std::vector<double> sides = lengths(*inset);
    return !sides.empty() && inset->find('%') != std::string_view::npos && sides[0] >= 500;  // 50%
  }
  if (const auto circle = arguments(value, "circle(")) {
    const std::vector<double> sides = lengths(*circle);
    return !sides.empty() && sides[0] <= 0;
  }
  return false;
}

struct Declarations {
  Style style;
  uint32_t weight = 1;

  void color(Style::Property property, std::string_view value) {
    if (const auto parsed = parse_color(value)) {
      style.colors.push_back(*parsed);
      style.take(property, static_cast<double>(style.colors.size() - 1), weight);
    }
  }

  void background(std::string_view value) {
    if (value.find("url(") != std::string_view::npos || value.find("gradient") != std::string_view::npos)
      return style.take(Style::background, -1, weight);
    for (const std::string& word : split(value, ' ')) color(Style::background, word);
    color(Style::background, value);  // "rgb(1, 2, 3)" has spaces
  }

  void least_offset(std::optional<double> px) {
    if (px && (!style.has(Style::offset) || *px < style.get(Style::offset, 0))) style.take(Style::offset, *px, weight);
  }

  void transform(std::string_view value) {
    for (const char* function : {"translate(", "translatex(", "translatey(", "translate3d("})
      if (const auto inside = arguments(value, function))
        for (const double px : lengths(*inside)) least_offset(px);
    for (const char* function : {"scale(", "scalex(", "scaley("})
      if (const auto inside = arguments(value, function))
        for (const double factor : lengths(*inside))
          if (std::abs(factor) < 0.05) style.take(Style::clipped, 1, weight);
  }

  void size(Style::Property property, std::string_view value) {
    if (const auto px = length(value)) style.take(property, *px, weight);
  }

  void declare(std::string_view name, std::string_view value) {
    if (name == "display") style.take(Style::display, value == "none" ? 0 : 1, weight);
    if (name == "content-visibility" && value == "hidden") style.take(Style::clipped, 1, weight);
    if (name == "visibility") style.take(Style::visibility, value == "hidden" || value == "collapse" ? 0 : 1, weight);
    if (name == "position") style.take(Style::position, value == "absolute" || value == "fixed" ? 1 : 0, weight);
    if (name.starts_with("overflow"))
      style.take(Style::overflow, value.find("hidden") != value.npos || value.find("clip") != value.npos ? 1 : 0,
                 weight);
    if (name == "clip" || name == "clip-path" || name == "-webkit-clip-path")
      style.take(Style::clipped, clips_all(value) ? 1 : 0, weight);
    if (name == "color" || name == "-webkit-text-fill-color") color(Style::color, value);
    if (name == "background" || name == "background-color") background(value);
    if (name == "background-image" && value != "none") style.take(Style::background, -1, weight);
    if (name == "width" || name == "max-width") size(Style::width, value);
    if (name == "height" || name == "max-height") size(Style::height, value);
    if (name == "left" || name == "top" || name == "right" || name == "bottom" || name == "text-indent" ||
        name == "margin-left" || name == "margin-top")
      least_offset(length(value));
    if (name == "transform" || name == "-webkit-transform") transform(value);
    if (name == "opacity") {
      size_t at = 0;
      if (const auto number = number_at(value, at))
        style.take(Style::opacity, *number / (value.substr(at).starts_with("%") ? 100 : 1), weight);
    }
    if (name == "filter" || name == "-webkit-filter")
      if (const auto inside = arguments(value, "opacity(")) declare("opacity", trimmed(*inside));
    if (name == "zoom") size(Style::opacity, value);
    if (name == "font-size")
      if (const auto px = font_size(value)) style.take(Style::font_size, *px, weight);
    if (name == "font")
      for (const std::string& word : split(value, ' '))
        if (!word.empty() && (word[0] == '.' || (word[0] >= '0' && word[0] <= '9')) &&
            word.find_first_not_of("0123456789") != std::string::npos)
          if (const auto px = font_size(word)) style.take(Style::font_size, *px, weight);
  }
};

}  // namespace

void Style::take(Property property, double value, uint32_t weight) {
  if (weight >= values[property].weight) values[property] = {value, weight};
}

void Style::take(const Style& other) {
  for (size_t p = 0; p < kNumProperties; ++p) {
    const Value& theirs = other.values[p];
    if (theirs.weight == 0 || theirs.weight < values[p].weight) continue;
    values[p] = theirs;
    if ((p == color || p == background) && theirs.value >= 0) {
      colors.push_back(other.colors[static_cast<size_t>(theirs.value)]);
      values[p].value = static_cast<double>(colors.size() - 1);
    }
  }
}

std::optional<Color> parse_color(std::string_view text) {
  static constexpr std::pair<std::string_view, Color> kNames[] = {
      {"white", {255, 255, 255}},     {"black", {0, 0, 0}},
      {"transparent", {0, 0, 0, 0}},  {"red", {255, 0, 0}},
      {"green", {0, 128, 0}},         {"blue", {0, 0, 255}},
      {"yellow", {255, 255, 0}},      {"gray", {128, 128, 128}},
      {"grey", {128, 128, 128}},      {"silver", {192, 192, 192}},
      {"navy", {0, 0, 128}},          {"maroon", {128, 0, 0}},
      {"purple", {128, 0, 128}},      {"teal", {0, 128, 128}},
      {"orange", {255, 165, 0}},      {"whitesmoke", {245, 245, 245}},
      {"snow", {255, 250, 250}},      {"ivory", {255, 255, 240}},
      {"lightgray", {211, 211, 211}}, {"ghostwhite", {248, 248, 255}}};
  text = trimmed(text);
  for (const auto& [name, color] : kNames)
    if (text == name) return color;
  if (text.starts_with("#")) {
    const std::string_view digits = text.substr(1);
    const bool is_short = digits.size() == 3 || digits.size() == 4;
    if (!is_short && digits.size() != 6 && digits.size() != 8) return {};
    int parts[4] = {0, 0, 0, 255};
    const size_t step = is_short ? 1 : 2;
    for (size_t i = 0; i * step < digits.size(); ++i) {
      const char* begin = digits.data() + i * step;
      if (std::from_chars(begin, begin + step, parts[i], 16).ptr != begin + step) return {};
      if (is_short) parts[i] *= 17;
    }
    return Color{parts[0], parts[1], parts[2], parts[3] / 255.0};
  }
  const auto inside = text.starts_with("rgb") ? arguments(text, "(") : std::nullopt;
  if (!inside) return {};
  std::vector<double> parts;
  for (size_t i = 0; i < inside->size() && parts.size() < 4;) {
    size_t at = i;
    if (const auto number = number_at(*inside, at)) {
      const bool percent = inside->substr(at).starts_with("%");
      parts.push_back(percent ? *number * (parts.size() == 3 ? .01 : 2.55) : *number);
      i = at;
    } else {
      ++i;
    }
  }
  if (parts.size() < 3) return {};
  const auto channel = [&](size_t i) { return static_cast<int>(std::clamp(parts[i], 0.0, 255.0)); };
  return Color{channel(0), channel(1), channel(2), parts.size() > 3 ? parts[3] : 1};
}

Style parse_declarations(std::string_view text, uint32_t specificity) {
  Declarations to;
  const std::string lower = lower_case(std::string(text.substr(0, kMaxStyle)));
  for (const std::string& declaration : split(lower, ';')) {
    const size_t colon = declaration.find(':');
    if (colon == std::string::npos) continue;
    std::string_view value = trimmed(std::string_view(declaration).substr(colon + 1));
    const size_t mark = value.find('!');
    to.weight = specificity + 1 + (mark != std::string_view::npos ? kImportant : 0);
    to.declare(trimmed(std::string_view(declaration).substr(0, colon)), trimmed(value.substr(0, mark)));
  }
  return std::move(to.style);
}

void StyleSheet::add(std::string_view css) {
  std::string text;
  for (size_t i = 0; i < css.size();) {  // without comments
    const size_t begin = std::min(css.find("/*", i), css.size());
    text += css.substr(i, begin - i);
    const size_t end = begin < css.size() ? css.find("*/", begin + 2) : css.size();
    i = end >= css.size() ? css.size() : end + 2;
  }
  const std::string_view all = text;
  for (size_t i = 0; i < all.size();) {
    const size_t stop = all.find_first_of("{};", i);
    if (stop == std::string_view::npos) return;
    const std::string_view prelude = trimmed(all.substr(i, stop - i));
    i = stop + 1;
    if (all[stop] != '{') continue;
    if (prelude.starts_with("@media")) {
      const std::string media(trimmed(prelude.substr(6)));
      if (media == "all" || media == "screen") continue;  // its rules stand as if they were outside
    }
    // To the brace that ends this block; a rule has none inside.
    size_t depth = 1, end = i;
    while (end < all.size() && depth > 0) {
      if (all[end] == '{') ++depth;
      if (all[end] == '}') --depth;
      ++end;
    }
    if (!prelude.starts_with("@")) add_rule(prelude, all.substr(i, std::min(all.find('}', i), all.size()) - i));
    i = end;
  }
}

void StyleSheet::add_rule(std::string_view selectors, std::string_view declarations) {
  const Style plain = parse_declarations(declarations, 0);
  if (std::none_of(std::begin(plain.values), std::end(plain.values), [](const auto& v) { return v.weight > 0; }))
    return;
  for (const std::string& text : split(selectors, ',')) {
    auto selector = parse_selector(text);
    if (!selector || rules_.size() >= kMaxRules) continue;
    uint32_t specificity = 0;
    for (const Compound& c : *selector)
      specificity += (c.id.empty() ? 0u : 4096u) + 64u * static_cast<uint32_t>(std::min<size_t>(c.classes.size(), 8)) +
                     (c.element.empty() ? 0u : 1u);
    const Compound& last = selector->back();
    const std::string key = !last.id.empty()        ? std::string("#").append(last.id)
                            : !last.classes.empty() ? std::string(".").append(last.classes[0])
                                                    : last.element;
    std::vector<uint32_t>& same = by_key_[key];
    if (same.size() >= kMaxRulesOfKey) continue;
    same.push_back(static_cast<uint32_t>(rules_.size()));
    rules_.push_back({std::move(*selector), parse_declarations(declarations, specificity)});
  }
}

std::optional<std::vector<StyleSheet::Compound>> StyleSheet::parse_selector(std::string_view text) {
  std::vector<Compound> selector;
  bool child = false;
  text = trimmed(text);
  for (size_t i = 0; i < text.size();) {
    if (is_space(text[i]) || text[i] == '>') {
      child = child || text[i] == '>';
      ++i;
      continue;
    }
    Compound compound;
    compound.child = child && !selector.empty();
    child = false;
    while (i < text.size() && !is_space(text[i]) && text[i] != '>') {
      const char kind = text[i] == '.' || text[i] == '#' ? text[i++] : ' ';
      const size_t begin = i;
      while (i < text.size() && (static_cast<unsigned char>(text[i]) >= 0x80 || std::isalnum(text[i]) != 0 ||
                                 text[i] == '-' || text[i] == '_'))
        ++i;
      const std::string name(text.substr(begin, i - begin));
      if (name.empty() || name == "no-js" || name == "nojs") {
        if (kind == ' ' && begin < text.size() && text[begin] == '*' && compound.classes.empty()) {
          ++i;
          continue;
        }
        return {};  // pseudo-classes, attributes and the like; what only holds without scripts
      }
      if (kind == '.') compound.classes.push_back(name);
      if (kind == '#') compound.id = name;
      if (kind == ' ') compound.element = lower_case(name);
    }
    selector.push_back(std::move(compound));
    if (selector.size() > kMaxCompounds) return {};
  }
  if (selector.empty()) return {};
  const Compound& last = selector.back();
  if (last.element.empty() && last.id.empty() && last.classes.empty()) return {};
  return selector;
}

namespace {

bool has_class(std::string_view classes, std::string_view name) {
  for (size_t at = classes.find(name); at != std::string_view::npos; at = classes.find(name, at + 1)) {
    const size_t end = at + name.size();
    if ((at == 0 || is_space(classes[at - 1])) && (end == classes.size() || is_space(classes[end]))) return true;
  }
  return false;
}

}  // namespace

bool StyleSheet::matches(const Dom& dom, int32_t element, const Compound& compound) {
  if (!compound.element.empty() && dom[element].text != compound.element) return false;
  if (!compound.id.empty() && dom.attribute(element, "id") != compound.id) return false;
  if (compound.classes.empty()) return true;
  const std::string_view classes = dom.attribute(element, "class");
  return std::all_of(compound.classes.begin(), compound.classes.end(),
                     [&](const std::string& name) { return has_class(classes.substr(0, 4096), name); });
}

// From the right; the nearest ancestor that fits is taken, which is enough but for rare mixes of both joints.
bool StyleSheet::matches(const Dom& dom, int32_t element, const std::vector<Compound>& selector) {
  if (!matches(dom, element, selector.back())) return false;
  int32_t at = element;
  int steps = 0;
  for (size_t i = selector.size() - 1; i > 0; --i) {
    const bool child = selector[i].child;
    at = dom[at].parent;
    while (at >= 0 && !matches(dom, at, selector[i - 1])) {
      at = child || ++steps > 32 ? -1 : dom[at].parent;
    }
    if (at < 0) return false;
  }
  return true;
}

Style StyleSheet::style_of(const Dom& dom, int32_t element) const {
  Style style;
  const auto look = [&](const std::string& key) {
    const auto found = by_key_.find(key);
    if (found == by_key_.end()) return;
    for (const uint32_t r : found->second)
      if (matches(dom, element, rules_[r].selector)) style.take(rules_[r].style);
  };
  look(std::string(dom[element].text));
  const std::string_view id = dom.attribute(element, "id");
  if (!id.empty()) look(std::string("#").append(id.substr(0, 256)));
  const std::string_view classes = dom.attribute(element, "class").substr(0, 4096);
  for (size_t i = 0; i < classes.size();) {
    while (i < classes.size() && is_space(classes[i])) ++i;
    size_t end = i;
    while (end < classes.size() && !is_space(classes[end])) ++end;
    if (end > i) look(std::string(".").append(classes.substr(i, end - i)));
    i = end;
  }
  return style;
}

}  // namespace hadal::research
