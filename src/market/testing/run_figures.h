// The made-up figures of a run, as the tests of what reads a run's folder share them.
#pragma once

#include "base/json.h"

namespace hadal::market::test {

// Of two sessions, with a forecast that found nothing.
inline OrderedJson run_figures() {
  return {{"run", "runs/idea-1"},
          {"start_equity", "1000"},
          {"end_equity", "1234.56"},
          {"earned", {{"return", 0.23456}}},
          {"statistics", {{"sharpe", 0.0512}, {"sharpe_annual", 0.8128}}},
          {"trials", 3},
          {"try", 2},
          {"forecast", {{"finding", "nothing"}, {"headline", "ridge: nothing found"}}},
          {"strategy", {{"name", "idea"}, {"file", "idea.toml"}}},
          {"data", {{"market", "m"}, {"first", "2020-01-02"}, {"last", "2020-01-03"}}},
          {"quality", {{"counts", OrderedJson::object()}}},
          {"series",
           {{"time", {"2020-01-02", "2020-01-03"}},
            {"equity", {1000, 1234.56}},
            {"drawdown", {0, 0}},
            {"long", {0, 1}},
            {"short", {0, 0}},
            {"net", {0, 1}},
            {"positions", {0, 1}},
            {"turnover", {0, 0.5}}}}};
}

}  // namespace hadal::market::test
