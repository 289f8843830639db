// Computes new weights from gradients. Muon (Jordan et al. 2024) trains hidden matrices: it keeps a momentum of the
// gradients and steps along the nearest orthogonal matrix, so that all singular directions move alike. Its update is
// scaled as in Liu et al. 2025, "Muon is scalable for LLM training", section 2.2, so that AdamW's rate and decay fit.
// AdamW (Loshchilov & Hutter 2019) trains the rest. State is f32; results do not depend on the number of threads.
#pragma once

#include <cstdint>
#include <functional>
#include <span>
#include <string>
#include <vector>

#include "kernels/gemm.h"
#include "ops/param.h"

namespace hadal {

struct OptimizerSpec {
  bool muon = true;  // for hidden matrices; else AdamW for all
  double muon_momentum = 0.95;
  double beta1 = 0.9, beta2 = 0.95, eps = 1e-8;
  double weight_decay = 0.1;
  double clip_norm = 1.0;  // the trainer clips gradients to this norm; 0: not
};

class Optimizer {
 public:
  // The parameters must stay where they are; buffers and frozen weights are left alone.
  Optimizer(ParamList params, const OptimizerSpec& spec, ThreadPool& pool);

  double gradient_norm() const;  // over all parameters; not finite when any gradient is not
  // One update; every gradient is multiplied by `scale` first (clipping).
  void step(double matrix_lr, double other_lr, double scale);
  void zero_gradients();
  void for_each_gradient(const std::function<void(std::span<float>)>& use);  // in a fixed order

  // Everything to save and restore: name and numbers, in a fixed order; and the number of updates done.
  void for_each_state(const std::function<void(const std::string& name, std::span<float> values)>& use);
  int64_t updates = 0;

 private:
  struct Slot {
    Param* param = nullptr;
    bool muon = false;
    Tensor first, second;  // Muon has only the first
  };
  void adamw(const std::vector<Slot*>& slots, double lr, double scale);
  void muon(const std::vector<Slot*>& slots, double lr, double scale);

  OptimizerSpec spec_;
  ThreadPool& pool_;
  std::vector<Slot> slots_;
};

// The nearest (semi-)orthogonal matrix, roughly: five Newton-Schulz steps with Jordan's quintic; singular values end
// near 1 (0.7 to 1.2). x is [rows, cols], overwritten. Runs on the calling thread inside a job of the pool.
void orthogonalise(float* x, int64_t rows, int64_t cols, Precision precision, ThreadPool& pool);

}  // namespace hadal
