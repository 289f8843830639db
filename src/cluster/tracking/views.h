// Runs and experiments as MLflow's JSON has them, read from the store when first asked for. Values of secret keys
// (secrets.h) are hidden from all but the run's or idea's owner, also from their filters.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "base/json_fwd.h"
#include "cluster/tracking/call.h"
#include "cluster/tracking/search.h"

namespace hadal::cluster {

class RunView : public Searchable {
 public:
  RunView(const TrackingCall& call, Run run);
  SearchValue value_of(const SearchKey& key) const override;
  OrderedJson info() const;
  OrderedJson json() const;  // info and data
  const Run& run() const { return run_; }

 private:
  std::string status() const;
  std::optional<int64_t> start_time() const, end_time() const;  // ms since 1970
  std::string name() const;
  std::string uri() const;
  std::string experiment() const;
  const std::vector<NamedText>& notes(const char* kind, std::optional<std::vector<NamedText>>& kept) const;
  std::string field(const char* key) const;  // "": none
  const std::vector<Store::MetricSummary>& metrics() const;

  Store& store_;
  const Caller& caller_;
  Run run_;
  mutable std::optional<std::vector<NamedText>> fields_, params_, tags_;
  mutable std::optional<std::vector<Store::MetricSummary>> metrics_;
  mutable std::optional<std::string> experiment_;
};

class ExperimentView : public Searchable {
 public:
  ExperimentView(const TrackingCall& call, Idea idea);
  SearchValue value_of(const SearchKey& key) const override;
  OrderedJson json() const;
  std::string name() const;
  const Idea& idea() const { return idea_; }

 private:
  int64_t last_update() const;
  const std::vector<NamedText>& tags() const;

  Store& store_;
  const Caller& caller_;
  Idea idea_;
  mutable std::optional<std::vector<NamedText>> tags_;
};

}  // namespace hadal::cluster
