// Who asks, and what they may.
#include <unistd.h>

#include "base/digest.h"
#include "cluster/daemon/impl.h"

namespace hadal::cluster {
namespace {

bool is_unix_lead(uid_t uid) { return uid == 0 || uid == ::geteuid(); }

// A name that a person may have, from a user's: "j.doe@lab" is "j.doe-lab".
std::string name_from(const std::string& user) {
  std::string name;
  for (const char c : user.substr(0, 60)) name += name_mistake(std::string("a") + c).empty() ? c : '-';
  return name_mistake(name).empty() ? name : "user-" + name;
}

}  // namespace

// A user's person is made at first use; one that a lead made with the same --unix is that person.
Person Daemon::Impl::person_of_uid(uid_t uid) {
  const std::string user = user_of(uid);
  if (const auto found = store.person_of_unix(user)) {
    if (found->removed) refuse(403, "{} was removed from this cluster; ask a lead", found->name);
    if (found->lead || !is_unix_lead(uid)) return *found;
    Person lead = *found;
    lead.lead = true;
    commit([&] { store.update(lead); });
    return people[lead.id] = lead;
  }
  Person person;
  person.unix_user = user;
  person.lead = is_unix_lead(uid);
  const std::string name = name_from(user);
  commit([&] {
    person.name = name;
    for (int number = 2; store.person_named(person.name); ++number)
      person.name = fmt::format("{}.{}", name, number);  // a token's person of this name is somebody else
    person = store.add_person(person);
  });
  return people[person.id] = person;
}

Caller Daemon::caller(const Credentials& who) {
  Impl& d = *impl_;
  Caller caller;
  if (!who.token.empty()) {
    const auto owner = d.store.token_owner(token_hash(who.token));
    if (!owner) refuse(401, "this token opens nothing here; ask a lead for one, and `hadal cluster login` with it");
    const auto person = d.store.person(owner->person);
    if (!person) refuse(401, "this token's person is not there");
    if (person->removed && owner->run == 0) refuse(401, "{} was removed from this cluster", person->name);
    caller.person = *person;
    caller.run = owner->run, caller.attempt = owner->attempt;
    return caller;
  }
  if (!who.uid)
    refuse(401, "expected Authorization: Bearer TOKEN; a lead makes one with `hadal cluster user add NAME`");
  const auto guard = d.enter();
  caller.person = d.person_of_uid(*who.uid);
  caller.local = true;
  return caller;
}

bool may_see(const Caller& caller, const Idea& idea) {
  return !idea.secret || idea.owner == caller.person.id || (caller.person.lead && caller.run == 0);
}

bool may_act(const Caller& caller, const Run& run) {
  if (caller.run != 0) return caller.run == run.id;
  return caller.person.lead || run.person == caller.person.id;
}

std::pair<Person, std::string> Daemon::Impl::add_user(const Caller& caller, const std::string& name,
                                                      const std::string& unix_user, bool lead) {
  if (!caller.person.lead || caller.run != 0) refuse(403, "people are added by leads; {} is none", caller.person.name);
  if (const std::string mistake = name_mistake(name); !mistake.empty()) refuse(400, "{}: {}", brief(name), mistake);
  if (!unix_user.empty()) {
    const auto account = account_named(unix_user);
    if (!account) refuse(400, "--unix {}: this machine has no such user", brief(unix_user));
    if (account->uid == 0)
      refuse(400, "--unix {}: what runs as root is submitted by root on the daemon's machine alone", unix_user);
  }
  const std::string token = random_token();
  const auto guard = enter();
  Person person;
  commit([&] {
    if (const auto found = store.person_named(name)) {
      if (!found->removed)
        refuse(409, "there is a person \"{}\" already; remove them first, or take another name", name);
      person = *found;
      person.unix_user = unix_user, person.lead = lead, person.removed = false;
      store.update(person);
    } else {
      person.name = name, person.unix_user = unix_user, person.lead = lead;
      person = store.add_person(person);
    }
    store.add_token(token_hash(token), person.id, 0, 0);
  });
  people[person.id] = person;
  return {person, token};
}

void Daemon::Impl::remove_user(const Caller& caller, const std::string& name) {
  if (!caller.person.lead || caller.run != 0)
    refuse(403, "people are removed by leads; {} is none", caller.person.name);
  const auto guard = enter();
  const auto found = store.person_named(name);
  if (!found || found->removed) refuse(404, "there is no person \"{}\"", brief(name));
  if (found->id == caller.person.id) refuse(409, "nobody removes themselves; another lead may");
  Person person = *found;
  person.removed = true;
  const std::string reason = fmt::format("{} was removed: it starts only when a lead has added them again", name);
  commit([&] {
    store.update(person);
    store.drop_tokens_of_person(person.id);
    for (auto& [id, live] : runs)
      if (live.run.person == person.id && waits_in_line(live)) {
        live.run.reason = reason;
        store.update(live.run);
      }
  });
  people[person.id] = person;
}

}  // namespace hadal::cluster
