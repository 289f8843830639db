#include "ops/testing/op_list.h"

namespace hadal {

std::span<const OpInfo> op_list() {
  static constexpr OpInfo kOps[] = {
      {"embedding", OpKind::differentiable},
      {"linear", OpKind::differentiable},
      {"linears", OpKind::differentiable},
      {"head_linear", OpKind::differentiable},
      {"rms_norm", OpKind::differentiable},
      {"layer_norm", OpKind::differentiable},
      {"add", OpKind::differentiable},
      {"gelu", OpKind::differentiable},
      {"transpose_groups", OpKind::differentiable},
      {"swiglu", OpKind::differentiable},
      {"columns", OpKind::differentiable},
      {"gather_rows", OpKind::differentiable},
      {"put_rows", OpKind::inference_only},
      {"concat", OpKind::differentiable},
      {"rope", OpKind::differentiable},
      {"attention", OpKind::differentiable},
      {"store_rows", OpKind::inference_only},
      {"attention_cached", OpKind::inference_only},
      {"attention_expanded", OpKind::inference_only},
      {"route", OpKind::differentiable},
      {"experts", OpKind::differentiable},
      {"exp", OpKind::differentiable},
      {"multiply", OpKind::differentiable},
      {"minimum", OpKind::differentiable},
      {"clip", OpKind::differentiable},
      {"log_softmax", OpKind::differentiable},
      {"argmax", OpKind::inference_only},
      {"token_log_probs", OpKind::differentiable},
      {"linear_cross_entropy", OpKind::differentiable},
      {"weighted_sum", OpKind::differentiable},
      {"rank_loss", OpKind::differentiable},
      {"correlation_loss", OpKind::differentiable},
      {"mean_squared_error", OpKind::differentiable},
  };
  return kOps;
}

}  // namespace hadal
