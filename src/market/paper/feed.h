// Where the lines of a feed come from, and how they are cut.
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "base/files.h"

namespace hadal::market::paper {

inline constexpr size_t kMostLine = size_t{1} << 20;   // bytes; a longer line is broken
inline constexpr size_t kMostPiece = size_t{1} << 20;  // bytes

class FeedSource {
 public:
  struct Piece {
    std::string bytes;    // what came, at most kMostPiece; empty: nothing for now
    bool is_new = false;  // it begins anew: a line that was begun before is never completed
  };
  virtual ~FeedSource() = default;
  // Waits for at most so long where nothing is there.
  virtual Piece read(int timeout_ms) = 0;
  virtual bool connected() const = 0;
};

// "tcp://127.0.0.1:PORT", else the path of a file. Error for another host or what is no port.
//
// A file is followed as `tail -F` does: what is appended is read, one that got shorter is read from its beginning, one
// that was replaced is read to its end, then the new one. Error where there is none at first.
//
// A connection that is lost or refused is tried again every second.
std::unique_ptr<FeedSource> open_feed(const std::string& feed);
// The port of a tcp:// feed; nothing for a file. Error as above.
std::optional<int> port_of_feed(const std::string& feed);

class LineCutter {
 public:
  struct Line {
    std::string text;  // without its line end
    bool too_long = false;
  };
  // Adds the lines that `bytes` complete; blank ones are none.
  void cut(std::string_view bytes, std::vector<Line>& lines);
  // A last line without a line end, where it is a whole object of JSON: nothing that follows could be part of it.
  void cut_whole_rest(std::vector<Line>& lines);
  void forget() { rest_.clear(), skipping_ = false, looked_at_ = 0; }

 private:
  void finish(std::vector<Line>& lines);
  std::string rest_;
  bool skipping_ = false;  // the rest of a line that is too long
  size_t looked_at_ = 0;   // bytes of rest_ that were no whole object
};

}  // namespace hadal::market::paper
