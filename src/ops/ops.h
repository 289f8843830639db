// The ops: everything a model is made of, each with its backward. Shapes in comments; T is the number of tokens of the
// ragged batch. With ctx.tape set, each op records its backward, which adds to the gradients of its operands. Rows are
// independent: a row's result never depends on which rows stand beside it.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <vector>

#include "kernels/attention.h"
#include "ops/context.h"
#include "ops/tensor.h"
#include "ops/weight.h"

namespace hadal {

// table [vocab, hidden] -> [T, hidden]. ids must lie in [0, vocab): the caller checks.
Tensor embedding(const Context& ctx, const Weight& table, std::span<const int32_t> ids);

// x [T, in], w [out, in], bias [out] or null -> [T, out]
Tensor linear(const Context& ctx, const Tensor& x, const Weight& w, const Weight* bias = nullptr);

// The same with several matrices at once: their products share the cores. biases: empty, or one (or null) for each.
std::vector<Tensor> linears(const Context& ctx, const Tensor& x, std::span<const Weight* const> ws,
                            std::span<const Weight* const> biases = {});

// One matrix a head. w [heads * rows_per_head, n]; head h uses the rows [h * rows_per_head + first, + count) as W_h.
// Plain: x [T, heads * n] -> [T, heads * count], y_h = x_h W_h^T. Transposed: x [T, heads * count] -> [T, heads * n],
// y_h = x_h W_h.
struct HeadRows {
  int64_t heads = 0, first = 0, count = 0;
  bool transposed = false;
};
Tensor head_linear(const Context& ctx, const Tensor& x, const Weight& w, const HeadRows& rows);

// x [T, n] or [T, heads * n] with weight [n] -> the same shape. Zhang & Sennrich 2019.
Tensor rms_norm(const Context& ctx, const Tensor& x, const Weight& weight, float eps);

// Each row minus its mean, over its deviation, times weight [n], plus bias [n]: x [T, n] -> [T, n]; weights in f32. Ba,
// Kiros & Hinton 2016.
Tensor layer_norm(const Context& ctx, const Tensor& x, const Weight& weight, const Weight& bias, float eps);

Tensor add(const Context& ctx, const Tensor& a, const Tensor& b);

// x times the normal distribution function of x, by its approximation with tanh. Hendrycks & Gimpel 2016.
Tensor gelu(const Context& ctx, const Tensor& x);

// Each group of `rows` rows by itself: x [groups * rows, cols] -> [groups * cols, rows].
Tensor transpose_groups(const Context& ctx, const Tensor& x, int64_t rows);

// silu(gate) * up, [T, n]. Shazeer 2020.
Tensor swiglu(const Context& ctx, const Tensor& gate, const Tensor& up);

// Of each head of x [T, heads * n] the columns [begin, begin + count) -> [T, heads * count]
Tensor columns(const Context& ctx, const Tensor& x, int64_t heads, int64_t begin, int64_t count);

// Rows of x [T, n] in the order of `rows`, each any number of times -> [rows.size(), n].
Tensor gather_rows(const Context& ctx, const Tensor& x, std::span<const int64_t> rows);
// The way back, into an existing tensor: row i of x becomes row rows[i] of `to`. Inference only.
void put_rows(const Context& ctx, const Tensor& x, std::span<const int64_t> rows, const Tensor& to);

// Head by head: a [T, heads * na] and b [T, heads * nb] -> [T, heads * (na + nb)]; with `b_shared`, b is [T, nb] and
// goes to every head.
Tensor concat(const Context& ctx, const Tensor& a, const Tensor& b, int64_t heads, bool b_shared = false);

// Rotary embedding (Su et al. 2021) with precomputed angles: frequency i rotates by position * inv_freq[i]; the rotated
// part is multiplied by `attention_factor` (YaRN, Peng et al. 2023, section 3.4).
struct Rope {
  std::vector<float> inv_freq;  // [rope_dim / 2]
  float attention_factor = 1.0f;
  bool interleaved = true;  // neighbouring pairs (DeepSeek) or halves (Qwen2, Llama in Hugging Face order)

  // cos and sin of every angle up to the largest position requested, each [positions, inv_freq.size()]; grown on
  // demand, so one Rope must not be used from two threads at once.
  struct Table {
    std::vector<float> cosine, sine;
  };
  std::shared_ptr<const Table> table(int64_t positions) const;

  mutable std::shared_ptr<Table> made = nullptr;
};
// x [T, heads * head_dim]; in each head the last 2 * inv_freq.size() values are rotated.
Tensor rope(const Context& ctx, const Tensor& x, int64_t heads, const Rope& rope, std::span<const int32_t> positions);

// Where the keys and values of one sequence lie: positions [0, length). A view of what the model's attention state
// owns; store_rows() writes through it.
//
// What is stored of a position is cut into parts of row.width values: a head's keys, its values, or all of them. A
// block's rows of one part follow each other, part_rows rows behind those of the part before; so a head reads memory in
// runs.
struct KvRows {
  std::vector<std::byte*> blocks;  // block i holds positions [i * block_rows, (i + 1) * block_rows)
  int64_t block_rows = 0;
  KvRow row;              // of one part
  int64_t length = 0;     // with this batch's tokens
  int64_t part_rows = 0;  // where there are several parts

  // Values [column, column + width) of every position; they lie in one part.
  StoredRows columns(int64_t column, int64_t width) const;
};

// Stores the batch's rows x [T, n] as values [column, column + n) of their positions, rounded to what the rows hold:
// those of sequence s, [offsets[s], offsets[s+1]), are the last positions of kv[s]. Inference only.
void store_rows(const Context& ctx, const Tensor& x, std::span<const KvRows> kv, int64_t column,
                std::span<const int32_t> offsets);

// Causal attention within each sequence. q [T, heads * k_dim], k [T, kv_heads * k_dim], v [T, kv_heads * v_dim] ->
// [T, heads * v_dim]. heads is a multiple of kv_heads; query head h reads kv head h / (heads / kv_heads).
struct AttentionShape {
  int64_t heads = 0, kv_heads = 0, k_dim = 0, v_dim = 0;
  float scale = 1.0f;
};
Tensor attention(const Context& ctx, const AttentionShape& shape, const Tensor& q, const Tensor& k, const Tensor& v,
                 std::span<const int32_t> offsets);

// The same against stored rows: sequence s has the rows `kv[s]`, of which the last offsets[s+1]-offsets[s] are this
// batch's. A row holds its keys at [0, kv_heads * k_dim) and its values from `v_begin` on, kv_heads * v_dim of them
// (they may overlap: an absorbed latent is key and value). Inference only; the bits equal those of attention() over the
// values as they are stored.
Tensor attention_cached(const Context& ctx, const AttentionShape& shape, const Tensor& q, std::span<const KvRows> kv,
                        int64_t v_begin, std::span<const int32_t> offsets);

// Multi-head latent attention (DeepSeek-V2, section 2.1) over stored latents, which makes every head's keys and values
// of them, some heads at a time: the function that attention_cached() computes in the latent space, in another order of
// roundings. Fewer operations for a long stretch of new tokens.
struct LatentHeads {
  int64_t heads = 0, latent_dim = 0, nope_dim = 0, rope_dim = 0, v_dim = 0;
  float scale = 1.0f;
  const Weight* kv = nullptr;               // [heads * (nope_dim + v_dim), latent_dim]; or, in place of it,
  const Weight *k = nullptr, *v = nullptr;  // [heads, latent_dim, nope_dim] and [heads, v_dim, latent_dim]
};
// q [T, heads * (nope_dim + rope_dim)]; a stored row is a latent and the rotated part of the key -> [T, heads * v_dim].
// Sequences as in attention_cached(). Inference only.
Tensor attention_expanded(const Context& ctx, const LatentHeads& heads, const Tensor& q, std::span<const KvRows> kv,
                          std::span<const int32_t> offsets);
// Memory for the keys and values that it makes at a time; those of one head at least.
inline constexpr int64_t kExpandedBytes = 16 << 20;

// Which experts each token goes to. DeepSeek-V2 (softmax) and V3 (sigmoid, correction bias, groups).
struct RouterOptions {
  int64_t experts = 0, top_k = 0;
  bool sigmoid = true;
  int64_t groups = 1, top_groups = 1;
  bool group_by_top2 = true;  // V3: a group's score is the sum of its two best; V2: its best
  bool normalise = true;
  float scale = 1.0f;
};
struct Routing {
  std::vector<int32_t> experts;  // [T, top_k]
  Tensor weights;                // [T, top_k], differentiable
  std::vector<int64_t> load;     // [experts]: tokens that chose each
};
// logits [T, experts] (always f32), bias [experts] in f32, or null or without values: none (added for the choice only).
// balance_weight > 0 adds the sequence-wise balance loss (DeepSeek-V3, eq. 17-20) to *balance_loss and its gradient.
Routing route(const Context& ctx, const Tensor& logits, const Weight* bias, const RouterOptions& options,
              std::span<const int32_t> offsets, float balance_weight, double* balance_loss);

// Auxiliary-loss-free balancing (DeepSeek-V3, section 2.1.2): raises the bias [experts], where it has values, of
// experts that got fewer tokens than the mean by `speed`, lowers it of those that got more. Returns max load / mean
// load; 0 where no tokens were counted.
double balance_experts(std::span<const int64_t> load, float speed, const Weight& bias);

// The chosen experts' SwiGLU networks, weighted and summed: x [T, hidden]; gate, up [experts, inner, hidden];
// down [experts, hidden, inner] -> [T, hidden]. Tokens are sorted by expert, one grouped product for all.
Tensor experts(const Context& ctx, const Tensor& x, const Routing& routing, const Weight& gate, const Weight& up,
               const Weight& down);

// Elementwise, for losses with a value per token. a and b have the same shape.
Tensor exp(const Context& ctx, const Tensor& x);
Tensor multiply(const Context& ctx, const Tensor& a, const Tensor& b);
Tensor minimum(const Context& ctx, const Tensor& a, const Tensor& b);  // where they are equal, the gradient goes to a
// min(max(x, low), high). The gradient goes to what lies in [low, high].
Tensor clip(const Context& ctx, const Tensor& x, float low, float high);

// log softmax(x / temperature) of each row, in nats: x [T, n] -> [T, n]. The bits of log_softmax_of() (ops/logits.h).
Tensor log_softmax(const Context& ctx, const Tensor& x, float temperature = 1);
// The column of each row's largest value, of equals the first. Has no gradient.
std::vector<int32_t> argmax(const Context& ctx, const Tensor& x);

// log softmax(hidden_t head^T / temperature)[target_t], in nats: hidden [T, hidden], head [vocab, hidden], targets [T]
// -> [T]. targets[t] < 0 is not asked for: 0, without a gradient. Logits are never stored whole; the backward makes
// them again.
//
// The bits of log_softmax_of() over the same row of linear(hidden, head). -token_log_probs is what
// linear_cross_entropy() at that temperature weighs and sums, rounded to float, and the gradients have the same bits;
// but for a quantised head, to which that gives rows rounded to bf16 (in Precision::bf16) and linear() and this the
// rows as they are.
Tensor token_log_probs(const Context& ctx, const Tensor& hidden, const Weight& head, std::span<const int32_t> targets,
                       float temperature = 1);

// Loss ops end a graph: they return the loss and, on the tape, push scale * d(loss) back.
//
// Over the rows with weights[t] != 0: x [T, hidden], head [vocab, hidden], targets [T] (ignored where weights[t] = 0).
// sum_t weights[t] * -log softmax(x_t head^T / temperature)[target_t]. A negative weight makes its target less likely:
// the gradient of a policy with advantages A is that of the weights A. Logits are never stored whole.
struct CrossEntropy {
  double sum = 0;       // of weighted losses, in nats, not divided
  double weight = 0;    // sum of weights, each with its sign
  int64_t used = 0;     // rows with a weight that is not 0
  int64_t correct = 0;  // of these, whose best token is the target, whatever the sign of the weight
};
CrossEntropy linear_cross_entropy(const Context& ctx, const Tensor& x, const Weight& head,
                                  std::span<const int32_t> targets, std::span<const float> weights, float scale,
                                  float temperature = 1);

// sum_i weights[i] * x_i, weights of any sign; weights has a value for each of x.
double weighted_sum(const Context& ctx, const Tensor& x, std::span<const float> weights, float scale);

// Scores that are compared within groups alone, such as all instruments of one time: group g is [offsets[g],
// offsets[g+1]) of scores [T, 1] and targets [T]. A target that is NaN is missing: its score counts nowhere. The loss
// is the mean of the groups' losses; a group with fewer than two targets, or equal ones, has none.
struct GroupLoss {
  double mean = 0;     // unscaled; 0 where no group has a loss
  int64_t groups = 0;  // that have one
};
// Of each pair log(1 + e^-(difference of the scores, better minus worse)), weighted by the difference of the targets;
// their weighted mean. RankNet, Burges et al. 2005.
GroupLoss rank_loss(const Context& ctx, const Tensor& scores, std::span<const float> targets,
                    std::span<const int32_t> offsets, float scale);
// 1 - Pearson's correlation of scores and targets; 1e-6 is added to the scores' variance.
GroupLoss correlation_loss(const Context& ctx, const Tensor& scores, std::span<const float> targets,
                           std::span<const int32_t> offsets, float scale);

// scale * mean((x - target)^2), for modules that forecast values. Returns the unscaled mean.
double mean_squared_error(const Context& ctx, const Tensor& x, const Tensor& target, float scale);

}  // namespace hadal
