// Panels of a store: which rows there are, and the values of some of them.
#pragma once

#include <memory>
#include <vector>

#include "market/data/store.h"
#include "market/market.h"
#include "market/panel.h"

namespace hadal::market {

// The panel of these instruments, in their order or by span. The store must live as long. Query::symbols is not read;
// its universe says who is a member.
std::unique_ptr<PanelReader> make_panel_reader(const Store& store, const Query& query,
                                               const std::vector<const Instrument*>& instruments, PanelOrder order);

}  // namespace hadal::market
