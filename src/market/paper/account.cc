#include "market/paper/account.h"

#include "base/error.h"
#include "market/paper/history.h"
#include "market/paper/scores.h"
#include "market/portfolio/portfolio.h"

namespace hadal::market::paper {
namespace {

// A targets or orders file, without a feed that says which sessions there will be.
Schedule schedule_of(const StrategyFile& strategy, const Instruments& instruments) {
  Feed feed;
  feed.daily = instruments.daily();
  feed.symbols = instruments.symbols();
  Schedule schedule = read_schedule(strategy.portfolio->file, feed);
  const auto settle = [&](auto& item) {
    if (feed.daily) item.time = 0;  // as a backtest reads them
    if (!feed.daily && item.time == 0)
      fail("{}:{}: date: expected a time, as nobody knows on the day which bar will be its last, found {}",
           schedule.file, item.line, date_text(item.date));
  };
  for (Target& target : schedule.targets) settle(target);
  for (ScheduledOrder& order : schedule.orders) settle(order);
  return schedule;
}

}  // namespace

// Factors, forecaster and portfolio at the last row of each session.
class Account::ByScores final : public Strategy {
 public:
  ByScores(const StrategyFile& strategy, const Market& market, const std::vector<std::string>& symbols,
           forecast::FitRun fits)
      : history_(strategy, market, symbols),
        scores_(strategy, history_, std::move(fits)),
        policy_(*strategy.portfolio, strategy.file.string()),
        who_(strategy.file.string()) {}

  void add(const EndedSession& session) { history_.add(session); }

  // A session of which another step is still to come decides nothing.
  void set_last_of_day(bool last) { last_of_day_ = last; }

  void decide(TradingSession& session) override {
    const Panel& panel = history_.panel();
    if (!last_of_day_ || panel.sessions.empty() || panel.sessions.back() != session.date()) return;
    const auto rebalance = policy_.decide(history_, panel.num_times() - 1, scores_.at_last_row());
    if (!rebalance) return;
    for (const TargetWeight& target : rebalance->targets) {
      const int32_t instrument = history_.traded(target.instrument);
      if (!session.order_target(instrument, target.weight))
        fail("{}: expected a bar of {} by {}, found none; a weight needs a price", who_,
             brief(session.symbol(instrument)), date_text(session.date()));
    }
  }

 private:
  History history_;
  Scores scores_;
  PortfolioPolicy policy_;
  std::string who_;
  bool last_of_day_ = true;
};

Account::Account(const StrategyFile& strategy, const Market& market, const Instruments& instruments,
                 const Broker& broker, forecast::FitRun fits)
    : instruments_(instruments),
      strategy_(make_strategy(strategy, market, broker, std::move(fits))),
      trading_(broker, instruments.symbols(), *strategy_, instruments.daily()) {}

Account::~Account() = default;

std::unique_ptr<Strategy> Account::make_strategy(const StrategyFile& strategy, const Market& market,
                                                 const Broker& broker, forecast::FitRun fits) {
  if (!strategy.needs_factors()) return scheduled_strategy(schedule_of(strategy, instruments_), broker, nullptr);
  auto scored = std::make_unique<ByScores>(strategy, market, instruments_.symbols(), std::move(fits));
  scored_ = scored.get();
  return scored;
}

void Account::act(const EndedSession& session) {
  trading_.begin_session(session.date, session.time);
  for (const FeedAction& item : session.actions)  // before the first session nothing could be held
    if (!curve_.empty() || item.action.effective >= session.date) trading_.on_action(item.instrument, item.action);
  for (const SessionBar& item : session.bars) trading_.on_bar(item.bar);
  if (scored_ != nullptr) {
    scored_->add(session);
    scored_->set_last_of_day(session.ends_day);
  }
  trading_.end_session();
  curve_.push_back({session.date, session.time, trading_.equity(), trading_.cash(), {}});
}

}  // namespace hadal::market::paper
