#include "research/document.h"

#include <algorithm>

#include "base/error.h"
#include "base/text.h"
#include "net/web_url.h"
#include "research/extract/article.h"
#include "research/extract/charset.h"
#include "research/extract/metadata.h"
#include "research/extract/pdf.h"
#include "research/extract/plain.h"
#include "research/extract/render.h"
#include "research/extract/style.h"

namespace hadal::research {

namespace {

constexpr std::string_view kHtml = "text/html", kMarkdown = "text/markdown", kPlain = "text/plain", kCsv = "text/csv",
                           kPdf = "application/pdf";

std::string extension_of(std::string_view url) {
  url = url.substr(0, url.find_first_of("?#"));
  url = url.substr(url.find_last_of('/') + 1);  // npos + 1 = 0
  const size_t dot = url.find_last_of('.');
  return dot == std::string_view::npos ? "" : lower_case(std::string(url.substr(dot + 1)));
}

std::string_view type_by_name(std::string_view url) {
  static constexpr std::pair<std::string_view, std::string_view> kTypes[] = {
      {"html", kHtml},         {"htm", kHtml},     {"xhtml", kHtml}, {"md", kMarkdown},
      {"markdown", kMarkdown}, {"mkd", kMarkdown}, {"txt", kPlain},  {"text", kPlain},
      {"csv", kCsv},           {"tsv", kCsv},      {"pdf", kPdf}};
  const std::string extension = extension_of(url);
  for (const auto& [name, type] : kTypes)
    if (extension == name) return type;
  return {};
}

bool looks_like_html(std::string_view bytes) {
  const std::string head = lower_case(std::string(bytes.substr(0, 1024)));
  return head.find("<!doctype html") != std::string::npos || head.find("<html") != std::string::npos ||
         head.find("<head") != std::string::npos || head.find("<body") != std::string::npos;
}

bool has_zero_bytes(std::string_view bytes) {
  const std::string_view head = bytes.substr(0, 4096);
  return head.find('\0') != std::string_view::npos && !head.starts_with("\xFF\xFE") && !head.starts_with("\xFE\xFF");
}

// One of Document::type.
std::string_view type_of(const RawDocument& raw) {
  std::string said = lower_case(raw.content_type.substr(0, raw.content_type.find(';')));
  said.erase(std::remove_if(said.begin(), said.end(), [](char c) { return c == ' ' || c == '\t'; }), said.end());
  if (said == kPdf || said == "application/x-pdf" || raw.bytes.starts_with("%PDF-")) return kPdf;
  const std::string_view named = type_by_name(raw.url);
  if (said == kHtml || said == "application/xhtml+xml") return kHtml;
  if (said == kMarkdown || said == "text/x-markdown") return kMarkdown;
  if (said == kCsv || said == "text/tab-separated-values") return kCsv;
  if (said == kPlain) return named == kMarkdown || named == kCsv ? named : kPlain;
  const bool open =
      said.empty() || said == "application/octet-stream" || said == "binary/octet-stream" || said == "unknown/unknown";
  if (!open)
    fail("{}: expected HTML, Markdown, text, CSV or PDF, found {}; leave it out",
         raw.url.empty() ? "document" : brief(raw.url), brief(said));
  if (!named.empty() && named != kPdf) return named;
  if (looks_like_html(raw.bytes)) return kHtml;
  if (named == kPdf) return kPdf;
  return kPlain;
}

// Absolute and canonical; "" for what no fetch could open.
std::string resolved(std::string_view written, const net::Url* base) {
  const auto url = net::parse_url(written, base);
  return url ? url->href() : "";
}

void read_html(const RawDocument& raw, std::string_view utf8, Document& to) {
  const Dom dom(utf8);
  std::vector<bool> dropped = unseen_nodes(dom);
  Metadata metadata = read_metadata(dom, dropped);
  drop_all_but_article(dom, metadata, dropped);
  Rendered rendered = render(dom, dropped);
  to.text = std::move(rendered.text);
  to.tables = std::move(rendered.tables);
  to.title = metadata.title, to.author = metadata.author, to.date = metadata.date, to.language = metadata.language;
  const auto page = net::parse_url(raw.url);
  auto base = net::parse_url(metadata.base, page ? &*page : nullptr);
  if (metadata.base.empty() || !base) base = page;
  const net::Url* against = base ? &*base : nullptr;
  if (!metadata.canonical.empty()) to.canonical = resolved(metadata.canonical, against);
  for (Link& link : rendered.links) {
    link.url = resolved(link.url, against);
    if (!link.url.empty()) to.links.push_back(std::move(link));
  }
}

}  // namespace

Document extract(const RawDocument& raw, std::string* charset) {
  const std::string_view type = type_of(raw);
  if (charset != nullptr) charset->clear();
  if (type == kPdf) return extract_pdf(raw);
  if (has_zero_bytes(raw.bytes))
    fail("{}: expected text, found bytes of zero; is it another kind of file?",
         raw.url.empty() ? "document" : brief(raw.url));
  Document document;
  document.url = raw.url;
  document.type = type;
  std::string name;
  const std::string utf8 = to_utf8(raw.bytes, raw.content_type, type == kHtml, name);
  if (charset != nullptr) *charset = name;
  if (type == kHtml) read_html(raw, utf8, document);
  if (type == kMarkdown) read_markdown(utf8, document);
  if (type == kPlain) read_plain(utf8, document);
  if (type == kCsv)
    read_csv(utf8,
             raw.content_type.find("tab-sep") != std::string::npos || extension_of(raw.url) == "tsv" ? '\t' : '\0',
             document);
  if (type == kMarkdown) {
    const auto base = net::parse_url(raw.url);
    std::erase_if(document.links,
                  [&](Link& link) { return (link.url = resolved(link.url, base ? &*base : nullptr)).empty(); });
  }
  return document;
}

}  // namespace hadal::research
