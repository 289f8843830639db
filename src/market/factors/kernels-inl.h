// The body of the kernels, included once for each level: HADAL_LEVEL names it, HADAL_WIDTH is how many doubles its
// registers hold, HADAL_WIDE and HADAL_NARROW how many of them a loop with few or many sums works on at once. Nothing
// of the standard library is instantiated here: the linker could give one level's copy to another.
#include "market/factors/lanes-inl.h"
// What follows stands on the lanes.
#include "market/factors/element-inl.h"
#include "market/factors/quantile-inl.h"
#include "market/factors/recursive-inl.h"
#include "market/factors/window-inl.h"

namespace hadal::market::factors {
namespace HADAL_LEVEL {
namespace {

constexpr Kernels kKernels = {element, window, recursive, quantiles};

}  // namespace
}  // namespace HADAL_LEVEL
}  // namespace hadal::market::factors
