// What a run logs: metrics, parameters and tags.
#pragma once

#include <string_view>
#include <vector>

#include "cluster/store.h"
#include "cluster/tracking/fields.h"

namespace hadal::cluster {

constexpr std::string_view kRunNameTag = "mlflow.runName";  // in it clients keep a run's name

std::vector<NamedText> tags_of(const RequestFields& fields);  // its list `tags`, checked

}  // namespace hadal::cluster
