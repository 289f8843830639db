#include "market/factors/engine.h"

#include <algorithm>
#include <cmath>
#include <cstdlib>
#include <cstring>
#include <new>

#include "base/error.h"
#include "base/threads.h"
#include "base/toml_table.h"
#include "market/factors/cross_section.h"
#include "market/panel.h"

namespace hadal::market::factors {

void Rows::Free::operator()(double* data) const { std::free(data); }

Rows::Rows(size_t count) : size_(count) {
  if (count == 0) return;
  data_.reset(static_cast<double*>(std::aligned_alloc(64, count * kLanes * sizeof(double))));
  if (data_ == nullptr) throw std::bad_alloc();
  std::fill_n(data_.get(), count * kLanes, kMissing);
}

Engine::Engine(std::shared_ptr<const Program> program, const std::vector<std::string>& symbols,
               std::vector<uint32_t> order, size_t most_rows, size_t capacity)
    : program_(std::move(program)),
      order_(std::move(order)),
      num_instruments_(symbols.size()),
      most_rows_(most_rows),
      capacity_(std::max(most_rows, capacity)),
      kernels_(&chosen_kernels()),
      constants_(program_->constants.size()) {
  HADAL_CHECK(order_.size() == num_instruments_, "an order of {} for {}", order_.size(), num_instruments_);
  for (size_t i = 0; i < program_->constants.size(); ++i)
    std::fill_n(constants_[static_cast<int64_t>(i)], kLanes, program_->constants[i]);
  for (const Placement& p : program_->places)
    if (p.used && p.history > 0)
      pasts_.push_back({p.kept_row + p.kept_index * static_cast<int64_t>(capacity_), p.history});
  mask_instruments_.assign(program_->places.size(), -1);
  for (size_t n = 0; n < program_->places.size(); ++n) {
    const Node& node = program_->graph.nodes()[n];
    if (node.op != Op::mask || !program_->places[n].used) continue;
    const auto found = std::find(symbols.begin(), symbols.end(), node.symbol);
    if (found == symbols.end())
      fail("{}: no instrument {} among the {} that are read; did you mean {}?", brief(node.text), brief(node.symbol),
           symbols.size(), nearest_word(node.symbol, symbols));
    mask_instruments_[n] = found - symbols.begin();
  }
  tiles_.resize((num_instruments_ + kLanes - 1) / kLanes);
  for (size_t i = 0; i < tiles_.size(); ++i) {
    Tile& tile = tiles_[i];
    tile.lanes = static_cast<int>(std::min<size_t>(kLanes, num_instruments_ - i * kLanes));
    tile.instruments = order_.data() + i * kLanes;
    tile.neighbours = true;
    for (int l = 1; l < tile.lanes; ++l)
      tile.neighbours = tile.neighbours && tile.instruments[l] == tile.instruments[l - 1] + 1;
    tile.kept = Rows(static_cast<size_t>(program_->kept_history) + static_cast<size_t>(program_->num_kept) * capacity_);
    // Lanes that no instrument has hold some number: a tile without missing values takes the shorter loops.
    for (size_t r = 0; r < tile.kept.size(); ++r)
      std::fill(tile.kept[static_cast<int64_t>(r)] + tile.lanes, tile.kept[static_cast<int64_t>(r)] + kLanes, 1.0);
    tile.states = Rows(static_cast<size_t>(program_->num_states));
    for (size_t r = 1; r < tile.states.size(); r += kStatesOfRecursion)
      std::fill_n(tile.states[static_cast<int64_t>(r)], kLanes, 0.0);
  }
  boards_.resize(static_cast<size_t>(program_->num_boards));
  for (auto& board : boards_) board.resize(most_rows_ * num_instruments_);
}

double* Engine::rows_of(Tile& tile, Worker& worker, int node) {
  const Placement& p = place(node);
  if (!p.kept) return worker.slots[p.slot * static_cast<int64_t>(most_rows_)];
  return tile.kept[p.kept_row + p.kept_index * static_cast<int64_t>(capacity_) + p.history +
                   static_cast<int64_t>(tile.offset)];
}

Operand Engine::operand(Tile& tile, Worker& worker, int node) {
  if (node < 0) return {};
  if (place(node).constant >= 0) return {constants_[place(node).constant], 0};
  return {rows_of(tile, worker, node), kLanes};
}

double* Engine::board(int node) { return boards_[static_cast<size_t>(place(node).board)].data(); }

void Engine::run(const Columns& columns, size_t rows, double* out) {
  HADAL_CHECK(rows >= 1 && rows <= most_rows_, "{} rows in a block of {}", rows, most_rows_);
  ThreadPool& pool = ThreadPool::shared();
  while (workers_.size() < static_cast<size_t>(pool.size())) {
    Worker& worker = workers_.emplace_back();
    worker.slots = Rows(static_cast<size_t>(program_->num_slots) * most_rows_);
    worker.scratch = Rows(2 * most_rows_);
    worker.ages = Rows(most_rows_);
    worker.counts = Rows(1);
    worker.sorted = Rows(static_cast<size_t>(program_->most_history) + 2);
    worker.bars.resize(kLanes * most_rows_);
  }
  const Block block{columns, rows, out};
  for (size_t stage = 0; stage < program_->stages.size(); ++stage) {
    if (!program_->across[stage].empty())
      for (const int node : program_->across[stage]) compute_across(block, node);
    pool.parallel_for(static_cast<int64_t>(tiles_.size()), [&](int64_t tile, int worker) {
      run_tile(block, tiles_[static_cast<size_t>(tile)], workers_[static_cast<size_t>(worker)], stage);
    });
  }
}

void Engine::run_tile(const Block& block, Tile& tile, Worker& worker, size_t stage) {
  find_bars(block, tile, worker);
  if (stage == 0) make_room(tile, worker.rows);
  for (const Step& step : program_->stages[stage]) {
    if (worker.rows > 0) compute(block, tile, worker, step);
    for (const int node : step.nodes) {
      const Placement& p = place(node);
      if (p.outputs.empty() && p.board < 0) continue;
      const double* rows = worker.rows > 0 ? rows_of(tile, worker, node) : nullptr;
      for (const int output : p.outputs)
        scatter(rows, block, tile, worker, block.out + static_cast<size_t>(output) * block.rows * num_instruments_);
      if (p.board >= 0 && kind_of(program_->graph[node].op) != Kind::across)
        scatter(rows, block, tile, worker, board(node));
    }
  }
  if (stage + 1 == program_->stages.size()) advance(tile, worker);
}

void Engine::find_bars(const Block& block, Tile& tile, Worker& worker) const {
  std::fill_n(worker.num_bars, kLanes, 0);
  const double* close = block.columns.fields[static_cast<int>(Field::close)];
  for (size_t row = 0; close != nullptr && row < block.rows; ++row)
    for (int l = 0; l < tile.lanes; ++l)
      if (!std::isnan(close[row * num_instruments_ + tile.instruments[l]]))
        worker.bars[static_cast<size_t>(l) * most_rows_ + static_cast<size_t>(worker.num_bars[l]++)] =
            static_cast<uint32_t>(row);
  const auto [least, most] = std::minmax_element(worker.num_bars, worker.num_bars + tile.lanes);
  worker.rows = static_cast<size_t>(*most);
  worker.dense = *least == static_cast<int>(block.rows);
  for (int l = 0; l < kLanes; ++l) worker.counts[0][l] = worker.num_bars[l];
  for (size_t r = 0; r < worker.rows; ++r)
    for (int l = 0; l < kLanes; ++l) worker.ages[static_cast<int64_t>(r)][l] = tile.age[l] + static_cast<double>(r + 1);
}

void Engine::compute(const Block& block, Tile& tile, Worker& worker, const Step& step) {
  const int n = step.nodes[0];
  const Node& node = program_->graph[n];
  const auto rows = static_cast<int64_t>(worker.rows);
  const auto x = [&](int i) { return operand(tile, worker, node.args[static_cast<size_t>(i)]); };
  double* out = rows_of(tile, worker, n);
  switch (kind_of(node.op)) {
    case Kind::leaf:
      return load(block.columns.fields[node.window], block, tile, worker, n);
    case Kind::across:
      return load(board(n), block, tile, worker, n);
    case Kind::element:
      return kernels_->element(node.op, out, x(0), x(1), x(2), rows);
    case Kind::recursive:
      return kernels_->recursive({node.op, out, x(0).rows, x(1).rows, node.window, rows, node.number, worker.counts[0],
                                  tile.states[place(n).state]});
    case Kind::window:
    case Kind::pair:
      if (node.op == Op::quantile) return compute_quantiles(tile, worker, step);
      return kernels_->window({node.op, out, x(0).rows, x(1).rows, node.window, node.least, rows, worker.ages[0],
                               worker.counts[0], worker.scratch[0]});
  }
}

void Engine::compute_quantiles(Tile& tile, Worker& worker, const Step& step) {
  std::vector<double> shares;
  std::vector<double*> outs;
  for (const int n : step.nodes) {
    shares.push_back(program_->graph[n].number);
    outs.push_back(rows_of(tile, worker, n));
  }
  const Node& node = program_->graph[step.nodes[0]];
  kernels_->quantiles({rows_of(tile, worker, node.args[0]), node.window, static_cast<int64_t>(worker.rows),
                       shares.data(), outs.data(), static_cast<int64_t>(outs.size()), worker.sorted[0]});
}

// The column's values at the instruments' bars. What stands behind a lane's last bar has no meaning: its last value is
// repeated, so that nothing seems to be missing.
void Engine::load(const double* column, const Block& block, Tile& tile, Worker& worker, int node) {
  double* out = rows_of(tile, worker, node);
  const auto plain = [](double value) { return std::isfinite(value) ? value : kMissing; };
  if (worker.dense && tile.neighbours && column != nullptr) {
    for (size_t r = 0; r < block.rows; ++r, out += kLanes) {
      const double* from = column + r * num_instruments_ + tile.instruments[0];
      for (int l = 0; l < tile.lanes; ++l) out[l] = plain(from[l]);
      std::fill(out + tile.lanes, out + kLanes, 1.0);
    }
    return;
  }
  for (int l = 0; l < kLanes; ++l) {
    double value = l >= tile.lanes ? 1.0 : place(node).history > 0 ? out[l - kLanes] : kMissing;
    for (size_t r = 0; r < worker.rows; ++r) {
      if (static_cast<int>(r) < worker.num_bars[l])
        value = column == nullptr
                    ? kMissing
                    : plain(column[worker.bars[static_cast<size_t>(l) * most_rows_ + r] * num_instruments_ +
                                   tile.instruments[l]]);
      out[r * kLanes + static_cast<size_t>(l)] = value;
    }
  }
}

void Engine::scatter(const double* rows, const Block& block, const Tile& tile, const Worker& worker,
                     double* out) const {
  if (worker.dense && tile.neighbours) {
    for (size_t r = 0; r < block.rows; ++r)
      std::memcpy(out + r * num_instruments_ + tile.instruments[0], rows + r * kLanes,
                  static_cast<size_t>(tile.lanes) * sizeof(double));
    return;
  }
  for (size_t r = 0; r < block.rows; ++r)
    for (int l = 0; l < tile.lanes; ++l) out[r * num_instruments_ + tile.instruments[l]] = kMissing;
  for (int l = 0; l < tile.lanes; ++l)
    for (int r = 0; r < worker.num_bars[l]; ++r)
      out[worker.bars[static_cast<size_t>(l) * most_rows_ + static_cast<size_t>(r)] * num_instruments_ +
          tile.instruments[l]] = rows[r * kLanes + l];
}

void Engine::compute_across(const Block& block, int n) {
  const Node& node = program_->graph[n];
  const double* x = board(node.args[0]);
  const double* y = node.args[1] >= 0 ? board(node.args[1]) : nullptr;
  double* out = board(n);
  ThreadPool::shared().parallel_for(static_cast<int64_t>(block.rows), [&](int64_t row, int) {
    const size_t at = static_cast<size_t>(row) * num_instruments_;
    const char* member = block.columns.member == nullptr ? nullptr : block.columns.member + at;
    if (node.op == Op::cs_rank) rank_across(x + at, member, num_instruments_, out + at);
    if (node.op == Op::cs_zscore) zscore_across(x + at, member, num_instruments_, out + at);
    if (node.op == Op::cs_demean)
      demean_across(x + at, y == nullptr ? nullptr : y + at, member, num_instruments_, out + at);
    if (node.op == Op::mask)
      std::fill_n(out + at, num_instruments_, x[at + static_cast<size_t>(mask_instruments_[static_cast<size_t>(n)])]);
  });
}

void Engine::make_room(Tile& tile, size_t rows) {
  if (tile.offset + rows <= capacity_) return;
  for (const Past& past : pasts_) {
    double* first = tile.kept[past.first];
    std::memmove(first, first + tile.offset * kLanes, static_cast<size_t>(past.history) * kLanes * sizeof(double));
  }
  tile.offset = 0;
}

// The present becomes the past. Lanes with fewer bars are moved up to the others.
void Engine::advance(Tile& tile, const Worker& worker) {
  for (int l = 0; l < tile.lanes; ++l) {
    tile.age[l] += worker.num_bars[l];
    const auto lag = static_cast<int64_t>(worker.rows) - worker.num_bars[l];
    if (lag == 0) continue;
    for (const Past& past : pasts_) {
      double* begin = tile.kept[past.first + static_cast<int64_t>(tile.offset + worker.rows)] + l;
      for (int64_t r = past.history - 1; r >= 0; --r) begin[r * kLanes] = begin[(r - lag) * kLanes];
    }
  }
  tile.offset += worker.rows;
}

}  // namespace hadal::market::factors
