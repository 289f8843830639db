// What people do to runs and ideas; each of it is on record with its why.
#include <algorithm>
#include <ctime>

#include "base/json.h"
#include "base/text.h"
#include "cluster/daemon/impl.h"

namespace hadal::cluster {
namespace {

constexpr double kLastTime = 1e11;  // seconds since 1970

std::string why_or(const std::string& why, const char* otherwise) { return why.empty() ? otherwise : why; }

std::string utc_text(double time) {
  const auto seconds = static_cast<std::time_t>(time);
  std::tm parts{};
  ::gmtime_r(&seconds, &parts);
  char text[64];
  return {text, std::strftime(text, sizeof text, "%Y-%m-%d %H:%M UTC", &parts)};
}

void check_why(const std::string& why) {
  if (why.size() > 10'000) refuse(413, "--why: expected at most 10,000 bytes, found {}", why.size());
}

}  // namespace

void Daemon::act(const Caller& caller, int64_t id, const std::string& verb, const std::string& why) {
  Impl& d = *impl_;
  check_why(why);
  {
    const auto guard = d.enter();
    const auto run = d.store.run(id);
    const auto idea = run ? d.store.idea(run->idea) : std::nullopt;
    if (!run || !idea || !may_see(caller, *idea)) refuse(404, "there is no run {}", run_name(id));
    if (caller.run != 0 || !may_act(caller, *run))
      refuse(403, "{} is {}'s run: only they and leads may {} it", run_name(id), d.person_name(run->person), verb);
    const auto found = d.runs.find(id);
    if (run->tracked) refuse(409, "{} came from outside: the cluster does not run it", run_name(id));
    if (found == d.runs.end() || is_over(run->state))
      refuse(409, "{} is {} already", run_name(id), name_of(run->state));
    LiveRun& live = found->second;
    const std::string& by = caller.person.name;
    if (verb == "stop")
      d.stop_run(live, by, why_or(why, "stopped by hand"));
    else if (verb == "suspend")
      d.suspend_run(live, by, why_or(why, "suspended by hand"));
    else if (verb == "resume")
      d.resume_run(live, by, why_or(why, "resumed by hand"));
    else
      refuse(404, "a run is to stop, suspend or resume, not to {}", brief(verb));
  }
  wake();
}

void Daemon::Impl::stop_run(LiveRun& live, const std::string& by, const std::string& why) {
  const int64_t id = live.run.id;
  if (!live.attempt) {
    commit([&] { change_state(live, RunState::stopped, by, "person", why); });
    return;
  }
  if (!live.stop_by.empty()) return;
  // Its end, however it comes, is the end of the run; until then it holds its slots.
  const OrderedJson note = {{"by", by}, {"why", why}, {"rule", "person"}};
  Run changed = live.run;
  changed.reason = fmt::format("is being stopped by {}: {}", by, why);
  commit([&] {
    store.set_note("ask", id, "stop", dump_json(note));
    store.update(changed);
  });
  live.run = changed;
  live.stop_by = by, live.stop_why = why, live.stop_rule = "person";
}

void Daemon::Impl::suspend_run(LiveRun& live, const std::string& by, const std::string& why) {
  if (!live.stop_by.empty()) refuse(409, "{} is being stopped", run_name(live.run.id));
  const RunState state = live.run.state;
  if (live.run.by_person) refuse(409, "{} is suspended by hand already", run_name(live.run.id));
  commit([&] {
    live.run.by_person = true;
    live.promised_by = kUnknown;  // who leaves the line gives it up, as a claim
    store.drop_note("run", live.run.id, "promised_by");
    if (state == RunState::suspending || state == RunState::suspended) {  // by the policy: now it stays so
      live.run.reason = why;
      live.run.claim.clear();
      note_decision(live.run, "hold", std::string(name_of(state)), std::string(name_of(state)), by, "person", why);
      store.update(live.run);
    } else {
      change_state(live, live.attempt ? RunState::suspending : RunState::suspended, by, "person", why);
    }
  });
}

void Daemon::Impl::resume_run(LiveRun& live, const std::string& by, const std::string& why) {
  Run& run = live.run;
  if (run.state == RunState::paused)
    refuse(409, "{} is paused at rung {}: the ladder says whether it goes on, or a lead with `promote`",
           run_name(run.id), run.rung);
  if (!run.by_person)
    refuse(409, "{} is {} and not suspended by hand{}: there is nothing to resume", run_name(run.id),
           name_of(run.state), run.state == RunState::suspended ? " but by the policy, so that it waits in line" : "");
  commit([&] {
    run.by_person = false;
    run.reason = why;
    live.waiting_since = now();
    store.set_note("run", run.id, "resumed", fmt::format("{:.3f}", live.waiting_since));
    note_decision(run, "resume", std::string(name_of(run.state)), std::string(name_of(run.state)), by, "person", why);
    store.update(run);
  });
}

Idea Daemon::Impl::idea_to_change(const Caller& caller, const std::string& name, bool leads_only) {
  const auto found = store.idea_named(name);
  if (!found || !may_see(caller, *found)) refuse(404, "there is no idea \"{}\"", brief(name));
  if (caller.run != 0) refuse(403, "the token of an attempt opens its own run alone");
  if (leads_only && !caller.person.lead) refuse(403, "this is for leads; {} is none", caller.person.name);
  if (!caller.person.lead && found->owner != caller.person.id)
    refuse(403, "the idea \"{}\" is {}'s: only they and leads may change it", name, person_name(found->owner));
  return *found;
}

void Daemon::Impl::set_idea_state(const Caller& caller, Idea idea, IdeaState state, const std::string& why) {
  const std::string from(name_of(idea.state)), to(name_of(state));
  check_why(why);
  if (idea.state == state) refuse(409, "the idea \"{}\" is {} already", idea.name, to);
  idea.state = state;
  commit([&] {
    store.update(idea);
    store.add(Decision{now(), 0, idea.id, "idea", from, to, caller.person.name, "person", why_or(why, "by hand")});
    if (state != IdeaState::closed) return;
    for (auto& [id, live] : runs)  // what runs may end; what waits never would
      if (live.run.idea == idea.id && !live.attempt && !is_over(live.run.state))
        change_state(live, RunState::stopped, caller.person.name, "person", "its idea was closed");
  });
  ideas[idea.id] = idea;
  ladder_due = true;
}

void Daemon::Impl::set_baseline(const Caller& caller, Idea idea, bool baseline, const std::string& why) {
  check_why(why);
  idea.baseline = baseline;
  commit([&] {
    store.update(idea);
    store.add(Decision{now(), 0, idea.id, "idea", baseline ? "" : "baseline", baseline ? "baseline" : "",
                       caller.person.name, "person", why_or(why, "by hand")});
  });
  ideas[idea.id] = idea;
  ladder_due = true;
}

std::vector<int64_t> Daemon::Impl::promote(const Caller& caller, const Idea& idea, int to, const std::string& why) {
  check_why(why);
  std::vector<int64_t> promoted;
  commit([&] {
    for (auto& [id, live] : runs) {
      Run& run = live.run;
      if (run.idea != idea.id || run.rung >= to) continue;
      const std::string from = std::to_string(run.rung);
      run.rung = run.length_tokens > 0 ? std::min(to, last_rung(rules, run.length_tokens)) : to;
      if (std::to_string(run.rung) == from) continue;
      note_decision(run, "rung", from, std::to_string(run.rung), caller.person.name, "lead",
                    why_or(why, "promoted by hand"));
      store.update(run);
      if (run.state == RunState::paused)
        change_state(live, RunState::suspended, caller.person.name, "lead", why_or(why, "promoted by hand"));
      promoted.push_back(id);
    }
    if (promoted.empty()) refuse(409, "the idea \"{}\" has no run below rung {} that is not over", idea.name, to);
  });
  ladder_due = true;
  return promoted;
}

Grant Daemon::Impl::give_grant(const Caller& caller, const Idea& idea, int slots, double until,
                               const std::string& why) {
  check_why(why);
  if (until <= now()) refuse(400, "--until: expected a time to come");
  if (until > kLastTime) refuse(400, "--until: expected a time before the year 5138");
  int total = 0, granted = 0;
  std::vector<Grant> before;  // of this idea: the new one stands for it
  for (const PolicyNode& node : nodes) total += node.up ? node.slots : 0;
  for (const Grant& grant : grants) {
    if (grant.until <= now()) continue;
    if (grant.idea == idea.id)
      before.push_back(grant);
    else
      granted += grant.slots;
  }
  if (slots == 0 && before.empty()) refuse(409, "the idea \"{}\" has no grant to end", idea.name);
  const int most = total - free_slots_kept(rules, total);
  if (slots < 0 || granted + slots > most)
    refuse(409,
           "--slots {}: granted to others until now: {}, and at most {} of {} slots may be; the rest is for free runs",
           slots, granted, most, total);
  const auto text = [](const Grant& grant) {
    return fmt::format("{} until {}", counted(grant.slots, "slot"), utc_text(grant.until));
  };
  Grant grant;
  grant.idea = idea.id, grant.slots = slots, grant.given = now(), grant.until = until;
  for (const Grant& old : before) grant.given = std::min(grant.given, old.given);
  commit([&] {
    for (const Grant& old : before) store.drop_grant(old.id);
    if (slots > 0) grant = store.add(grant);
    store.add(Decision{now(), 0, idea.id, "grant", before.empty() ? "" : text(before[0]),
                       slots > 0 ? text(grant) : "none", caller.person.name, "lead",
                       why_or(why, slots > 0 ? "granted by hand" : "ended by hand")});
  });
  std::erase_if(grants, [&](const Grant& old) { return old.idea == idea.id; });
  if (slots > 0) grants.push_back(grant);
  return grant;
}

}  // namespace hadal::cluster
