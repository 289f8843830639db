// What a paper account stands on: feeds that grow, break off and come again, their lines, and the journal.
#include "market/paper/feed.h"

#include <arpa/inet.h>
#include <gtest/gtest.h>
#include <netinet/in.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

#include <csignal>
#include <fstream>
#include <thread>

#include "market/paper/book.h"
#include "market/paper/event.h"
#include "market/paper/journal.h"
#include "market/testing/paper_rig.h"

namespace hadal::market::paper {
namespace {

using test::error_of;
using test::ScratchFolder;

std::vector<std::string> texts_of(const std::vector<LineCutter::Line>& lines) {
  std::vector<std::string> texts;
  for (const auto& line : lines) texts.push_back(line.too_long ? "too long" : line.text);
  return texts;
}
using Texts = std::vector<std::string>;

TEST(LineCutter, CutsLinesThatComeInPieces) {
  LineCutter cutter;
  std::vector<LineCutter::Line> lines;
  cutter.cut("{\"a\":1}\r\n\n  \n{\"b\"", lines);
  EXPECT_EQ(texts_of(lines), Texts{"{\"a\":1}"});
  lines.clear();
  cutter.cut_whole_rest(lines);
  EXPECT_TRUE(lines.empty());
  cutter.cut(":{}", lines);
  cutter.cut_whole_rest(lines);  // ends with a bracket, and is none
  EXPECT_TRUE(lines.empty());
  cutter.cut("}", lines);
  cutter.cut_whole_rest(lines);
  EXPECT_EQ(texts_of(lines), Texts{"{\"b\":{}}"});
  cutter.cut("\nhalf", lines);
  cutter.forget();
  lines.clear();
  cutter.cut("whole\n", lines);
  EXPECT_EQ(texts_of(lines), Texts{"whole"});
}

TEST(LineCutter, PassesOverALineWithoutEnd) {
  LineCutter cutter;
  std::vector<LineCutter::Line> lines;
  for (int i = 0; i < 40; ++i) cutter.cut(std::string(1 << 16, 'x'), lines);
  EXPECT_TRUE(lines.empty());
  cutter.cut("\nnext\n", lines);
  EXPECT_EQ(texts_of(lines), (Texts{"too long", "next"}));
}

// Everything that comes until `count` lines are there.
Texts read_lines_of(FeedSource& feed, size_t count) {
  LineCutter cutter;
  std::vector<LineCutter::Line> lines;
  for (int tries = 0; tries < 100 && lines.size() < count; ++tries) {
    const FeedSource::Piece piece = feed.read(100);
    if (piece.is_new) cutter.forget();
    cutter.cut(piece.bytes, lines);
  }
  return texts_of(lines);
}

TEST(FileFeed, FollowsAFileThatGrowsShrinksAndIsReplaced) {
  ScratchFolder folder;
  const Path file = folder / "feed";
  EXPECT_HAS(error_of([&] { open_feed(file.string()); }), "expected a file of lines of JSON, found none");
  EXPECT_HAS(error_of([&] { open_feed(folder.path().string()); }), "found something else");
  std::ofstream(file) << "one\nhal";
  const auto feed = open_feed(file.string());
  EXPECT_EQ(read_lines_of(*feed, 1), Texts{"one"});
  std::ofstream(file, std::ios::app) << "f\nthree\n";
  EXPECT_EQ(read_lines_of(*feed, 2), (Texts{"f", "three"}));  // a new cutter: it had "hal" before
  EXPECT_TRUE(feed->read(0).bytes.empty());
  std::ofstream(file) << "new\n";  // truncated
  EXPECT_EQ(read_lines_of(*feed, 1), Texts{"new"});
  std::ofstream(file, std::ios::app) << "last of the old\nto";
  std::filesystem::rename(file, folder / "old");  // rotated
  EXPECT_EQ(read_lines_of(*feed, 1), Texts{"last of the old"});
  std::ofstream(folder / "old", std::ios::app) << "rn\n";
  EXPECT_EQ(read_lines_of(*feed, 1), Texts{"rn"});
  std::ofstream(file) << "first of the new\n";
  EXPECT_EQ(read_lines_of(*feed, 1), Texts{"first of the new"});
}

// Sends one text to each connection in turn, and closes it.
class Sender {
 public:
  explicit Sender(std::vector<std::string> texts) {
    listener_ = ::socket(AF_INET, SOCK_STREAM, 0);
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    socklen_t size = sizeof address;
    if (::bind(listener_, reinterpret_cast<sockaddr*>(&address), size) != 0 || ::listen(listener_, 4) != 0)
      fail("test: no port");
    ::getsockname(listener_, reinterpret_cast<sockaddr*>(&address), &size);
    port_ = ntohs(address.sin_port);
    thread_ = std::thread([this, texts = std::move(texts)] {
      for (const std::string& text : texts) {
        const int fd = ::accept(listener_, nullptr, nullptr);
        if (fd < 0) return;
        for (size_t sent = 0; sent < text.size();) {
          const ssize_t count = ::send(fd, text.data() + sent, text.size() - sent, MSG_NOSIGNAL);
          if (count <= 0) break;
          sent += static_cast<size_t>(count);
        }
        ::close(fd);
      }
    });
  }
  ~Sender() {
    ::shutdown(listener_, SHUT_RDWR);
    thread_.join();
    ::close(listener_);
  }
  std::string feed() const { return fmt::format("tcp://127.0.0.1:{}", port_); }

 private:
  int listener_ = -1, port_ = 0;
  std::thread thread_;
};

TEST(TcpFeed, ConnectsAgainAndForgetsWhatBrokeOff) {
  const Sender sender({"one\ntw", "one\ntwo\n"});
  const auto feed = open_feed(sender.feed());
  EXPECT_FALSE(feed->connected());
  EXPECT_EQ(read_lines_of(*feed, 3), (Texts{"one", "one", "two"}));
}

TEST(TcpFeed, GivesTheBacktestsLedgerThroughLostConnections) {
  test::PaperRig rig;
  rig.make_market(4, 40, 8);
  const StrategyFile strategy = rig.strategy(
      "s", "[factors]\nmom = \"$close/Ref($close,5)-1\"\n[portfolio]\nkind = \"top\"\nscore = \"mom\"\ncount = 2\n");
  const Feed bars = rig.feed(strategy);
  const std::string text = test::joined(test::lines_of(bars));
  const Sender sender({text.substr(0, text.size() / 3), text.substr(0, text.size() / 2), text});
  const PaperRun run = rig.paper(strategy, sender.feed(), bars.sessions.back().date);
  EXPECT_EQ(run.result.ledger_sha256(), rig.backtest(strategy).result.ledger_sha256());
  EXPECT_GT(run.feed.repeated, 20);
  EXPECT_EQ(run.feed.broken, 0);  // what broke off is no line
}

// ---- The journal

Texts events_of(const Journal& journal) {
  Texts events;
  journal.replay([&](std::string_view text, int64_t) { events.emplace_back(text); });
  return events;
}

TEST(Journal, KeepsWhatWasAppendedAndCutsOffATornLine) {
  ScratchFolder folder;
  Journal(folder.path(), "header").append(Texts{"one", "two"});
  const Path file = folder / "journal.txt";
  const std::string whole = read_file(file);
  for (size_t cut = 1; cut <= 15; ++cut) {  // "XXXXXXXX 2 two\n"
    write_file_whole(file, whole.substr(0, whole.size() - cut));
    Journal journal(folder.path(), "another");
    EXPECT_EQ(journal.header(), "header");
    EXPECT_EQ(events_of(journal), Texts{"one"});
    journal.append(Texts{"two"});
    EXPECT_EQ(read_file(file), whole);
  }
  std::string damaged = whole;
  damaged[whole.find("one")] = 'O';
  write_file_whole(file, damaged);
  EXPECT_HAS(error_of([&] { Journal(folder.path(), "header"); }), "found a damaged one at byte");
  write_file_whole(
      file, std::string(whole).erase(whole.find('\n') + 1, whole.rfind('\n', whole.size() - 2) - whole.find('\n')));
  EXPECT_HAS(error_of([&] { Journal(folder.path(), "header"); }), "expected line 1, found line 2");
  write_file_whole(file, "");
  EXPECT_HAS(error_of([&] { Journal(folder.path(), "header"); }), "expected the journal of a paper account");
}

TEST(Journal, SaysThatTheDiskIsFullAndLosesNothing) {
  ScratchFolder folder;
  std::signal(SIGXFSZ, SIG_IGN);
  {
    Journal journal(folder.path(), "header");
    journal.append(Texts{"one"});
    rlimit before;
    ::getrlimit(RLIMIT_FSIZE, &before);
    rlimit small = before;
    small.rlim_cur = 1000;
    ::setrlimit(RLIMIT_FSIZE, &small);
    const std::string error = error_of([&] { journal.append(Texts{std::string(600, 'a'), std::string(600, 'b')}); });
    ::setrlimit(RLIMIT_FSIZE, &before);
    EXPECT_HAS(error, "cannot be written: File too large; nothing of it has acted yet");
  }
  Journal journal(folder.path(), "header");
  EXPECT_EQ(events_of(journal), Texts{"one"});
  journal.append(Texts{"two"});
  EXPECT_EQ(events_of(Journal(folder.path(), "header")), (Texts{"one", "two"}));
}

// ---- Lines

TEST(Book, RefusesAnEndFarBehindAllThatCame) {
  Book book(true, date(2014, 1, 6));
  std::vector<EndedSession> ended;
  const auto end_of = [](Date day) {
    Event event;
    event.kind = Event::Kind::session_end;
    event.date = day;
    return event;
  };
  EXPECT_HAS(error_of([&] { book.check(end_of(date(9999, 12, 31)), "line 7"); }),
             "line 7: session_end: expected a day within 31 days of the newest one, 2014-01-06, found 9999-12-31");
  for (Date day = date(2014, 1, 6); day < date(2014, 6, 6); day += 30) {  // each is near the one before
    book.check(end_of(day), "line");
    book.take(end_of(day), ended);
  }
}

TEST(Event, JudgesEachLineByItself) {
  test::PaperRig rig;
  rig.make_market(2, 10, 9);
  const StrategyFile strategy =
      rig.strategy("s", "[factors]\nmom = \"$close/Ref($close,5)-1\"\n[portfolio]\nkind = \"top\"\nscore = \"mom\"\n");
  const Market market = rig.folder().open();
  const Instruments instruments(strategy, market);
  const auto read = [&](const std::string& line) { return read_event(line, instruments, "feed"); };
  const auto wrong = [&](const std::string& line) { return error_of([&] { read(line); }); };
  const std::string bar = R"({"time":"2014-01-06","symbol":"S1","open":2,"high":"3.5","low":1,"close":2,"volume":7)";
  const Event event = read(bar + "}");
  EXPECT_EQ(event.bar.instrument, 1);
  EXPECT_EQ(event.bar.high, 3.5);
  EXPECT_EQ(event.bar.volume, 7);
  EXPECT_EQ(event.date, date(2014, 1, 6));
  const Event again = read(event.text);
  EXPECT_EQ(again.text, event.text);
  EXPECT_EQ(read(R"({"time":"2014-01-06T21:00:00Z","symbol":"S1","open":2,"high":3,"low":1,"close":2})").date,
            event.date);
  EXPECT_EQ(read(R"({"time":"2014-01-06","symbol":"S0","split":1.5})").action.over, 3);
  EXPECT_EQ(read(R"({"time":"2014-01-06","symbol":"S0","dividend":"0.123456789"})").action.amount.text(), "0.12345679");
  EXPECT_EQ(read(R"({"session_end":"2014-01-06"})").kind, Event::Kind::session_end);
  for (const char* line : {"",
                           "[]",
                           "7",
                           "{}",
                           "{\"time\":1,\"symbol\":\"S0\"}",
                           "{\"session_end\":\"yesterday\"}",
                           R"({"session_end":"2014-01-06","delisting":true})",
                           R"({"time":"2014-01-06","symbol":"S0","split":2,"dividend":1})",
                           R"({"time":"2014-02-30","symbol":"S0","split":2})",
                           R"({"time":"2014-01-06","symbol":7})",
                           R"({"time":"2014-01-06","symbol":"S0","split":0})",
                           R"({"time":"2014-01-06","symbol":"S0","split":-2})",
                           R"({"time":"2014-01-06","symbol":"S0","split":1e300})",
                           R"({"time":"2014-01-06","symbol":"S0","dividend":-1})",
                           R"({"time":"2014-01-06","symbol":"S0","dividend":"much"})",
                           R"({"time":"2014-01-06","symbol":"S0","open":2,"high":3,"low":1})",
                           R"({"time":"2014-01-06","symbol":"S0","open":2,"high":3,"low":1,"close":NaN})",
                           R"({"time":"2014-01-06","symbol":"S0","open":2,"high":3,"low":1,"close":"nan"})",
                           R"({"time":"2014-01-06","symbol":"S0","open":2,"high":3,"low":1,"close":4})",
                           R"({"time":"2014-01-06","symbol":"S0","open":2,"high":3,"low":0,"close":2})",
                           R"({"time":"2014-01-06","symbol":"S0","open":1e11,"high":1e11,"low":1e11,"close":1e11})",
                           R"({"time":"2014-01-06","symbol":"S0","open":2,"high":3,"low":1,"close":2,"volume":-1})",
                           R"({"time":"2014-01-06","symbol":"S0","open":2,"high":3,"low":1,"close":2,"volume":1e19})"})
    EXPECT_NE(wrong(line), "") << line;
  EXPECT_NE(wrong(std::string(5000, '[')), "");
  EXPECT_THROW(read(R"({"time":"2014-01-06","symbol":"S9","split":2})"), UnknownSymbol);
}

}  // namespace
}  // namespace hadal::market::paper
