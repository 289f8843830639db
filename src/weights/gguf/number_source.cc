#include "weights/gguf/number_source.h"

#include <algorithm>

namespace hadal::weights {
namespace {

// Row i of a head with rotary halves is row pair_row(i) with rotary pairs.
int64_t pair_row(int64_t i, int64_t head_dim) { return i % (head_dim / 2) * 2 + i / (head_dim / 2); }
int64_t half_row(int64_t i, int64_t head_dim) { return i % 2 * (head_dim / 2) + i / 2; }

NumberSource reordered(const Weight& weight, int64_t head_dim, int64_t (*from)(int64_t, int64_t)) {
  NumberSource source = numbers_of(weight);
  source.same = nullptr;
  source.read = [&weight, head_dim, from, cols = source.cols](int64_t first, int64_t count, float* out) {
    for (int64_t r = 0; r < count; ++r) {
      const int64_t head = (first + r) / head_dim, row = head * head_dim + from((first + r) % head_dim, head_dim);
      weight.read(row * cols, {out + r * cols, static_cast<size_t>(cols)});
    }
  };
  return source;
}

// in [rows, cols] -> out [cols, rows]
void transpose(const float* in, int64_t rows, int64_t cols, float* out) {
  for (int64_t r = 0; r < rows; ++r)
    for (int64_t c = 0; c < cols; ++c) out[c * rows + r] = in[r * cols + c];
}

}  // namespace

void NumberSource::for_each_piece(const std::function<void(std::span<const float>)>& piece) const {
  constexpr int64_t kPieceNumbers = 1 << 20;
  const int64_t count = std::max<int64_t>(1, kPieceNumbers / std::max<int64_t>(1, cols * step)) * step;
  std::vector<float> numbers(static_cast<size_t>(std::min(count, rows) * cols));
  for (int64_t first = 0; first < rows; first += count) {
    const int64_t n = std::min(count, rows - first);
    read(first, n, numbers.data());
    piece({numbers.data(), static_cast<size_t>(n * cols)});
  }
}

NumberSource numbers_of(const Weight& weight) {
  const int64_t cols = weight.shape().back();
  return numbers_of(weight, 0, num_elements(weight.shape()) / cols);
}

NumberSource numbers_of(const Weight& weight, int64_t first_row, int64_t rows) {
  const int64_t cols = weight.shape().back();
  const bool whole = rows * cols == num_elements(weight.shape());
  return {rows, cols, 1,
          [&weight, first_row, cols](int64_t first, int64_t count, float* out) {
            weight.read((first_row + first) * cols, {out, static_cast<size_t>(count * cols)});
          },
          whole ? &weight : nullptr};
}

NumberSource to_pairs(const Weight& weight, int64_t head_dim) { return reordered(weight, head_dim, half_row); }
NumberSource to_halves(const Weight& weight, int64_t head_dim) { return reordered(weight, head_dim, pair_row); }

NumberSource joined_kv_b(const ModelConfig& c, const MlaParams& mla) {
  if (!c.split_kv_b) return numbers_of(mla.kv_b.weight);
  const int64_t per_head = c.nope_dim + c.v_dim;
  return {c.heads * per_head, c.kv_lora, per_head, [&c, &mla, per_head](int64_t first, int64_t count, float* out) {
            std::vector<float> k(static_cast<size_t>(c.kv_lora * c.nope_dim));
            for (int64_t head = first / per_head; head < (first + count) / per_head;
                 ++head, out += per_head * c.kv_lora) {
              mla.k_b.weight.read(head * c.kv_lora * c.nope_dim, k);
              transpose(k.data(), c.kv_lora, c.nope_dim, out);
              mla.v_b.weight.read(head * c.v_dim * c.kv_lora,
                                  {out + c.nope_dim * c.kv_lora, static_cast<size_t>(c.v_dim * c.kv_lora)});
            }
          }};
}

NumberSource split_k_b(const ModelConfig& c, const MlaParams& mla) {
  if (c.split_kv_b) return numbers_of(mla.k_b.weight);
  return {c.heads * c.kv_lora, c.nope_dim, c.kv_lora, [&c, &mla](int64_t first, int64_t count, float* out) {
            std::vector<float> k(static_cast<size_t>(c.nope_dim * c.kv_lora));
            for (int64_t head = first / c.kv_lora; head < (first + count) / c.kv_lora;
                 ++head, out += c.kv_lora * c.nope_dim) {
              mla.kv_b.weight.read(head * (c.nope_dim + c.v_dim) * c.kv_lora, k);
              transpose(k.data(), c.nope_dim, c.kv_lora, out);
            }
          }};
}

NumberSource split_v_b(const ModelConfig& c, const MlaParams& mla) {
  if (c.split_kv_b) return numbers_of(mla.v_b.weight);
  return {c.heads * c.v_dim, c.kv_lora, c.v_dim, [&c, &mla](int64_t first, int64_t count, float* out) {
            for (int64_t head = first / c.v_dim; head < (first + count) / c.v_dim; ++head, out += c.v_dim * c.kv_lora) {
              const int64_t row = head * (c.nope_dim + c.v_dim) + c.nope_dim;
              mla.kv_b.weight.read(row * c.kv_lora, {out, static_cast<size_t>(c.v_dim * c.kv_lora)});
            }
          }};
}

}  // namespace hadal::weights
