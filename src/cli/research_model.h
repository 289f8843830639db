// A model of this process as a research run asks it.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "assistant/assistant.h"
#include "cli/options.h"
#include "research/slots.h"

namespace hadal {

// `engine` and `assistant` must outlive it. `fingerprint`: of the weights.
std::unique_ptr<research::Writer> assistant_writer(Engine& engine, const Assistant& assistant, std::string name,
                                                   std::string fingerprint);

// Loads a model by its name or path, and keeps it.
std::unique_ptr<research::Writer> local_writer(const std::string& model, const EngineFlags& flags);

// "folder:docs,searx:URL", each option's list in one.
std::vector<std::string> research_source_list(const std::vector<std::string>& options);

// What stands for the weights: the names, sizes and edges of the files that the name or path refers to.
std::string weights_fingerprint(const std::string& model);

}  // namespace hadal
