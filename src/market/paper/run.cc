// The loop of a paper account: lines come, are judged, go to the journal, and only then act.
#include <algorithm>

#include "base/clock.h"
#include "base/error.h"
#include "base/folder_lock.h"
#include "base/toml_table.h"
#include "market/factor_source.h"
#include "market/paper/complaints.h"
#include "market/paper/feed.h"
#include "market/paper/journal.h"
#include "market/paper/status.h"

namespace hadal::market {

namespace paper {
namespace {

constexpr int kPatience_ms = 200;
constexpr double kShow_s = 2;

Broker broker_of_strategy(const StrategyFile& strategy) {
  TomlTable table = strategy.broker_table();
  const Broker broker = read_broker(table, strategy.folder());
  table.finish();
  if (broker.lean && strategy.prices == Prices::back)
    fail("{}: prices: expected raw on paper, found back: no feed brings prices that later splits and dividends rewrite",
         strategy.file.string());
  return broker;
}

// The day that a state must not go beyond: of --until or of the strategy's end, whichever is first.
struct Limit {
  Time time = kEver;
  bool given() const { return time != kEver; }
  Date day() const { return date_of(time); }
};

Limit limit_of(const StrategyFile& strategy, const PaperOptions& options) {
  Limit limit;
  if (options.until) limit.time = *options.until;
  if (strategy.end) limit.time = std::min(limit.time, end_of(*strategy.end));
  return limit;
}

class Run {
 public:
  Run(const StrategyFile& strategy, Market& market, const PaperOptions& options);
  PaperRun go();

 private:
  std::string header() const;
  void check_header();
  void replay();
  void follow();
  void take_lines(const std::vector<LineCutter::Line>& lines);
  bool take_line(const LineCutter::Line& line, std::vector<std::string>& accepted, std::vector<EndedSession>& ended);
  void count(Book::Verdict verdict);
  bool is_beyond(const Event& event) const;
  void end_at_limit(Event& event) const;
  void note_end(const Event& event);
  void act(const std::vector<EndedSession>& ended);
  void show(bool session_ended);
  PaperRun conclude();
  bool stopped() const { return options_.stop != nullptr && *options_.stop; }

  const StrategyFile& strategy_;
  Market& market_;
  const PaperOptions& options_;
  Path state_;
  Limit limit_;
  Instruments instruments_;
  Broker broker_;
  Account account_;  // what is refused makes no folder
  FolderLock lock_;
  Book book_;
  std::string data_hash_;
  std::optional<Journal> journal_;
  std::unique_ptr<FeedSource> feed_;
  LineCutter cutter_;
  Complaints complaints_;
  Status status_;
  Stopwatch shown_;
  int64_t lines_shown_ = 0;
  bool looked_back_ = false;  // for what to expect
  bool to_show_ = false;      // a session has ended since the last time
  std::string orders_shown_;  // as orders_next.csv
  double seconds_ = 0;
};

Path made(const Path& folder) {
  std::error_code error;
  std::filesystem::create_directories(folder, error);
  if (error) fail("{}: this folder cannot be made: {}", folder.string(), error.message());
  return folder;
}

Run::Run(const StrategyFile& strategy, Market& market, const PaperOptions& options)
    : strategy_(strategy),
      market_(market),
      options_(options),
      state_(options.state.empty() ? paper_folder(strategy) : options.state),
      limit_(limit_of(strategy, options)),
      instruments_(strategy, market),
      broker_(broker_of_strategy(strategy)),
      account_(strategy, market, instruments_, broker_,
               {.folder = state_ / "windows", .resume = true, .stop = options.stop, .who = {}}),
      lock_(made(state_), "another paper account works in this state",
            "end it first, or take another folder with --state"),
      book_(instruments_.daily(), strategy.start),
      complaints_(options.report) {
  const Query query = strategy.needs_factors() ? query_of(strategy) : traded_query(strategy, broker_);
  data_hash_ = market.data_hash(query);
  status_.strategy = strategy.file.filename().string();
  status_.market = market.name();
  status_.source = options.feed;
  journal_.emplace(state_, header());
  check_header();
}

std::string Run::header() const {
  return dump_json(OrderedJson{{"paper", 1},
                               {"strategy", strategy_.hash()},
                               {"file", strategy_.file.string()},
                               {"data", data_hash_},
                               {"started", time_text(static_cast<Time>(unix_seconds()) * kSecond)}});
}

void Run::check_header() {
  const std::string who = journal_->file().string();
  const Json json = parse_json(journal_->header(), who);
  const auto text = [&](const char* key) { return json.value(key, std::string()); };
  if (json.value("paper", 0) != 1) fail("{}: expected a journal of this version; take a newer hadal", who);
  if (text("strategy") != strategy_.hash())
    fail(
        "{}: expected the state of this strategy, found that of {} as it was ({}); put that file back as it was, or "
        "take another folder with --state for the new one",
        state_.string(), text("file"), text("strategy"));
  data_hash_ = text("data");  // the data at the beginning: however long it runs, it is one try
  status_.started = text("started");
}

bool Run::is_beyond(const Event& event) const {
  if (event.kind != Event::Kind::session_end || !limit_.given()) return false;
  return event.whole_day ? event.date > limit_.day() : event.time > limit_.time;
}

// What ends a later session ends those up to the limit.
void Run::end_at_limit(Event& event) const {
  event.date = limit_.day(), event.time = limit_.time;
  event.text = dump_json(OrderedJson{{"session_end", event.whole_day ? date_text(event.date) : time_text(event.time)}});
}

void Run::note_end(const Event& event) {
  if (event.kind != Event::Kind::session_end || !limit_.given()) return;
  status_.finished = status_.finished || (event.whole_day ? event.date >= limit_.day() : event.time >= limit_.time);
}

void Run::replay() {
  std::vector<EndedSession> ended;
  journal_->replay([&](std::string_view text, int64_t line) {
    if (stopped()) throw Stopped("stopped while the journal was read; nothing was changed");
    const std::string who = fmt::format("{}:{}", journal_->file().string(), line);
    Event event;
    try {
      event = read_event(text, instruments_, who);
    } catch (const Error& error) {
      fail("{}; the market or this program judged it otherwise when it came: restore that, or begin another --state",
           error.what());
    }
    count(book_.take(event, ended));
    note_end(event);
    act(ended);
    to_show_ = to_show_ || !ended.empty();
    ended.clear();
  });
}

void Run::count(Book::Verdict verdict) {
  status_.feed.repeated += verdict == Book::Verdict::repeated;
  status_.feed.restated += verdict == Book::Verdict::restated;
  status_.feed.late += verdict == Book::Verdict::late;
}

// False: nothing more is to be taken.
bool Run::take_line(const LineCutter::Line& line, std::vector<std::string>& accepted,
                    std::vector<EndedSession>& ended) {
  ++status_.feed.lines;
  const std::string who = fmt::format("feed, line {}", status_.feed.lines);
  Event event;
  try {
    if (line.too_long) fail("{}: expected at most {} bytes, found more", who, kMostLine);
    event = read_event(line.text, instruments_, who);
    book_.check(event, who);
  } catch (const UnknownSymbol& error) {
    ++status_.feed.unknown;
    complaints_.add(error.what());
    return true;
  } catch (const Error& error) {
    ++status_.feed.broken;
    complaints_.add(error.what());
    return true;
  }
  if (is_beyond(event)) end_at_limit(event);
  const Book::Verdict verdict = book_.take(event, ended);
  count(verdict);
  if (verdict != Book::Verdict::repeated) accepted.push_back(std::move(event.text));
  note_end(event);
  return !status_.finished;
}

void Run::take_lines(const std::vector<LineCutter::Line>& lines) {
  std::vector<std::string> accepted;
  std::vector<EndedSession> ended;
  for (const LineCutter::Line& line : lines)
    if (!take_line(line, accepted, ended)) break;
  journal_->append(accepted);
  act(ended);
  to_show_ = to_show_ || !ended.empty();
}

void Run::act(const std::vector<EndedSession>& ended) {
  const Stopwatch watch;
  for (const EndedSession& session : ended) {
    if (stopped()) {  // the others are in the journal
      status_.finished = false;
      break;
    }
    account_.act(session);
  }
  seconds_ += watch.seconds();
}

void Run::show(bool session_ended) {
  const bool daily = instruments_.daily();
  if (!std::exchange(looked_back_, !account_.curve().empty()) && looked_back_)
    status_.expected = find_expectation(strategy_, market_, account_.curve().front().date);
  status_.connected = feed_ && feed_->connected() && !status_.finished;
  to_show_ = false;
  const OrderedJson json = status_json(status_, account_, daily);
  const std::string orders = orders_next_csv(account_, daily);
  if (std::exchange(orders_shown_, orders) != orders) write_file_whole(state_ / "orders_next.csv", orders);
  write_file_whole(state_ / "status.json", dump_json(json, 1) + "\n");
  shown_.restart();
  lines_shown_ = status_.feed.lines;
  if (session_ended && options_.session_ended) options_.session_ended(json);
}

void Run::follow() {
  feed_ = open_feed(options_.feed);
  bool connected = true;
  while (!status_.finished && !stopped()) {
    const FeedSource::Piece piece = feed_->read(kPatience_ms);
    if (piece.is_new) cutter_.forget();
    std::vector<LineCutter::Line> lines;
    cutter_.cut(piece.bytes, lines);
    if (piece.bytes.empty()) cutter_.cut_whole_rest(lines);
    take_lines(lines);
    const bool is_behind = piece.bytes.size() == kMostPiece;  // more is there already
    if (to_show_ && (!is_behind || shown_.seconds() >= kShow_s)) show(true);
    complaints_.sum_up(false);
    const bool is_connected = feed_->connected();
    if (is_connected != connected)
      complaints_.add(options_.feed +
                      (is_connected ? " is connected" : " is not there now; it is tried again every second"));
    connected = is_connected;
    const bool changed = is_connected != status_.connected || status_.feed.lines != lines_shown_;
    if (changed && shown_.seconds() >= kShow_s) show(false);
  }
}

PaperRun Run::go() {
  replay();
  show(to_show_);
  if (!status_.finished) follow();
  complaints_.sum_up(true);
  return conclude();
}

PaperRun Run::conclude() {
  PaperRun run;
  run.run = state_;
  run.training.run = state_;
  run.training.data_hash = data_hash_;
  feed_.reset();
  show(to_show_);
  run.result = account_.take_result();
  run.feed = status_.feed;
  run.finished = status_.finished;
  run.seconds = seconds_;
  if (!run.result.curve.empty()) conclude_run(strategy_, market_, run);
  return run;
}

}  // namespace
}  // namespace paper

PaperRun run_paper(const StrategyFile& strategy, Market& market, const PaperOptions& options) {
  check_tradable(strategy);
  check_frequency(strategy, market);
  check_feed(options.feed);
  return paper::Run(strategy, market, options).go();
}

}  // namespace hadal::market
