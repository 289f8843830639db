// How a run begins: its options checked and written down, its folder made, and both found again.
#pragma once

#include "base/json.h"
#include "research/run.h"
#include "research/run/steps.h"

namespace hadal::research {

bool make_run_folder(const Path& folder);  // true: it was not there; Error where it holds something
void remove_if_nothing_was_read(const Path& folder);

OrderedJson begin_data(const RunOptions& options, const Writer* writer);
RunOptions options_of(const Path& folder);  // of a run that was begun
// Error where the run was begun with another model, or with one and now has none.
void check_model(const OrderedJson& begun, const Writer* writer, const Path& folder);

void mark_failed(Steps& steps, const std::string& why);

}  // namespace hadal::research
