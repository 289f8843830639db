// A small archive of pages for tests, and a scratch run over it. Tests only.
#pragma once

#include <string>
#include <utility>
#include <vector>

#include "base/error.h"
#include "research/run.h"
#include "research/warc.h"

namespace hadal::test {

inline std::string page(const std::string& title, const std::string& body) {
  return fmt::format(
      "<!doctype html><html lang=\"en\"><head><meta "
      "charset=\"utf-8\"><title>{}</title></head><body><article><h1>{}</h1>{}"
      "</article></body></html>",
      title, title, body);
}

inline void write_web(const Path& file, const std::vector<std::pair<std::string, std::string>>& pages) {
  research::WarcWriter writer(file);
  for (const auto& [url, html] : pages) {
    research::WarcRecord record;
    record.type = "response";
    record.target_uri = url;
    record.date = "2026-11-28T10:00:00Z";
    record.content_type = "application/http; msgtype=response";
    record.block = fmt::format(
        "HTTP/1.1 200 OK\r\nContent-Type: text/html; charset=utf-8\r\nContent-Length: {}\r\n\r\n{}", html.size(), html);
    writer.append(std::move(record));
  }
}

inline std::vector<std::pair<std::string, std::string>> small_pages() {
  return {
      {"http://rivers.test/vell",
       page("The river Vell",
            "<p>The river Vell is 412 kilometres long and rises at 1,870 metres in the Orsa hills.</p><p>A survey in "
            "1987 "
            "had put the length of the river Vell at 398 kilometres, before the upper branch was counted.</p><p>It "
            "meets "
            "the sea at <a href=\"/tamsin\">Port Tamsin</a>, after falling over the Grey Steps, 31 metres high.</p>")},
      {"http://rivers.test/tamsin",
       page("Port Tamsin",
            "<p>Port Tamsin was founded in 1604 by Ilse Brandt, a captain from Dorn.</p><p>The harbour of "
            "Port Tamsin is 14 metres deep and never freezes in winter.</p>")},
      {"http://hills.test/orsa",
       page("The Orsa hills",
            "<p>The Orsa hills rise to 2,015 metres at Mount Sorrel.</p><p>Goats with brown coats live in "
            "the Orsa hills all the year.</p>")}};
}

inline research::RunOptions replayed(const Path& web, const Path& out, const std::string& question) {
  research::RunOptions options;
  options.question = question;
  options.replay = web;
  options.out = out;
  return options;
}

}  // namespace hadal::test
