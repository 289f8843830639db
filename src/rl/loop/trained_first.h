// A model that a run needs and a training recipe makes: trained before anything else, where it is not there yet.
#pragma once

#include <atomic>
#include <functional>
#include <optional>
#include <string>

#include "base/files.h"

namespace hadal::rl {

// The folder of the model; FOLDER is that of its training run, which resumes. `who` needs it, for the log. Nothing:
// `stop` came before the end. `may_publish` as in TrainerOptions.
std::optional<std::string> trained_first(const Path& recipe, const Path& folder, const std::string& who,
                                         const std::atomic<bool>* stop, const std::function<void()>& may_publish = {});

}  // namespace hadal::rl
