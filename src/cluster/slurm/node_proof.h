// Which nodes see the cluster's folder and its program: one small job a node reads a nonce there, and answers beside
// it. The answers stay, so that a restarted daemon need not ask again.
#pragma once

#include <map>
#include <set>
#include <string>
#include <vector>

#include "base/clock.h"
#include "cluster/slurm/commands.h"
#include "cluster/slurm/reading.h"

namespace hadal::cluster {

class NodeProof {
 public:
  NodeProof(const SlurmOptions& options, SlurmCommands& commands);
  // Whether this node, which is up, may be used. Where it is not known yet, a job is on its way; a node that does not
  // answer is asked again now and then, and the log says so.
  bool proven(const std::string& node, const std::vector<SlurmJob>& jobs);
  void wait_for(const std::vector<std::string>& nodes, const std::vector<SlurmJob>& jobs);  // a few seconds at most
  void doubt(const std::string& node);  // a job could not open its folder there: ask again
  bool is_question(const SlurmJob& job) const;

 private:
  std::string name_for(const std::string& node) const { return "hadal-" + options_.cluster + "-probe-" + node; }
  bool has_answered(const std::string& node) const;
  void ask(const std::string& node);
  SlurmOptions options_;
  SlurmCommands& commands_;
  Path folder_;
  std::string nonce_;
  struct Question {
    int times = 0;
    Stopwatch since;
    bool said = false;
  };
  std::map<std::string, Question> asked_;
  std::set<std::string> proven_;
};

}  // namespace hadal::cluster
