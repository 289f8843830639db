#include "ops/param.h"

#include "base/rng.h"

namespace hadal {
namespace {

uint64_t hash_name(const std::string& name) {  // FNV-1a
  uint64_t h = 0xcbf29ce484222325ull;
  for (unsigned char ch : name) h = (h ^ ch) * 0x100000001b3ull;
  return h;
}

}  // namespace

void initialise(const ParamList& params, uint64_t seed) {
  for (Param* p : params) {
    p->weight = Weight(Tensor::zeros(p->shape));
    p->weight.frozen = p->group == ParamGroup::buffer;
    Rng rng(seed, hash_name(p->name));
    for (float& w : p->weight.value().values())
      w = p->init_std > 0 ? p->init_std * rng.normal() : p->init_std < 0 ? 1.0f : 0.0f;
  }
}

}  // namespace hadal
