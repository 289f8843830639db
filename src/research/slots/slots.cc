#include "research/slots.h"

namespace hadal::research {

std::string_view slot_name(Slot slot) {
  switch (slot) {
    case Slot::plan:
      return "plan";
    case Slot::judge:
      return "judge";
    case Slot::gap:
      return "gap";
    case Slot::write:
      return "write";
  }
  return "";
}

}  // namespace hadal::research
