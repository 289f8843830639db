// Research over HTTP: runs that a browser or a program starts, follows and stops. A request names a question and a
// budget, never a path, a host or a source: those are the operator's.
#pragma once

#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "research/run.h"
#include "server/route.h"

namespace hadal {

struct ResearchDeskOptions {
  Path folder = research::kRunsFolder;  // a folder a run
  std::vector<std::string> sources;     // none: runs are refused with how to give some
  research::FetchOptions fetch = {};
  research::Budget most = {200'000, 3600, 200};  // what a request may ask for
  int at_once = 2, waiting = 16;                 // runs; more get a 503
  // The model that writes, made anew for each run; none: all runs are without one.
  std::function<std::unique_ptr<research::Writer>()> writer = {};
};

// Owns the threads of the runs. Routes may be called by several threads at once.
class ResearchDesk {
 public:
  explicit ResearchDesk(ResearchDeskOptions options);
  ~ResearchDesk();  // stops the runs, which still report, and waits for them
  ResearchDesk(const ResearchDesk&) = delete;
  ResearchDesk& operator=(const ResearchDesk&) = delete;

  std::vector<Route> routes();  // /v1/research ...; must not outlive the desk

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace hadal
