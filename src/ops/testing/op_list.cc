#include "ops/testing/op_list.h"

namespace hadal {

std::span<const OpInfo> op_list() {
  static constexpr OpInfo kOps[] = {
      {"embedding", OpKind::differentiable},
      {"linear", OpKind::differentiable},
      {"head_linear", OpKind::differentiable},
      {"rms_norm", OpKind::differentiable},
      {"add", OpKind::differentiable},
      {"swiglu", OpKind::differentiable},
      {"columns", OpKind::differentiable},
      {"concat", OpKind::differentiable},
      {"rope", OpKind::differentiable},
      {"attention", OpKind::differentiable},
      {"attention_cached", OpKind::inference_only},
      {"route", OpKind::differentiable},
      {"experts", OpKind::differentiable},
      {"linear_cross_entropy", OpKind::differentiable},
      {"mean_squared_error", OpKind::differentiable},
  };
  return kOps;
}

}  // namespace hadal
