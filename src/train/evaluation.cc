#include "train/evaluation.h"

#include <fmt/core.h>

#include <algorithm>

#include "base/json.h"

namespace hadal {

const Metric* Evaluation::find(std::string_view metric) const {
  const auto found = std::find_if(metrics.begin(), metrics.end(), [&](const Metric& m) { return m.name == metric; });
  return found == metrics.end() ? nullptr : &*found;
}

OrderedJson evaluations_json(const std::vector<Evaluation>& evaluations) {
  OrderedJson json = OrderedJson::object();
  for (const Evaluation& e : evaluations) {
    OrderedJson& v = json[e.name];
    for (const Metric& m : e.metrics) v[m.name] = number_or_null(m.value);
    v["tokens"] = e.tokens;
  }
  return json;
}

std::string evaluations_text(const std::vector<Evaluation>& evaluations) {
  std::string text;
  for (const Evaluation& e : evaluations) {
    text += fmt::format("{}{}:", text.empty() ? "" : "; ", e.name);
    for (const Metric& m : e.metrics)
      text += fmt::format("{} {} {:.4f}", &m == &e.metrics[0] ? "" : ",", m.name, m.value);
  }
  return text;
}

}  // namespace hadal
