#include "kernels/kv_row.h"

#include <cstring>
#include <utility>

#include "base/error.h"
#include "kernels/vector.h"

namespace hadal {
namespace {

constexpr std::pair<KvType, std::string_view> kNames[] = {
    {KvType::f32, "f32"}, {KvType::bf16, "bf16"}, {KvType::q8, "q8"}};

// Scales come first, so that they are aligned for every width.
int64_t integers_begin(const KvRow& r) { return r.width / r.block * static_cast<int64_t>(sizeof(Bf16)); }

}  // namespace

std::string_view kv_type_name(KvType type) { return kNames[static_cast<size_t>(type)].second; }

std::optional<KvType> kv_type_named(std::string_view name) {
  for (const auto& [type, its_name] : kNames)
    if (name == its_name) return type;
  return std::nullopt;
}

KvType kv_type_of(Precision precision) { return precision == Precision::bf16 ? KvType::bf16 : KvType::f32; }

int64_t KvRow::bytes() const {
  if (type != KvType::q8) return width * (type == KvType::bf16 ? 2 : 4);
  return (integers_begin(*this) + width + 1) / 2 * 2;
}

void KvRow::write(const float* x, int64_t column, int64_t count, std::byte* row) const {
  switch (type) {
    case KvType::f32:
      std::memcpy(row + column * 4, x, static_cast<size_t>(count) * 4);
      return;
    case KvType::bf16:
      vec().to_bf16(x, reinterpret_cast<Bf16*>(row) + column, count);
      return;
    case KvType::q8:
      HADAL_CHECK(column % block == 0 && count % block == 0, "columns {} + {} share a block of {} with others", column,
                  count, block);
      vec().to_q8(x, reinterpret_cast<int8_t*>(row + integers_begin(*this) + column),
                  reinterpret_cast<Bf16*>(row) + column / block, block, count);
  }
}

const void* KvRow::at(const std::byte* row, int64_t column) const {
  return row + column * (type == KvType::bf16 ? 2 : 4);
}

void KvRow::read(const std::byte* row, int64_t column, int64_t count, float* out) const {
  const auto* integers = reinterpret_cast<const int8_t*>(row + integers_begin(*this) + column);
  vec().q8_to_f32(integers, reinterpret_cast<const Bf16*>(row) + column / block, block, out, count);
}

void KvRow::read(const std::byte* row, int64_t column, int64_t count, Bf16* out) const {
  const auto* integers = reinterpret_cast<const int8_t*>(row + integers_begin(*this) + column);
  vec().q8_to_bf16(integers, reinterpret_cast<const Bf16*>(row) + column / block, block, out, count);
}

}  // namespace hadal
