// Names of experts in Hugging Face's files, which have one tensor for each expert. For models and checkpoints.
#pragma once

#include <string>
#include <vector>

#include "model/model.h"

namespace hadal::weights {

inline constexpr std::string_view kEachExpert = "experts.*.";

inline bool is_stack(const Param& param) { return param.name.find(kEachExpert) != std::string::npos; }

inline std::string expert_name(const std::string& name, int64_t expert) {
  std::string result = name;
  const size_t star = result.find(kEachExpert) + kEachExpert.size() - 2;
  return result.replace(star, 1, std::to_string(expert));
}

inline std::vector<int64_t> entry_shape(const Param& param) {
  return is_stack(param) ? std::vector<int64_t>(param.shape.begin() + 1, param.shape.end()) : param.shape;
}

}  // namespace hadal::weights
