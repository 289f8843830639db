#include "cli/line_editor.h"

#include <histedit.h>
#include <langinfo.h>
#include <poll.h>
#include <sys/eventfd.h>
#include <sys/stat.h>
#include <termios.h>
#include <unistd.h>

#include <cerrno>
#include <clocale>
#include <cstdio>
#include <cwchar>
#include <vector>

#include "base/error.h"

namespace hadal {
namespace {

constexpr const char *kPasteOn = "\033[?2004h", *kPasteOff = "\033[?2004l";
constexpr std::wstring_view kPasteEnd = L"\033[201~";

// libedit decodes what is typed by the locale; without one (LANG unset, as in many containers) it would drop every
// character that is not ASCII.
void take_utf8() {
  std::setlocale(LC_ALL, "");
  if (std::string_view(::nl_langinfo(CODESET)) == "UTF-8") return;
  for (const char* name : {"C.UTF-8", "C.utf8", "en_US.UTF-8"})
    if (std::setlocale(LC_CTYPE, name) != nullptr) return;
}

// Readable after an interrupt, until the next line begins.
int wake_up() {
  static const int event = ::eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
  return event;
}

// The terminal as the program found it.
termios found_mode;
bool mode_changed = false;

// All the while, not only while a line is edited: a terminal that gathers lines itself cuts what is pasted during an
// answer at 4,095 bytes, and turns a Ctrl-D that is typed then into something else. Signals (Ctrl-C) stay.
void take_terminal() {
  if (::tcgetattr(STDIN_FILENO, &found_mode) != 0) return;
  termios mode = found_mode;
  mode.c_lflag &= static_cast<tcflag_t>(~(ICANON | ECHO));
  mode.c_iflag &= static_cast<tcflag_t>(~ICRNL);  // a line end of two characters is to be known in a pasted block
  mode.c_cc[VMIN] = 1, mode.c_cc[VTIME] = 0;
  mode_changed = ::tcsetattr(STDIN_FILENO, TCSANOW, &mode) == 0;
}

}  // namespace

void LineEditor::give_terminal_back() {
  if (mode_changed) ::tcsetattr(STDIN_FILENO, TCSANOW, &found_mode);
}

void LineEditor::interrupt() {
  const uint64_t one = 1;
  [[maybe_unused]] const ssize_t written = ::write(wake_up(), &one, sizeof one);
}

struct LineEditor::Impl {
  EditLine* editor = nullptr;
  HistoryW* history = nullptr;
  std::string history_file, prompt;
  std::vector<std::wstring> entered;  // since the history was read
  bool interrupted = false;

  static Impl* of(EditLine* editor) {
    void* self = nullptr;
    ::el_wget(editor, EL_CLIENTDATA, &self);
    return static_cast<Impl*>(self);
  }
  static const char* prompt_of(EditLine* editor) { return of(editor)->prompt.c_str(); }

  // Waits for a byte; false after interrupt().
  static bool wait_for_input() {
    pollfd both[] = {{STDIN_FILENO, POLLIN, 0}, {wake_up(), POLLIN, 0}};
    while (::poll(both, 2, -1) < 0 && errno == EINTR) continue;
    return (both[1].revents & POLLIN) == 0;
  }

  // One character of UTF-8.
  static int next_char(EditLine* editor, wchar_t* out) {
    std::mbstate_t state = {};
    for (;;) {
      if (!wait_for_input()) {
        of(editor)->interrupted = true;
        return -1;
      }
      char byte = 0;
      const ssize_t count = ::read(STDIN_FILENO, &byte, 1);
      if (count < 0 && errno == EINTR) continue;
      if (count <= 0) return static_cast<int>(count);
      if (byte == '\0') byte = '\004';  // what is left of a Ctrl-D that was typed while an answer came
      const size_t used = std::mbrtowc(out, &byte, 1, &state);
      if (used == static_cast<size_t>(-2)) continue;  // more bytes follow
      if (used == static_cast<size_t>(-1)) *out = L'\uFFFD';
      return 1;
    }
  }

  // Bound to the mark that begins a pasted block: inserts all up to the mark that ends it.
  static unsigned char paste(EditLine* editor, wint_t) {
    std::wstring text;
    bool after_cr = false;
    for (wchar_t c = 0; !text.ends_with(kPasteEnd);) {
      if (next_char(editor, &c) != 1) return CC_EOF;
      if (c == L'\n' && after_cr) {
        after_cr = false;
        continue;
      }
      after_cr = c == L'\r';
      text += after_cr ? L'\n' : c;
    }
    text.resize(text.size() - kPasteEnd.size());
    while (text.ends_with(L'\n')) text.pop_back();
    std::erase(text, L'\0');
    // The line's buffer grows by what is inserted at once, so no block is too long for it in pieces.
    for (size_t at = 0; at < text.size(); at += 256)
      if (::el_winsertstr(editor, text.substr(at, 256).c_str()) != 0) return CC_ERROR;
    return CC_REFRESH;
  }
};

LineEditor::LineEditor(const Path& history) : impl_(std::make_unique<Impl>()) {
  wake_up();  // made before a signal handler needs it
  take_utf8();
  take_terminal();
  impl_->editor = ::el_init("hadal", stdin, stdout, stderr);
  if (impl_->editor == nullptr) fail("the terminal: libedit cannot use it (TERM); pipe lines in instead");
  EditLine* editor = impl_->editor;
  ::el_wset(editor, EL_CLIENTDATA, impl_.get());
  ::el_set(editor, EL_PROMPT, &Impl::prompt_of);
  ::el_wset(editor, EL_GETCFN, &Impl::next_char);
  ::el_wset(editor, EL_EDITOR, L"emacs");
  ::el_wset(editor, EL_ADDFN, L"hadal-paste", L"insert a pasted block", &Impl::paste);
  ::el_wset(editor, EL_BIND, L"\\e[200~", L"hadal-paste", nullptr);
  ::el_set(editor, EL_SETTY, "-d", "-icrnl", "-inlcr", nullptr);            // while a line is edited
  ::el_set(editor, EL_SETTY, "-x", "-icanon", "-echo", "-icrnl", nullptr);  // and between lines
  ::el_source(editor, nullptr);                                             // ~/.editrc
  impl_->history = ::history_winit();
  HistEventW event;
  ::history_w(impl_->history, &event, H_SETSIZE, 1000);
  ::el_wset(editor, EL_HIST, ::history_w, impl_->history);
  impl_->history_file = history.string();
  if (!impl_->history_file.empty()) ::history_w(impl_->history, &event, H_LOAD, impl_->history_file.c_str());
}

// Behind what the file holds now: another chat may have added lines since.
void LineEditor::save_history() const {
  HistoryW* all = ::history_winit();
  HistEventW event;
  ::history_w(all, &event, H_SETSIZE, 1000);
  ::history_w(all, &event, H_LOAD, impl_->history_file.c_str());
  for (const std::wstring& line : impl_->entered) ::history_w(all, &event, H_ENTER, line.c_str());
  ::history_w(all, &event, H_SAVE, impl_->history_file.c_str());
  ::history_wend(all);
}

LineEditor::~LineEditor() {
  if (!impl_->history_file.empty()) {
    const mode_t before = ::umask(077);  // nobody else's business
    save_history();
    ::umask(before);
  }
  ::history_wend(impl_->history);
  ::el_end(impl_->editor);
  give_terminal_back();
}

std::optional<std::string> LineEditor::read(const std::string& prompt) {
  impl_->prompt = prompt;
  impl_->interrupted = false;
  uint64_t old = 0;
  [[maybe_unused]] const ssize_t drained = ::read(wake_up(), &old, sizeof old);
  std::fputs(kPasteOn, stdout);
  int count = 0;
  const wchar_t* text = ::el_wgets(impl_->editor, &count);
  std::fputs(kPasteOff, stdout);
  std::fflush(stdout);
  if (text == nullptr || count <= 0) {
    if (!impl_->interrupted) return std::nullopt;
    std::fputs("\n", stdout);
    return "";
  }
  std::wstring_view line(text, static_cast<size_t>(count));
  if (line.ends_with(L'\n')) line.remove_suffix(1);
  if (line.find_first_not_of(L" \t\r\n") != std::wstring_view::npos) {
    HistEventW event;
    impl_->entered.emplace_back(line);
    ::history_w(impl_->history, &event, H_ENTER, impl_->entered.back().c_str());
  }
  std::string bytes;
  char buffer[16];
  std::mbstate_t state = {};
  for (const wchar_t c : line) {
    const size_t size = std::wcrtomb(buffer, c, &state);
    bytes += size == static_cast<size_t>(-1) ? "\uFFFD" : std::string(buffer, size);
  }
  return bytes;
}

}  // namespace hadal
