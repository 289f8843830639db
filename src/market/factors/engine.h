// Runs a program over rows of a panel, block after block, keeping between two blocks what windows and recursive nodes
// need of the past. Instruments lie in tiles of kLanes lanes; a tile's rows are the instruments' own bars, so that a
// lane without a bar in some row of the panel simply has fewer of them. Tiles are computed in parallel.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "market/factors/kernels.h"
#include "market/factors/program.h"

namespace hadal::market::factors {

// Rows of the fields' columns: [row][instrument]; a null column is all missing, and `member` null: all are in.
struct Columns {
  const double* fields[kNumFields] = {};
  const char* member = nullptr;
};

// Doubles at multiples of 64 bytes.
class Rows {
 public:
  Rows() = default;
  explicit Rows(size_t count);  // of kLanes doubles, all NaN
  double* operator[](int64_t row) { return data_.get() + row * kLanes; }
  size_t size() const { return size_; }

 private:
  struct Free {
    void operator()(double* data) const;
  };
  std::unique_ptr<double, Free> data_;
  size_t size_ = 0;
};

class Engine {
 public:
  // `order`: the instrument of each lane; those with bars at about the same times should stand together. `most_rows`:
  // of a block. `capacity`: rows of a tile after which its past is moved to the front.
  Engine(std::shared_ptr<const Program> program, const std::vector<std::string>& symbols, std::vector<uint32_t> order,
         size_t most_rows, size_t capacity);

  // Values of the block's rows: out [factor][row][instrument].
  void run(const Columns& columns, size_t rows, double* out);

 private:
  struct Tile {
    int lanes = 0;
    const uint32_t* instruments = nullptr;  // of the lanes
    bool neighbours = false;                // they follow each other in the panel
    Rows kept;                              // each kept node's history and `capacity` rows
    Rows states;
    size_t offset = 0;        // rows after the history where the present ones begin
    double age[kLanes] = {};  // bars so far
  };
  // What one thread needs for the tile that it works on.
  struct Worker {
    Rows slots, scratch, sorted, ages, counts;
    std::vector<uint32_t> bars;  // [lane][bar]: its row in the block
    int num_bars[kLanes] = {};
    size_t rows = 0;     // the most of them
    bool dense = false;  // every lane has a bar in every row
  };
  struct Block {
    const Columns& columns;
    size_t rows;
    double* out;
  };
  struct Past {
    int64_t first, history;  // of a kept node, in rows of a tile
  };
  void run_tile(const Block& block, Tile& tile, Worker& worker, size_t stage);
  void find_bars(const Block& block, Tile& tile, Worker& worker) const;
  void compute(const Block& block, Tile& tile, Worker& worker, const Step& step);
  void compute_quantiles(Tile& tile, Worker& worker, const Step& step);
  void load(const double* column, const Block& block, Tile& tile, Worker& worker, int node);
  void scatter(const double* rows, const Block& block, const Tile& tile, const Worker& worker, double* out) const;
  void compute_across(const Block& block, int node);
  void advance(Tile& tile, const Worker& worker);
  void make_room(Tile& tile, size_t rows);

  double* rows_of(Tile& tile, Worker& worker, int node);
  Operand operand(Tile& tile, Worker& worker, int node);
  double* board(int node);
  const Placement& place(int node) const { return program_->places[static_cast<size_t>(node)]; }

  std::shared_ptr<const Program> program_;
  std::vector<uint32_t> order_;
  std::vector<int64_t> mask_instruments_;  // of each node
  size_t num_instruments_, most_rows_, capacity_;
  const Kernels* kernels_;
  Rows constants_;
  std::vector<Past> pasts_;
  std::vector<Tile> tiles_;
  std::vector<Worker> workers_;
  std::vector<std::vector<double>> boards_;  // [row][instrument]
};

}  // namespace hadal::market::factors
