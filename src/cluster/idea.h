// What people bring to a cluster: an idea, which has runs (run.h), and the people themselves.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

namespace hadal::cluster {

enum class IdeaState { open, parked, closed };  // parked and closed ideas start nothing; a closed one takes no run

constexpr std::string_view name_of(IdeaState state) {
  return state == IdeaState::open ? "open" : state == IdeaState::parked ? "parked" : "closed";
}

struct Idea {
  int64_t id = 0;
  std::string name;   // unique; see name_mistake()
  int64_t owner = 0;  // a Person
  std::string why;
  bool baseline = false;  // the idea that others are measured against, among comparable runs
  bool secret = false;    // shown to its owner and to leads alone (--private)
  IdeaState state = IdeaState::open;
  double created = 0;  // seconds since 1970
};

struct Person {
  int64_t id = 0;
  std::string name;
  std::string unix_user;  // runs are started as this user; "": may only track
  bool lead = false;
  bool removed = false;  // may not act any more; what runs is stopped by nobody
};

// A lead's gift to an idea: so many slots until a date.
struct Grant {
  int64_t id = 0, idea = 0;
  int slots = 0;
  double given = 0, until = 0;  // seconds since 1970
};

// What is wrong with a name of an idea or a person; "" where nothing is: 1 to 64 characters of A-Z a-z 0-9 . _ -, not
// beginning with a dot or a dash, and not looking like a run's id ("r12").
std::string name_mistake(std::string_view name);

}  // namespace hadal::cluster
