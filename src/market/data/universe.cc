#include "market/data/universe.h"

#include <algorithm>
#include <map>
#include <set>

#include "base/error.h"

namespace hadal::market {
namespace {

std::string list_named(const Store& store, const std::string& universe) {
  std::set<std::string> lists;
  for (const MembershipSpell& spell : store.records().memberships) lists.insert(spell.list);
  if (lists.count(universe) != 0) return universe;
  std::vector<std::string> begun;
  for (const auto& list : lists)
    if (list.starts_with(universe)) begun.push_back(list);
  if (begun.size() == 1) return begun.front();
  std::string all = "all";
  for (const auto& list : lists) all += ", " + list;
  fail("{}: expected a universe of the market ({}), found {}; lists are imported with --kind membership",
       store.folder().string(), brief(all, 300), brief(universe));
}

}  // namespace

std::vector<MembershipSpell> spells_of(const Store& store, const std::string& universe, Time as_of) {
  const std::string list = list_named(store, universe);
  std::vector<MembershipSpell> spells;
  for (const MembershipSpell& spell : store.records().memberships)
    if (spell.list == list && spell.known_at <= as_of) spells.push_back(spell);
  return spells;
}

std::vector<const Instrument*> members_ever(const Store& store, const std::string& universe, Time as_of) {
  std::set<const Instrument*> found;
  bool any = false;
  for (const MembershipSpell& spell : spells_of(store, universe, kEver)) {
    const Instrument* instrument = store.records().find_symbol_on(spell.symbol, spell.first);
    if (instrument == nullptr) continue;
    any = true;
    if (spell.known_at <= as_of) found.insert(instrument);
  }
  if (!any)
    fail("{}: expected bars of the members of the universe {}, found none of any; import their bars",
         store.folder().string(), universe);
  std::vector<const Instrument*> instruments(found.begin(), found.end());
  std::sort(instruments.begin(), instruments.end(),
            [](const Instrument* a, const Instrument* b) { return a->last_symbol < b->last_symbol; });
  return instruments;
}

void fill_members(const Store& store, const Query& query, const std::vector<const Instrument*>& instruments,
                  Panel& panel) {
  std::fill(panel.member.begin(), panel.member.end(), char{0});
  std::map<const Instrument*, size_t> column;
  for (size_t i = 0; i < instruments.size(); ++i) column[instruments[i]] = i;
  // Versions of one spell in the order in which they became known: each holds until the next.
  std::map<std::pair<std::string, Date>, std::vector<MembershipSpell>> versions;
  for (const MembershipSpell& spell : spells_of(store, query.universe, query.as_of))
    versions[{spell.symbol, spell.first}].push_back(spell);
  for (auto& [key, spells] : versions) {
    const auto at = column.find(store.records().find_symbol_on(key.first, key.second));
    if (at == column.end()) continue;
    std::stable_sort(spells.begin(), spells.end(),
                     [](const MembershipSpell& a, const MembershipSpell& b) { return a.known_at < b.known_at; });
    for (size_t t = 0; t < panel.num_times(); ++t) {
      const MembershipSpell* known = nullptr;
      for (const MembershipSpell& spell : spells)
        if (spell.known_at <= panel.times[t]) known = &spell;
      const Date day = panel.sessions[t];
      if (known != nullptr && known->first <= day && (!known->last || day <= *known->last))
        panel.member[panel.at(t, at->second)] = 1;
    }
  }
}

}  // namespace hadal::market
