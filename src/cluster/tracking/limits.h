// MLflow's limits, and which names it takes. MlflowError says what is wrong.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace hadal::cluster {

constexpr size_t kMaxBatchBytes = 1'000'000;
constexpr size_t kMaxBatchMetrics = 1000, kMaxBatchParams = 100, kMaxBatchTags = 100, kMaxBatchEntries = 1000;
constexpr size_t kMaxKeyChars = 250, kMaxParamChars = 6000, kMaxTagChars = 8000, kMaxExperimentTagChars = 5000;
constexpr size_t kMaxExperimentNameChars = 500;

// Of a metric, parameter or tag (`what`): 1 to 250 characters, letters, digits and _ . - : / and spaces, and no path
// that means another one.
void check_key(std::string_view what, std::string_view key);
void check_length(std::string_view what, std::string_view key, std::string_view value, size_t limit);
void check_experiment_name(std::string_view name);

// A page of results: from `offset`, at most `size`. The token of the next one is the offset after it.
struct ResultPage {
  size_t offset = 0, size = 0;
};
ResultPage result_page(std::optional<int64_t> max_results, std::optional<std::string> page_token, int64_t usual,
                       int64_t most);
int64_t page_offset(const std::string& page_token);

}  // namespace hadal::cluster
