// What a teacher replied, judged, and which of it is kept.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "base/files.h"
#include "base/json.h"
#include "rl/loop/items.h"
#include "rl/teach/teacher.h"

namespace hadal::rl {

struct JudgedReply {
  TeacherReply reply;
  bool right = false;
  std::string why;  // as the verifier said it
};

struct AskedItem {
  Question question;
  std::vector<JudgedReply> replies;

  int64_t num_right() const;
};

// The different items that the recipe asks, by its seed; fewer where its files have no more.
std::vector<Question> questions_of(const Items& items, int64_t count, uint64_t seed);

// An unfinished reply is never right.
JudgedReply judge(const Question& question, TeacherReply reply);

// A folder with the replies to so many questions each in a file, which is written whole: what a killed run has asked is
// there when it resumes.
class ReplyFolder {
 public:
  explicit ReplyFolder(Path folder) : folder_(std::move(folder)) {}

  bool empty() const;  // there are no replies
  // Notes what replies depend on; where there are some, compares it with what was noted: Error that names the key.
  void bind(const Json& plan, const std::string& where) const;
  // Fills in the replies to these questions, the index-th batch. False: they are not there (or cannot be read, which is
  // logged).
  bool read(size_t index, std::vector<AskedItem>& batch) const;
  void write(size_t index, const std::vector<AskedItem>& batch) const;

 private:
  Path file(size_t index) const;
  Path folder_;
};

struct Kept {
  size_t item = 0, reply = 0;
};

// Right replies drawn at random: of each item at most `keep_per_item` different ones, items that the teacher solves
// seldom first, `keep` in all (0: any number).
std::vector<Kept> choose_replies(const std::vector<AskedItem>& items, int64_t keep, int64_t keep_per_item,
                                 uint64_t seed);

// A text parted at its </think>, without the white space beside the tags; no thoughts where it has none.
struct PartedReply {
  std::string thinking, answer;
};
PartedReply part_reply(std::string_view text);

// {"item", "messages"}, a line that a source of kind `chat` reads.
std::string chat_line(const AskedItem& item, const JudgedReply& reply);

}  // namespace hadal::rl
