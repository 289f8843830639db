// A submission: looked at, written into the run's folder, and only then on record.
#include <unistd.h>

#include <algorithm>
#include <cctype>

#include "base/json.h"
#include "base/log.h"
#include "base/text.h"
#include "cluster/daemon/impl.h"

namespace hadal::cluster {
namespace {

constexpr uint64_t kFreeBytes = 32 << 20;  // that stay free on the disk of the run folders

// "loss", "accuracy:max", "loss:min"
void read_metric(const std::string& text, Run& run) {
  const size_t colon = text.rfind(':');
  const std::string way = colon == std::string::npos ? "" : text.substr(colon + 1);
  const bool says = way == "max" || way == "min";
  run.metric = says ? text.substr(0, colon) : text;
  run.larger_is_better = way == "max";
  if (!text.empty() && run.metric.empty()) refuse(400, "--metric: expected KEY or KEY:max, found {}", brief(text));
}

std::string idea_name_for(const Submission& submission) {
  const std::string from = submission.recipe.empty() ? Path(submission.command[0]).filename().string()
                                                     : Path(submission.recipe_name).stem().string();
  std::string name;
  for (const char c : from.substr(0, 48))
    name += std::isalnum(static_cast<unsigned char>(c)) != 0 || c == '.' || c == '_' ? c : '-';
  while (!name.empty() && (name[0] == '.' || name[0] == '-')) name.erase(0, 1);
  return name.empty() || run_named(name) ? "idea" : name;
}

}  // namespace

Account Daemon::Impl::account_for(const Caller& caller) {
  const Person& person = caller.person;
  const std::string who = person.name;
  if (caller.run != 0) refuse(403, "the token of an attempt opens its own run alone: it cannot submit");
  if (person.unix_user.empty())
    refuse(403, "{} may only track: runs need a user of this machine to run as; a lead gives one with --unix", who);
  const auto account = account_named(person.unix_user);
  if (!account) refuse(403, "{}: this machine has no user \"{}\" to run as", who, person.unix_user);
  if (account->uid == 0 && !caller.local)
    refuse(403, "{}: what runs as root is submitted by root on the daemon's machine alone", who);
  if (const uid_t own = ::geteuid(); own != 0 && account->uid != own)
    refuse(403,
           "{} cannot submit: this daemon runs without root, as {}, and can start runs as that user alone; start it as "
           "root, or a daemon of your own",
           who, user_of(own));
  return *account;
}

// The idea of a submission, made where it is not there yet. Inside store.write().
Idea Daemon::Impl::idea_for(const Caller& caller, const Submission& submission) {
  std::string name = submission.idea;
  if (name.empty()) {
    const std::string base = idea_name_for(submission);
    name = base;
    for (int number = 2; store.idea_named(name); ++number) name = fmt::format("{}-{}", base, number);
  }
  if (const auto found = store.idea_named(name)) {
    check_takes_runs(caller, *found);
    return *found;
  }
  Idea idea;
  idea.name = name, idea.owner = caller.person.id, idea.why = submission.why, idea.created = now();
  idea = store.add_idea(idea);
  store.add(Decision{now(), 0, idea.id, "idea", "", "open", caller.person.name, "submit",
                     submission.why.empty() ? "came with its first run" : submission.why});
  return idea;
}

void Daemon::Impl::check_takes_runs(const Caller& caller, const Idea& idea) {
  if (idea.owner != caller.person.id && !caller.person.lead) {
    if (idea.secret) refuse(404, "there is no idea \"{}\" that you may see, and its name is taken", idea.name);
    refuse(403, "the idea \"{}\" is {}'s; submit to an idea of your own", idea.name, person_name(idea.owner));
  }
  if (idea.state == IdeaState::closed)
    refuse(409, "the idea \"{}\" is closed and takes no more runs; submit to another", idea.name);
}

OrderedJson Daemon::submit(const Caller& caller, const Submission& submission) {
  Impl& d = *impl_;
  const Account account = d.account_for(caller);
  Run run;
  run.person = caller.person.id;
  run.size = submission.size;
  run.time_limit_s = submission.time_limit_s;
  run.seed = submission.seed;
  read_metric(submission.metric, run);
  run.command = submission.command;
  if (!submission.idea.empty()) {
    if (const std::string mistake = name_mistake(submission.idea); !mistake.empty())
      refuse(400, "--idea {}: {}", brief(submission.idea), mistake);
    const auto guard = d.enter();
    if (const auto idea = d.store.idea_named(submission.idea)) d.check_takes_runs(caller, *idea);
  }
  const auto check_size = [&] {
    const auto guard = d.enter();
    if (!d.nodes_known)
      refuse(503, "the backend cannot be asked for its nodes now ({}); try again", brief(d.backend_error));
    if (const std::string never = never_fits(d.nodes, run.size); !never.empty())
      refuse(400, "this can never run here: {}", never);
  };
  check_size();

  uint64_t bytes = submission.recipe.size();
  for (const auto& [name, content] : submission.files) bytes += content.size();
  if (const uint64_t free = free_disk_bytes(d.options.folder); free < bytes + kFreeBytes)
    refuse(507, "the disk of {} is full: {} MB are free; free some space and submit again", d.options.folder.string(),
           free >> 20);

  std::unique_ptr<NewFolder> folder;
  try {
    std::error_code error;  // after a power cut a number may come again whose folder is there
    do run.id = d.store.next_run_id();
    while (std::filesystem::exists(run_folder(run.id), error));
    folder = std::make_unique<NewFolder>(run_folder(run.id), account);
    for (const auto& [name, content] : submission.files) folder->write(name, content, 0755);
    if (!submission.version.empty()) folder->write("version", submission.version + "\n");
    if (!submission.recipe.empty()) folder->write("recipe.toml", submission.recipe);
    if (caller.local && !submission.environment.empty()) {
      Json environment = Json::object();
      for (const auto& [name, value] : submission.environment) environment[name] = value;
      folder->write("environment.json", dump_json(environment), 0600);
    }
    folder->give();
  } catch (const TakenOver&) {
    throw;
  } catch (const Error& mistake) {
    refuse(507, "not submitted, nothing is left over: {}", mistake.what());
  }

  if (!submission.recipe.empty()) {
    run.recipe = submission.recipe_name;
    bool rl = false;
    try {
      rl = is_rl_recipe(submission.recipe, submission.recipe_name);
    } catch (const Error& mistake) {
      refuse(400, "{}", mistake.what());
    }
    std::vector<std::pair<std::string, std::string>> environment = submission.environment;
    if (!caller.local) environment.clear();
    const AccountDetails details = details_of(account.user);
    environment.emplace_back("HOME", details.home);
    if (!caller.local) environment.emplace_back("PATH", "/usr/local/bin:/usr/bin:/bin");
    const RecipeFacts facts = check_recipe(d.options.program, folder->path, account, rl, environment);
    run.length_tokens = facts.tokens;
    run.held_out = facts.held_out;
    run.command = {d.options.program, rl ? "rl" : "train", "recipe.toml", "--output", "."};
    if (run.size.memory_bytes == 0) run.size.memory_bytes = facts.memory_bytes;  // to be placed by, no limit
    check_size();
  }

  OrderedJson reply;
  {
    const auto guard = d.enter();
    Idea idea;
    LiveRun live;
    int place = 0;
    std::optional<double> within;
    run.submitted = now();
    try {
      d.commit([&] {
        idea = d.idea_for(caller, submission);
        run.idea = idea.id;
        run.reason = "waits for its turn";
        run = d.store.add_run(run);
        d.store.set_note("run", run.id, "user", account.user);
        if (!submission.submit_folder.empty())
          d.store.set_note("run", run.id, "submit_folder", submission.submit_folder);
        if (submission.size.memory_bytes > 0) d.store.set_note("run", run.id, "memory_asked", "1");
        if (!submission.version.empty()) d.store.set_note("run", run.id, "version", submission.version);
        d.note_decision(run, "state", "", "queued", caller.person.name, "submit",
                        submission.why.empty() ? "submitted" : submission.why);
        live.run = run;
        live.waiting_since = run.submitted;
        d.ideas[idea.id] = idea;
        d.runs.emplace(run.id, live);
        const Snapshot seen = d.snapshot();
        place = position(d.rules, seen, run.id);
        within = starts_within(d.rules, seen, run.id);
        // What was promised is kept, whoever comes later.
        if (within) d.store.set_note("run", run.id, "promised_by", fmt::format("{:.3f}", run.submitted + *within));
        folder->commit();
      });
    } catch (...) {  // memory is loaded anew
      std::error_code ignored;
      if (folder->committed) std::filesystem::remove_all(folder->target, ignored);
      throw;
    }
    if (within) d.runs.at(run.id).promised_by = run.submitted + *within;
    reply = {{"idea", idea.name},
             {"run", run_name(run.id)},
             {"state", name_of(run.state)},
             {"position", place > 0 ? OrderedJson(place) : OrderedJson()},
             {"starts_within_s", within ? OrderedJson(std::round(*within * 10) / 10) : OrderedJson()}};
  }
  wake();
  return reply;
}

}  // namespace hadal::cluster
