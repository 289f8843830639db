// Word problems of two or three steps, told from templates: people, things and small whole numbers.
#pragma once

#include <string>

#include "tasks/task.h"

namespace hadal::tasks {

struct Story {
  std::string question;
  std::string steps;   // an equation a line: "4*12=48\n48+5=53"
  std::string answer;  // a positive whole number
};

// From one of the templates of `wordings`; the numbers are drawn until every step gives a positive whole number.
Story make_story(Wordings wordings, Rng& rng);

}  // namespace hadal::tasks
