// Matrices of a file that is written, computed piece by piece from the parameters of a model, whatever format those
// were loaded from. Private to the module.
#pragma once

#include <functional>

#include "model/model.h"

namespace hadal::weights {

struct NumberSource {
  int64_t rows = 0, cols = 0;
  int64_t step = 1;  // pieces are whole multiples of this many rows
  // Writes rows [first, first + count) to out [count, cols].
  std::function<void(int64_t first, int64_t count, float* out)> read;
  // The parameter with the same rows; null if order or shape differ.
  const Weight* same = nullptr;

  // Calls the function with pieces of a few MB, in order.
  void for_each_piece(const std::function<void(std::span<const float>)>& piece) const;
};

// The rows of a parameter; a vector is one row.
NumberSource numbers_of(const Weight& weight);
NumberSource numbers_of(const Weight& weight, int64_t first_row, int64_t rows);

// A projection with rotary halves (RoPE rotates element i with i + n/2), its rows reordered within each head so that
// neighbours rotate together; or the reverse.
NumberSource to_pairs(const Weight& weight, int64_t head_dim);
NumberSource to_halves(const Weight& weight, int64_t head_dim);

// The two forms of the latents' expansion: kv_b [heads * (nope + v), kv_lora], and k_b [heads, kv_lora, nope] beside
// v_b [heads, v, kv_lora].
NumberSource joined_kv_b(const ModelConfig& config, const MlaParams& mla);
NumberSource split_k_b(const ModelConfig& config, const MlaParams& mla);
NumberSource split_v_b(const ModelConfig& config, const MlaParams& mla);

}  // namespace hadal::weights
