// Looks through any text for numbers that no figure of a run says.
#include "market/report/verify.h"

#include <algorithm>
#include <cmath>

#include "market/report.h"
#include "market/report/dates.h"
#include "market/report/direction.h"
#include "market/report/number_phrase.h"
#include "market/report/text.h"

namespace hadal::market {
namespace {

bool is_near(double figure, double written, double half) {
  return std::abs(figure - written) <= half * (1 + 1e-9) + 1e-13 * figure;
}

bool says_value(const Mention& m, const NumberFigure& figure) {
  if (m.is_ordinal && !figure.is_count) return false;
  if (m.scale == 1) return is_near(std::abs(figure.value), m.value, m.half);
  return !figure.is_count && is_near(std::abs(figure.share) * m.scale, m.value, m.half);
}

bool agrees(const Mention& m, const Direction& d, const NumberFigure& figure) {
  if ((m.sign < 0 && figure.value > 0) || (m.sign > 0 && figure.value < 0)) return false;
  if (figure.is_count) return true;
  const double gain = figure.is_cost ? -figure.value : figure.value;
  return !(d.gain && gain < 0) && !(d.loss && gain > 0) && !(d.gain && d.loss && gain != 0);
}

class Binder {
 public:
  Binder(const FigureList& figures, size_t most) : figures_(figures), most_(most) {}

  // The multiplier of a range's end is of its first number too, unless a figure is that number as it stands, or only
  // the number as it stands is as large as what the end counts in.
  void settle_multiplier(Mention& m) const {
    if (m.shared == 1 || is_said(m)) return;
    Mention times = m;
    times.value *= m.shared, times.half *= m.shared;
    if (m.value < m.shared || is_said(times)) m = times;
  }

  std::vector<std::string> figures_of(const Mention& m, const Direction& d) const {
    std::vector<std::string> paths;
    if (d.negated || d.against) return paths;
    if (m.has_date()) add_dates(m.date, paths);
    if (!m.is_number) return paths;
    if (m.over > 0) {
      add_ratio(m, d, paths);
    } else {
      add_numbers(m, d, paths);
    }
    return paths;
  }

 private:
  bool is_said(const Mention& m) const {
    return std::any_of(figures_.numbers.begin(), figures_.numbers.end(),
                       [&](const NumberFigure& figure) { return says_value(m, figure); });
  }
  void add_dates(const DateParts& written, std::vector<std::string>& paths) const {
    for (const DateFigure& figure : figures_.dates)
      if (paths.size() < most_ && says_date(written, figure.date)) paths.push_back(figure.path);
  }
  void add_numbers(const Mention& m, const Direction& d, std::vector<std::string>& paths) const {
    for (const NumberFigure& figure : figures_.numbers)
      if (paths.size() < most_ && says_value(m, figure) && agrees(m, d, figure)) paths.push_back(figure.path);
  }
  // Both may be counts, or they are one share.
  void add_ratio(const Mention& m, const Direction& d, std::vector<std::string>& paths) const {
    Mention share = m;
    share.value = m.value / m.over, share.half = m.value > 0 ? half_of_part(share.value) : 0;
    add_numbers(share, d, paths);
    if (!paths.empty() || m.scale != 1) return;
    Mention part = m;
    part.half = 0.5, part.is_ordinal = true;
    std::vector<std::string> whole;
    add_numbers(part, d, paths);
    part.value = m.over;
    add_numbers(part, d, whole);
    if (whole.empty()) paths.clear();
  }

  const FigureList& figures_;
  size_t most_;
};

}  // namespace

std::vector<Said> read_said(std::u32string_view text, const FigureList& figures, size_t most) {
  const std::vector<FoundName> names = figures.find_names(text);
  std::vector<bool> named(text.size());
  for (const FoundName& name : names)
    std::fill(named.begin() + static_cast<ptrdiff_t>(name.begin), named.begin() + static_cast<ptrdiff_t>(name.end),
              true);
  const TokenText tokens = read_tokens(text, named);
  const Binder binder(figures, most);
  std::vector<Mention> mentions = read_mentions(tokens);
  for (Mention& m : mentions) binder.settle_multiplier(m);
  const std::vector<Direction> directions = directions_of(tokens, mentions);
  std::vector<Said> said;
  for (const FoundName& name : names) said.push_back({name.begin, name.end, {figures.names[name.name].path}, false});
  for (size_t k = 0; k < mentions.size(); ++k) {
    const Mention& m = mentions[k];
    said.push_back({tokens.begin(m.first), tokens.end(m.last), binder.figures_of(m, directions[k]),
                    directions[k].loss || m.sign < 0});
  }
  std::sort(said.begin(), said.end(), [](const Said& a, const Said& b) { return a.begin < b.begin; });
  return said;
}

std::vector<Unbound> unbound_numbers(std::string_view text, const OrderedJson& figures) {
  const std::u32string points = code_points(text);
  std::vector<Unbound> unbound;
  for (const Said& said : read_said(points, FigureList::of_run(figures), 1))
    if (said.figures.empty())
      unbound.push_back(
          {utf8(std::u32string_view(points).substr(said.begin, said.end - said.begin)), said.begin, said.end});
  return unbound;
}

}  // namespace hadal::market
