#include "cluster/policy/ladder.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <map>
#include <tuple>

#include "base/text.h"

namespace hadal::cluster {
namespace {

using LadderKind = LadderDecision::Kind;

// 1.412, .006, nan
std::string figure(double value, int digits = 4) {
  std::string text = fmt::format("{:.{}g}", value, digits);
  if (text.starts_with("0.")) text.erase(0, 1);
  if (text.starts_with("-0.")) text.erase(1, 1);
  return text;
}

std::string in_tokens(int64_t tokens) {
  const auto value = static_cast<double>(tokens);
  if (tokens >= 1'000'000'000) return fmt::format("{:.4g}B", value / 1e9);
  if (tokens >= 1'000'000) return fmt::format("{:.4g}M", value / 1e6);
  if (tokens >= 1000) return fmt::format("{:.4g}k", value / 1e3);
  return fmt::format("{}", tokens);
}

std::string ordinal(size_t n) {
  const char* ending = n % 100 / 10 == 1 ? "th" : n % 10 == 1 ? "st" : n % 10 == 2 ? "nd" : n % 10 == 3 ? "rd" : "th";
  return fmt::format("{}{}", n, ending);
}

// A run of a group of comparable ones, with the scores that it has by now.
struct Climber {
  const LadderRun* run = nullptr;
  std::vector<double> scores;
  bool newly_scored = false;
  bool may_still_come() const {
    return run->state == RunState::queued || run->state == RunState::suspended || is_live(run->state);
  }
};

struct LadderBaseline {
  int seeds = 0;
  double mean = 0, spread = 0;
};

class Group {
 public:
  Group(const PolicyRules& rules, std::vector<LadderDecision>& decisions) : rules_(rules), decisions_(decisions) {}

  void add(const LadderRun& run) { climbers_.push_back({&run, run.scores, false}); }

  void score() {
    for (Climber& climber : climbers_) {
      const LadderRun& run = *climber.run;
      if (run.state != RunState::paused) continue;
      while (climber.scores.size() < static_cast<size_t>(run.rung)) {
        const int rung = static_cast<int>(climber.scores.size()) + 1;
        std::vector<CurvePoint> curve = run.curve;
        if (rung < run.rung)
          std::erase_if(curve, [&](const CurvePoint& point) {
            return point.tokens > rung_tokens(rules_, rung, run.length_tokens);
          });
        LadderDecision& decision = decisions_.emplace_back();
        decision.run = run.id;
        decision.kind = LadderKind::score;
        decision.rung = rung;
        const bool diverged =
            std::any_of(curve.begin(), curve.end(), [](const CurvePoint& p) { return !std::isfinite(p.value); });
        const auto predicted = predicted_final(curve, run.length_tokens, run.larger_is_better);
        decision.score = curve.empty() || diverged ? std::nan("") : predicted ? *predicted : curve.back().value;
        const std::string at = "at " + in_tokens(rung_tokens(rules_, rung, run.length_tokens)) + " tokens";
        if (curve.empty())
          decision.reason = fmt::format("counts as worst {}: it reported no value", at);
        else if (diverged)
          decision.reason = fmt::format("counts as worst {}: it diverged", at);
        else if (predicted)
          decision.reason =
              fmt::format("scores {} {}: predicted from {}; now {}", figure(*predicted), at,
                          counted(static_cast<int64_t>(curve.size()), "point"), figure(curve.back().value));
        else
          decision.reason = fmt::format("scores {} {}: its value, no prediction from {} yet", figure(decision.score),
                                        at, counted(static_cast<int64_t>(curve.size()), "point"));
        climber.scores.push_back(decision.score);
        climber.newly_scored = true;
      }
    }
  }

  void promote() {
    int highest = 0;
    for (const Climber& climber : climbers_)
      if (climber.run->state == RunState::paused) highest = std::max(highest, climber.run->rung);
    for (int rung = 1; rung <= highest; ++rung) decide_at(rung);
  }

 private:
  bool better(double a, double b) const {
    if (std::isnan(a) || std::isnan(b)) return !std::isnan(a) && std::isnan(b);
    return larger_is_better() ? a > b : a < b;
  }
  bool larger_is_better() const { return climbers_.front().run->larger_is_better; }
  static double score_at(const Climber& climber, int rung) { return climber.scores[static_cast<size_t>(rung) - 1]; }

  LadderBaseline baseline_at(const std::vector<const Climber*>& there, int rung) const {
    LadderBaseline baseline;
    double squares = 0;
    for (const Climber* climber : there) {
      const double score = score_at(*climber, rung);
      if (!climber->run->baseline || std::isnan(score)) continue;
      ++baseline.seeds;
      const double off = score - baseline.mean;  // Welford's update
      baseline.mean += off / baseline.seeds;
      squares += off * (score - baseline.mean);
    }
    baseline.spread = baseline.seeds > 1 ? std::sqrt(squares / (baseline.seeds - 1)) : rules_.seed_spread;
    return baseline;
  }

  void decide_at(int rung) {
    std::vector<const Climber*> there;
    bool others_come = false;
    for (const Climber& climber : climbers_) {
      if (climber.scores.size() >= static_cast<size_t>(rung))
        there.push_back(&climber);
      else
        others_come |= climber.may_still_come();
    }
    std::sort(there.begin(), there.end(), [&](const Climber* a, const Climber* b) {
      const double x = score_at(*a, rung), y = score_at(*b, rung);
      if (better(x, y) || better(y, x)) return better(x, y);
      return a->run->id < b->run->id;
    });
    const size_t n = there.size(), go_on = n / static_cast<size_t>(rules_.ratio);
    const LadderBaseline baseline = baseline_at(there, rung);
    for (size_t i = 0; i < n; ++i) {
      const LadderRun& run = *there[i]->run;
      if (run.state != RunState::paused || run.rung != rung || rung >= last_rung(rules_, run.length_tokens)) continue;
      const double score = score_at(*there[i], rung);
      const double behind = std::isnan(score) ? kUnknown : (larger_is_better() ? -1 : 1) * (score - baseline.mean);
      const bool worse = !run.baseline && baseline.seeds > 0 && behind > 2 * baseline.spread;
      const bool alone = n < static_cast<size_t>(rules_.ratio) && !others_come;
      const bool goes_on = !worse && (i < go_on || alone);
      if (!goes_on && !there[i]->newly_scored) continue;
      LadderDecision& decision = decisions_.emplace_back();
      decision.run = run.id;
      decision.kind = goes_on ? LadderKind::promote : LadderKind::hold;
      decision.score = score;
      decision.rung = goes_on ? rung + 1 : rung;
      decision.reason = fmt::format("{} of {} at {} tokens: {}", ordinal(i + 1), n,
                                    in_tokens(rung_tokens(rules_, rung, run.length_tokens)), value_of(run, score));
      if (go_on > 0) decision.reason += "; cut " + figure(score_at(*there[go_on - 1], rung));
      if (baseline.seeds > 0)
        decision.reason += fmt::format("; baseline {} +- {}", figure(baseline.mean), figure(baseline.spread, 2));
      if (worse)
        decision.reason += fmt::format(", worse by more than twice that");
      else if (goes_on && i >= go_on)
        decision.reason += "; no comparable run is still to come";
      else if (!goes_on && n < static_cast<size_t>(rules_.ratio))
        decision.reason += fmt::format("; waits for {} to compare", rules_.ratio);
    }
  }

  static std::string value_of(const LadderRun& run, double score) {
    if (run.curve.empty()) return "no value";
    const double now = run.curve.back().value;
    std::string text = fmt::format("{} {}", figure(now), run.metric.empty() ? "bits/byte" : run.metric);
    if (std::isnan(score)) return std::isnan(now) ? "diverged" : text + ", but it diverged before";
    if (score != now) text += ", predicts " + figure(score);
    return text;
  }

  const PolicyRules& rules_;
  std::vector<LadderDecision>& decisions_;
  std::vector<Climber> climbers_;
};

}  // namespace

int64_t rung_tokens(const PolicyRules& rules, int rung, int64_t length_tokens) {
  int64_t tokens = rules.first_tokens;
  for (int r = 1; r < rung && tokens < length_tokens; ++r)
    tokens = tokens > length_tokens / rules.ratio ? length_tokens : tokens * rules.ratio;
  return std::min(tokens, length_tokens);
}

int last_rung(const PolicyRules& rules, int64_t length_tokens) {
  int rung = 1;
  while (rung_tokens(rules, rung, length_tokens) < length_tokens) ++rung;
  return rung;
}

std::vector<LadderDecision> climb(const PolicyRules& rules, const std::vector<LadderRun>& runs) {
  std::vector<LadderDecision> decisions;
  std::map<std::tuple<std::string, std::string, bool>, Group> groups;
  for (const LadderRun& run : runs)
    if (run.length_tokens > 0)
      groups.try_emplace({run.held_out, run.metric, run.larger_is_better}, rules, decisions).first->second.add(run);
  for (auto& [key, group] : groups) group.score();
  for (auto& [key, group] : groups) group.promote();
  return decisions;
}

}  // namespace hadal::cluster
