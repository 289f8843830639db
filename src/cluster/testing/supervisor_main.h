// For one *_test.cc of a test program: makes it a supervisor where it is called as one, before any test is looked at.
#pragma once

#include <unistd.h>

#include <exception>
#include <string_view>

#include "base/log.h"
#include "cluster/supervisor.h"

namespace {

__attribute__((constructor)) void be_a_supervisor(int argc, char** argv, char**) {
  if (argc != 4 || std::string_view(argv[1]) != "cluster" || std::string_view(argv[2]) != "supervise") return;
  int code = 1;
  try {
    code = hadal::cluster::supervise(argv[3]);
  } catch (const std::exception& error) {
    hadal::log_error("{}", error.what());
  }
  ::_exit(code);
}

}  // namespace
