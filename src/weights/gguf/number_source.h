// Matrices that a file is to have, made piece by piece from the parameters of a model, whichever file those came from.
// Inside the module only.
#pragma once

#include <functional>

#include "model/model.h"

namespace hadal::weights {

struct NumberSource {
  int64_t rows = 0, cols = 0;
  int64_t step = 1;  // pieces are whole multiples of this many rows
  // Rows [first, first + count) -> out [count, cols].
  std::function<void(int64_t first, int64_t count, float* out)> read;
  // The parameter that this is row by row; null where order or shape differ.
  const Weight* same = nullptr;

  // Calls with pieces of a few MB, in order.
  void for_each_piece(const std::function<void(std::span<const float>)>& piece) const;
};

// Rows of a parameter; vectors are one row.
NumberSource numbers_of(const Weight& weight);
NumberSource numbers_of(const Weight& weight, int64_t first_row, int64_t rows);

// A projection whose heads turn in halves, with the rows of each head reordered so that neighbours turn together; or
// back.
NumberSource to_pairs(const Weight& weight, int64_t head_dim);
NumberSource to_halves(const Weight& weight, int64_t head_dim);

// The two forms of the latents' expansion: kv_b [heads * (nope + v), kv_lora], and k_b [heads, kv_lora, nope] beside
// v_b [heads, v, kv_lora].
NumberSource joined_kv_b(const ModelConfig& config, const MlaParams& mla);
NumberSource split_k_b(const ModelConfig& config, const MlaParams& mla);
NumberSource split_v_b(const ModelConfig& config, const MlaParams& mla);

}  // namespace hadal::weights
