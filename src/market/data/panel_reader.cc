#include "market/data/panel_reader.h"

#include <algorithm>
#include <numeric>

#include "base/threads.h"
#include "market/data/universe.h"
#include "market/data/view.h"

namespace hadal::market {
namespace {

constexpr size_t kTogether = 8;  // instruments: a cache line of each column

// Adds the times of pieces to the ascending ones that are there.
void add_times(const Pieces& pieces, std::vector<Time>& times, std::vector<Date>& sessions) {
  std::vector<Time> merged;
  std::vector<Date> merged_sessions;
  size_t at = 0;
  bool is_new = false;
  for (const Piece& piece : pieces)  // a first look: most instruments add nothing
    for (int64_t row = piece.begin; row < piece.end && !is_new; ++row) {
      while (at < times.size() && times[at] < piece.run->time[row]) ++at;
      is_new = at == times.size() || times[at] != piece.run->time[row];
    }
  if (!is_new) return;
  merged.reserve(times.size() + static_cast<size_t>(count_of(pieces)));
  merged_sessions.reserve(merged.capacity());
  at = 0;
  const auto add = [&](Time time, Date session) { merged.push_back(time), merged_sessions.push_back(session); };
  for (const Piece& piece : pieces)
    for (int64_t row = piece.begin; row < piece.end; ++row) {
      const Time time = piece.run->time[row];
      for (; at < times.size() && times[at] < time; ++at) add(times[at], sessions[at]);
      if (at < times.size() && times[at] == time) ++at;
      add(time, piece.run->session[row]);
    }
  for (; at < times.size(); ++at) add(times[at], sessions[at]);
  times.swap(merged), sessions.swap(merged_sessions);
}

// One instrument's bars, and how its prices are shown.
struct Column {
  Pieces pieces;
  Adjuster adjuster;
};

class StorePanelReader final : public PanelReader {
 public:
  StorePanelReader(const Store& store, const Query& query, const std::vector<const Instrument*>& instruments,
                   PanelOrder order);

  const std::vector<std::string>& symbols() const override { return symbols_; }
  const std::vector<Time>& times() const override { return times_; }
  const std::vector<Date>& sessions() const override { return sessions_; }
  const std::vector<Span>& spans() const override { return spans_; }
  int64_t num_bars() const override { return num_bars_; }

  void read_rows(size_t first, size_t count, Panel& panel) override {
    first = std::min(first, times_.size());
    read(first, std::min(count, times_.size() - first), 0, symbols_.size(), panel);
  }
  void read_instruments(size_t first, size_t count, Panel& panel) override {
    first = std::min(first, symbols_.size());
    read(0, times_.size(), first, std::min(count, symbols_.size() - first), panel);
  }

 private:
  void sort_by_span();
  void read(size_t row, size_t num_rows, size_t instrument, size_t num_instruments, Panel& panel);
  void fill_columns(size_t instrument, size_t column, size_t num_columns, Panel& panel);

  const Store& store_;
  const Query query_;
  std::vector<const Instrument*> instruments_;
  std::vector<Column> columns_;
  std::vector<std::string> symbols_;
  std::vector<Time> times_;
  std::vector<Date> sessions_;
  std::vector<Span> spans_;
  int64_t num_bars_ = 0;
};

StorePanelReader::StorePanelReader(const Store& store, const Query& query,
                                   const std::vector<const Instrument*>& instruments, PanelOrder order)
    : store_(store), query_(query), instruments_(instruments) {
  columns_.reserve(instruments.size());
  for (const Instrument* instrument : instruments) {
    symbols_.push_back(instrument->last_symbol);
    const Pieces visible = visible_pieces(store.runs(instrument->id), instrument->interval == kDay, query.as_of);
    columns_.push_back({within(visible, query.from, query.to),
                        Adjuster(store, *instrument, visible, query.prices, query.as_of, query.vendor_factors)});
    add_times(columns_.back().pieces, times_, sessions_);
    num_bars_ += count_of(columns_.back().pieces);
  }
  const auto row_of = [&](Time time) {
    return static_cast<size_t>(std::lower_bound(times_.begin(), times_.end(), time) - times_.begin());
  };
  for (const auto& [pieces, adjuster] : columns_)
    spans_.push_back(pieces.empty() ? Span{times_.size(), 0}
                                    : Span{row_of(pieces.front().run->time[pieces.front().begin]),
                                           row_of(pieces.back().run->time[pieces.back().end - 1])});
  if (order == PanelOrder::by_span) sort_by_span();
}

void StorePanelReader::sort_by_span() {
  std::vector<size_t> places(spans_.size());
  std::iota(places.begin(), places.end(), size_t{0});
  std::stable_sort(places.begin(), places.end(), [&](size_t a, size_t b) {
    return spans_[a].first != spans_[b].first ? spans_[a].first < spans_[b].first : spans_[a].last < spans_[b].last;
  });
  const auto sort = [&](auto& values) {
    std::remove_cvref_t<decltype(values)> sorted;
    sorted.reserve(values.size());
    for (const size_t place : places) sorted.push_back(std::move(values[place]));
    values = std::move(sorted);
  };
  sort(instruments_), sort(columns_), sort(symbols_), sort(spans_);
}

void StorePanelReader::read(size_t row, size_t num_rows, size_t instrument, size_t num_instruments, Panel& panel) {
  const auto part = [](const auto& values, size_t first, size_t count) {
    const auto begin = values.begin() + static_cast<ptrdiff_t>(first);
    return std::remove_cvref_t<decltype(values)>(begin, begin + static_cast<ptrdiff_t>(count));
  };
  panel.symbols = part(symbols_, instrument, num_instruments);
  panel.times = part(times_, row, num_rows), panel.sessions = part(sessions_, row, num_rows);
  const size_t cells = num_rows * num_instruments;
  for (auto* column : {&panel.open, &panel.high, &panel.low, &panel.close, &panel.volume, &panel.vwap})
    column->resize(cells);
  const size_t groups = (num_instruments + kTogether - 1) / kTogether;
  ThreadPool::shared().parallel_for(static_cast<int64_t>(groups), [&](int64_t group, int) {
    const size_t first = static_cast<size_t>(group) * kTogether;
    fill_columns(instrument + first, first, std::min(kTogether, num_instruments - first), panel);
  });
  panel.member.assign(cells, 1);
  if (query_.universe != "all") fill_members(store_, query_, part(instruments_, instrument, num_instruments), panel);
}

// Writes a few neighbouring instruments at a time, so that what is written lies in few cache lines.
void StorePanelReader::fill_columns(size_t instrument, size_t column, size_t num_columns, Panel& panel) {
  struct Place {
    Adjuster adjuster;
    Pieces::const_iterator piece, end;
    int64_t row = 0;
  };
  if (panel.num_times() == 0) return;
  std::vector<Place> places;
  for (size_t i = 0; i < num_columns; ++i) {
    const Column& from = columns_[instrument + i];
    Place place{from.adjuster, {}, from.pieces.end()};
    const Time time = panel.times.front();
    place.piece = std::partition_point(from.pieces.begin(), from.pieces.end(),
                                       [&](const Piece& piece) { return piece.run->time[piece.end - 1] < time; });
    if (place.piece != place.end) {
      const Time* times = place.piece->run->time;
      place.row = std::lower_bound(times + place.piece->begin, times + place.piece->end, time) - times;
    }
    places.push_back(std::move(place));
  }
  for (size_t t = 0; t < panel.num_times(); ++t) {
    for (size_t i = 0; i < num_columns; ++i) {
      Place& place = places[i];
      const size_t cell = panel.at(t, column + i);
      if (place.piece == place.end || place.piece->run->time[place.row] != panel.times[t]) {
        for (auto* values : {&panel.open, &panel.high, &panel.low, &panel.close, &panel.volume, &panel.vwap})
          (*values)[cell] = kMissing;
        continue;
      }
      const RunView& run = *place.piece->run;
      const Adjuster::Factor& factor = place.adjuster.at(run.session[place.row]);
      panel.open[cell] = run.value[kOpen][place.row] * factor.price;
      panel.high[cell] = run.value[kHigh][place.row] * factor.price;
      panel.low[cell] = run.value[kLow][place.row] * factor.price;
      panel.close[cell] = run.value[kClose][place.row] * factor.price;
      panel.volume[cell] = run.value[kVolume] == nullptr ? kMissing : run.value[kVolume][place.row] * factor.volume;
      panel.vwap[cell] = run.value[kVwap] == nullptr ? kMissing : run.value[kVwap][place.row] * factor.price;
      if (++place.row == place.piece->end && ++place.piece != place.end) place.row = place.piece->begin;
    }
  }
}

}  // namespace

std::unique_ptr<PanelReader> make_panel_reader(const Store& store, const Query& query,
                                               const std::vector<const Instrument*>& instruments, PanelOrder order) {
  return std::make_unique<StorePanelReader>(store, query, instruments, order);
}

}  // namespace hadal::market
