#include "market/report/page.h"

#include "market/report/text.h"

namespace hadal::market {
namespace {

// Colours are told apart with defective colour vision too (Okabe and Ito 2008).
constexpr const char* kStyle = R"(
:root { color-scheme: light dark; --paper: #fff; --ink: #1b1f24; --soft: #59636e; --rule: #d9dee3; --c0: #0072b2;
  --c1: #d55e00; --c2: #00795a; --warn: #fff4e5; }
@media (prefers-color-scheme: dark) {
  :root { --paper: #0f1318; --ink: #e6e9ec; --soft: #9aa4ae; --rule: #2c333b; --c0: #58a6ff; --c1: #ff9b52; --c2: #3fc99a;
    --warn: #33270f; }
}
@media print {
  :root { --paper: #fff; --ink: #000; --soft: #444; --rule: #ccc; --c0: #0072b2; --c1: #d55e00; --c2: #00795a;
    --warn: #fff; }
  figure, table { break-inside: avoid; }
  h2 { break-after: avoid; }
}
body { max-width: 860px; margin: 2rem auto; padding: 0 1rem; background: var(--paper); color: var(--ink);
  font: 16px/1.5 system-ui, sans-serif; overflow-wrap: anywhere; }
h1 { font-size: 1.5rem; line-height: 1.25; margin: 0 0 .5rem; }
h2 { font-size: 1.1rem; margin: 2.2rem 0 .5rem; }
p { margin: .5rem 0; }
.soft, figcaption { color: var(--soft); font-size: .85rem; }
.warn { background: var(--warn); border-left: 4px solid var(--c1); padding: .6rem .9rem; }
code { font: .85em ui-monospace, monospace; }
figure { margin: .5rem 0 1rem; }
svg { display: block; width: 100%; height: auto; }
svg text { fill: var(--soft); font: 12px system-ui, sans-serif; }
.axis { stroke: var(--rule); fill: none; }
.line { fill: none; stroke-width: 1.6; stroke-linejoin: round; }
.line.c0 { stroke: var(--c0); } .line.c1 { stroke: var(--c1); } .line.c2 { stroke: var(--c2); }
.area { stroke: none; opacity: .18; }
.area.c0, .bar.c0 { fill: var(--c0); } .area.c1, .bar.c1 { fill: var(--c1); } .area.c2 { fill: var(--c2); }
.key { font-size: .85rem; margin-right: 1rem; }
.key::before { content: ""; display: inline-block; width: 1.1em; height: .25em; margin-right: .4em; vertical-align: middle;
  background: currentColor; }
.key.c0 { color: var(--c0); } .key.c1 { color: var(--c1); } .key.c2 { color: var(--c2); }
table { border-collapse: collapse; width: 100%; font-size: .92rem; }
td, th { text-align: left; padding: .25rem .5rem .25rem 0; border-bottom: 1px solid var(--rule); vertical-align: top; }
td.n { text-align: right; font-variant-numeric: tabular-nums; }
td:first-child { overflow-wrap: normal; }
.pair { display: grid; grid-template-columns: repeat(auto-fit, minmax(320px, 1fr)); gap: 0 2rem; }
)";

}  // namespace

std::string page_of(const std::string& title, const std::string& body) {
  std::string text =
      "<!doctype html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n"
      "<meta http-equiv=\"Content-Security-Policy\" content=\"default-src 'none'; style-src 'unsafe-inline'\">\n"
      "<meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n<title>";
  text += html(title);
  text += "</title>\n<style>";
  text += kStyle;
  text += "</style>\n</head>\n<body>\n";
  text += body;
  return text + "</body>\n</html>\n";
}

}  // namespace hadal::market
