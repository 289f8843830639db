// Universes: lists of spells of membership, by symbol.
#pragma once

#include <string>
#include <vector>

#include "market/data/store.h"

namespace hadal::market {

// The spells of a list that are known at `as_of`, in every version. `universe` is a list's name, or how one alone
// begins; Error naming the lists that there are for another.
std::vector<MembershipSpell> spells_of(const Store& store, const std::string& universe, Time as_of);

// Instruments of the market that belong to the list at any time, by last symbol. Error where the list has none of them
// at all.
std::vector<const Instrument*> members_ever(const Store& store, const std::string& universe, Time as_of);

// Panel::member of these instruments: by what was known at each row.
void fill_members(const Store& store, const Query& query, const std::vector<const Instrument*>& instruments,
                  Panel& panel);

}  // namespace hadal::market
