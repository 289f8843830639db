// A parameter of a module, and what the rest needs to know of it: initialiser, optimizer, checkpoints, loaders and
// savers walk a ParamList and know nothing else of the module. What a file calls a parameter is the file format's
// business (src/weights).
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "ops/weight.h"

namespace hadal {

// Which optimizer a parameter gets: Muon for hidden matrices, AdamW for embeddings, head, norms, router, biases;
// buffers (the router's correction bias) are not trained by gradients.
enum class ParamGroup { matrix, embedding, head, vector, router, buffer };

struct Param {
  std::string name;  // unique in its module; a stack of experts is one parameter, with "experts.*." in its name
  Shape shape;
  float init_std = 0;  // 0: zeros; negative: ones
  ParamGroup group = ParamGroup::matrix;
  bool decay = true;      // weight decay applies
  bool keep_f32 = false;  // its values do not bear rounding to bf16: stored as f32
  Weight weight;          // empty until initialised or loaded
};

// The parameters of a module, each once, in a fixed order. The module owns them, and they stay where they are.
using ParamList = std::vector<Param*>;

// Gives each parameter values: normal with its init_std, zeros or ones; deterministic by (seed, name), whatever the
// order. Buffers are frozen.
void initialise(const ParamList& params, uint64_t seed);

}  // namespace hadal
