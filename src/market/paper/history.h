// The panel, the factors and the label of a strategy as they grow on paper: what came before `start` from the store,
// then session by session. Every row is, bit for bit, that of the backtest's panel over the same bars.
#pragma once

#include <optional>
#include <vector>

#include "market/factors.h"
#include "market/forecast.h"
#include "market/market.h"
#include "market/paper/book.h"

namespace hadal::market::paper {

// How raw prices of one instrument are shown: the factors of Prices::forward, as far as its actions are known.
class ForwardPrices {
 public:
  ForwardPrices(bool splits, bool dividends) : splits_(splits), dividends_(dividends) {}
  void add(const Action& action) { actions_.push_back(action); }  // by day; of a day: dividends, then splits
  // To be called for each bar, in their order.
  void step(Date session, double raw_close);
  double price() const { return price_; }
  double volume() const { return volume_; }

 private:
  bool splits_, dividends_;  // whether they are not inside the prices already
  std::vector<Action> actions_;
  size_t next_ = 0;
  double close_ = kMissing;  // raw, of the bar before
  double price_ = 1, volume_ = 1;
};

class History final : public FeatureSource {
 public:
  // `symbols`: of the feed's instruments. The market must live as long. Error for prices that later events rewrite.
  History(const StrategyFile& strategy, const Market& market, const std::vector<std::string>& symbols);

  void add(const EndedSession& session);
  // The feed's number of an instrument of the panel.
  int32_t traded(uint32_t instrument) const { return traded_[instrument]; }
  // Makes labels() and label_ends() those of all rows; they are stale after add().
  void update_labels();

  const Panel& panel() const override { return panel_; }
  const std::vector<std::string>& features() const override { return names_; }
  void read(RowRange rows, std::vector<double>& out) const override;
  int64_t horizon() const override { return horizon_; }
  const std::vector<double>& labels() const override { return labels_; }
  const std::vector<uint32_t>& label_ends() const override { return label_ends_; }

 private:
  void add_past();
  void add_row(Time time, Date session, std::span<const SessionBar> bars);
  void add_member(size_t row);
  void add_features(bool keep);

  const StrategyFile& strategy_;
  const Market& market_;
  Query query_;
  Panel panel_;
  std::vector<int32_t> traded_;  // by instrument of the panel
  std::vector<int32_t> column_;  // by instrument of the feed; -1: not in the panel
  std::vector<ForwardPrices> shown_;
  std::vector<std::string> names_;
  std::optional<FactorStream> factors_;
  std::optional<FactorProgram> label_;
  size_t first_row_ = 0;        // for which features are kept
  std::vector<double> values_;  // [row from first_row_ on][instrument][feature]
  int64_t horizon_ = 0;
  std::vector<double> labels_;
  std::vector<uint32_t> label_ends_;
};

}  // namespace hadal::market::paper
