// Where sources and build lie, for tests; every test includes this file. As functions and not as definitions of the
// compiler, so that a test compiles to the same object in every clone, which ccache then has already.
#pragma once

namespace hadal {
const char* test_source_dir();
const char* test_binary_dir();
}  // namespace hadal

#define HADAL_SOURCE_DIR hadal::test_source_dir()
#define HADAL_BINARY_DIR hadal::test_binary_dir()
