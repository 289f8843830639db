#include "research/extract/pdf.h"

#include <fcntl.h>
#include <poll.h>
#include <poppler/cpp/poppler-document.h>
#include <poppler/cpp/poppler-global.h>
#include <poppler/cpp/poppler-page.h>
#include <signal.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <cstring>
#include <ctime>
#include <memory>

#include "base/error.h"
#include "research/extract/charset.h"

namespace hadal::research {

namespace {

constexpr int kMaxPages = 3000, kSeconds = 30;
constexpr size_t kMaxWords = 3'000'000, kMaxAnswer = size_t{256} << 20;
constexpr rlim_t kMaxMemory = rlim_t{2} << 30;
enum Outcome : char { kRead = 'r', kBroken = 'b', kEncrypted = 'e' };

// --- in the process that reads ---

void put(std::string& to, const void* data, size_t bytes) { to.append(static_cast<const char*>(data), bytes); }

void put_text(std::string& to, const poppler::ustring& text) {
  const poppler::byte_array utf8 = text.to_utf8();
  const auto size = static_cast<uint32_t>(std::min<size_t>(utf8.size(), 1 << 16));
  put(to, &size, sizeof size);
  put(to, utf8.data(), size);
}

void write_all(int fd, std::string_view data) {
  while (!data.empty()) {
    const ssize_t n = ::write(fd, data.data(), data.size());
    if (n <= 0) ::_exit(1);
    data.remove_prefix(static_cast<size_t>(n));
  }
}

void limit(int resource, rlim_t most) {
  const rlimit value = {most, most};
  static_cast<void>(::setrlimit(static_cast<__rlimit_resource_t>(resource), &value));
}

void write_words(int fd, const poppler::document& document, int pages) {
  size_t words = 0;
  for (int32_t number = 0; number < pages && words < kMaxWords; ++number) {
    const std::unique_ptr<poppler::page> page(document.create_page(number));
    if (page == nullptr) continue;
    std::string out;
    for (const poppler::text_box& box : page->text_list()) {
      if (++words > kMaxWords) break;
      const poppler::rectf r = box.bbox();
      const float place[4] = {static_cast<float>(r.x()), static_cast<float>(r.y()), static_cast<float>(r.width()),
                              static_cast<float>(r.height())};
      const char space = box.has_space_after() ? 1 : 0;
      put(out, &number, sizeof number), put(out, place, sizeof place), put(out, &space, 1);
      put_text(out, box.text());
    }
    write_all(fd, out);
  }
}

[[noreturn]] void read_and_exit(int fd, std::string_view bytes) {
  for (const int number : {SIGSEGV, SIGBUS, SIGABRT, SIGFPE, SIGILL, SIGTERM, SIGINT, SIGPIPE})
    ::signal(number, SIG_DFL);
  const int null = ::open("/dev/null", O_RDWR);
  ::dup2(null, STDERR_FILENO), ::dup2(null, STDOUT_FILENO);
  limit(RLIMIT_CORE, 0), limit(RLIMIT_CPU, kSeconds);
  long pages_now = 0;
  if (std::FILE* f = std::fopen("/proc/self/statm", "r")) {
    if (std::fscanf(f, "%ld", &pages_now) != 1) pages_now = 0;
    std::fclose(f);
  }
  // Under a sanitizer the address space is terabytes already.
  limit(RLIMIT_AS, static_cast<rlim_t>(pages_now) * static_cast<rlim_t>(::sysconf(_SC_PAGESIZE)) + kMaxMemory);
  try {
    poppler::set_debug_error_function([](const std::string&, void*) {}, nullptr);
    const std::unique_ptr<poppler::document> document(
        poppler::document::load_from_raw_data(bytes.data(), static_cast<int>(bytes.size())));
    if (document == nullptr || document->is_locked()) {
      const char outcome = document == nullptr ? kBroken : kEncrypted;
      write_all(fd, {&outcome, 1});
      ::_exit(0);
    }
    std::string head(1, kRead);
    const int32_t pages = std::min(document->pages(), kMaxPages);
    put(head, &pages, sizeof pages);
    put_text(head, document->get_title()), put_text(head, document->get_author());
    const std::time_t made = document->get_creation_date_t();
    std::tm day{};
    const bool known = made > 0 && ::gmtime_r(&made, &day) != nullptr;
    put_text(head, poppler::ustring::from_latin1(
                       known ? fmt::format("{:04}-{:02}-{:02}", day.tm_year + 1900, day.tm_mon + 1, day.tm_mday) : ""));
    write_all(fd, head);
    write_words(fd, *document, pages);
  } catch (...) {
    ::_exit(1);
  }
  ::_exit(0);
}

// --- in ours ---

struct Reader {
  std::string_view data;
  bool take(void* to, size_t bytes) {
    if (data.size() < bytes) return false;
    std::memcpy(to, data.data(), bytes);
    data.remove_prefix(bytes);
    return true;
  }
  bool take_text(std::string& to) {
    uint32_t size = 0;
    if (!take(&size, sizeof size) || data.size() < size) return false;
    to = std::string(data.substr(0, size));
    data.remove_prefix(size);
    return true;
  }
};

// All that the process says; it is killed where it takes too long.
std::string answer_of(int fd, pid_t process) {
  std::string answer;
  const double end = static_cast<double>(std::time(nullptr)) + 2 * kSeconds;
  char buffer[1 << 16];
  for (;;) {
    pollfd ready = {fd, POLLIN, 0};
    const double left = end - static_cast<double>(std::time(nullptr));
    const int polled = left > 0 ? ::poll(&ready, 1, static_cast<int>(left * 1000)) : 0;
    if (polled < 0 && errno == EINTR) continue;
    const ssize_t n = polled > 0 ? ::read(fd, buffer, sizeof buffer) : -1;
    if (n < 0 && polled > 0 && errno == EINTR) continue;
    if (n <= 0 || answer.size() > kMaxAnswer) {
      if (n != 0) ::kill(process, SIGKILL);
      return answer;
    }
    answer.append(buffer, static_cast<size_t>(n));
  }
}

}  // namespace

PdfContent read_pdf(std::string_view bytes) {
  if (bytes.size() > (size_t{256} << 20)) fail("PDF: expected at most 256 MiB, found {} bytes", bytes.size());
  int ends[2];
  if (::pipe2(ends, O_CLOEXEC) != 0) fail("PDF: no pipe to the process that reads it: {}", std::strerror(errno));
  const pid_t process = ::fork();
  if (process == 0) read_and_exit(ends[1], bytes);
  ::close(ends[1]);
  if (process < 0) {
    ::close(ends[0]);
    fail("PDF: no process to read it: {}", std::strerror(errno));
  }
  const std::string answer = answer_of(ends[0], process);
  ::close(ends[0]);
  int status = 0;
  while (::waitpid(process, &status, 0) < 0 && errno == EINTR) continue;
  Reader reader{answer};
  char outcome = 0;
  if (reader.take(&outcome, 1) && outcome == kEncrypted)
    fail("PDF: expected one that opens without a password, found an encrypted one; save it without");
  if (outcome == kBroken)
    fail("PDF: expected a whole PDF file, found one that cannot be opened; fetch or export it again");
  if (!WIFEXITED(status) || WEXITSTATUS(status) != 0)
    fail(
        "PDF: expected one that is read within {} s and 2 GiB, found one that is not (the reader ended by {}); leave "
        "it out",
        kSeconds, WIFSIGNALED(status) ? fmt::format("signal {}", WTERMSIG(status)) : "an error");
  PdfContent content;
  reader.take(&content.pages, sizeof content.pages);
  reader.take_text(content.title), reader.take_text(content.author), reader.take_text(content.date);
  for (PdfWord word;;) {
    float place[4];
    char space = 0;
    int32_t page = 0;
    if (!reader.take(&page, sizeof page) || !reader.take(place, sizeof place) || !reader.take(&space, 1) ||
        !reader.take_text(word.text))
      break;
    word.page = page, word.space_after = space != 0;
    word.x = place[0], word.y = place[1], word.width = place[2], word.height = place[3];
    content.words.push_back(std::move(word));
    word = {};
  }
  return content;
}

Document extract_pdf(const RawDocument& raw) {
  Document document;
  document.url = raw.url;
  document.type = "application/pdf";
  const PdfContent content = read_pdf(raw.bytes);
  document.title = one_line(content.title);
  document.author = one_line(content.author);
  document.date = content.date;
  lay_out(content, document);
  return document;
}

}  // namespace hadal::research
