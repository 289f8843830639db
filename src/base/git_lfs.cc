#include "base/git_lfs.h"

#include "base/command.h"
#include "base/error.h"

namespace hadal {

bool is_lfs_pointer(std::string_view beginning) {
  return beginning.starts_with("version https://git-lfs.github.com/spec/") ||
         beginning.starts_with("version https://hawser.github.com/spec/");
}

void fail_lfs_pointer(std::string_view who) {
  fail(
      "{}: expected the file itself, found a pointer of Git LFS, three lines of text in its place; fetch the large "
      "files with `git lfs install && git lfs pull` in that folder, or the whole model with `{}`",
      who, command({"pull", "hf:owner/repo"}));
}

}  // namespace hadal
