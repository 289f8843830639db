#include "market/report/page.h"

#include "base/embed.h"
#include "base/error.h"
#include "market/report/text.h"

#ifndef HADAL_REPORT_FILE
#error "src/market/CMakeLists.txt defines HADAL_REPORT_FILE: the page to embed"
#endif

HADAL_EMBED(report, HADAL_REPORT_FILE);

namespace hadal::market {
namespace {

// JSON inside <script>: no text of it can end the element or begin a comment.
std::string script_text(const OrderedJson& json) {
  std::string text;
  for (const char c : dump_json(json)) c == '<' ? text += "\\u003c" : text += c;
  return text;
}

}  // namespace

std::string page_of(const std::string& title, const std::string& body, const OrderedJson& charts) {
  const std::string_view frame = HADAL_EMBEDDED(report);
  std::string page;
  size_t from = 0;
  const auto put = [&](std::string_view place, const std::string& text) {
    const size_t at = frame.find(place, from);
    HADAL_CHECK(at != frame.npos, "the frame of reports has no {}", place);
    page.append(frame, from, at - from).append(text);
    from = at + place.size();
  };
  put("{{title}}", html(title));
  put("{{report}}", body + "<script type=\"application/json\" id=\"charts\">" + script_text(charts) + "</script>\n");
  return page.append(frame, from);
}

}  // namespace hadal::market
