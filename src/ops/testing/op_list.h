// Every op of ops.h by name, and whether it has a backward. The tests walk this list: a differentiable op without a
// numeric gradient check fails them, and so does an op of ops.h that is not named here.
#pragma once

#include <span>
#include <string_view>

namespace hadal {

enum class OpKind { differentiable, inference_only };

struct OpInfo {
  std::string_view name;
  OpKind kind = OpKind::differentiable;
};

std::span<const OpInfo> op_list();

}  // namespace hadal
