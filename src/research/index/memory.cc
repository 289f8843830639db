// What of an index's file is kept in memory.
#include "research/index/impl.h"

namespace hadal::research {

void Index::Impl::forget() {
  postings_.clear();
  cached_bytes_ = 0;
  sizes_.clear();
  titles_.clear();
  sizes_read_ = titles_read_ = false;
}

void Index::Impl::refresh() {
  const int64_t version = database.number("PRAGMA data_version");  // moves when another connection has written
  if (version != data_version_) forget();
  data_version_ = version;
}

const Postings& Index::Impl::postings(const std::string& term) {
  const auto known = postings_.find(term);
  if (known != postings_.end()) return *known->second;
  auto list = std::make_unique<Postings>();
  Statement read(database, "SELECT doc, col, \"offset\" FROM vocabulary WHERE term = ?");
  read.bind(1, term);
  while (read.step()) {
    list->push_back({read.integer(0), static_cast<uint32_t>(read.integer(2)), read.text(1) == "title"});
  }
  cached_bytes_ += term.size() + list->size() * sizeof(Posting) + 64;
  return *postings_.emplace(term, std::move(list)).first->second;
}

const std::vector<Sizes>& Index::Impl::sizes() {
  constexpr size_t kMostCached = size_t{256} << 20;
  if (cached_bytes_ > kMostCached) {  // only here, where no search holds a list
    postings_.clear();
    cached_bytes_ = 0;
  }
  if (sizes_read_) return sizes_;
  sizes_.clear();
  count = 0;
  double total = 0;
  Statement read(database, "SELECT number, length FROM documents ORDER BY number");
  while (read.step()) {
    const auto number = static_cast<size_t>(read.integer(0));
    const auto length = static_cast<double>(read.integer(1));
    if (sizes_.size() <= number) sizes_.resize(number + 1);
    sizes_[number] = {true, length};
    total += length;
    ++count;
  }
  mean_length = count > 0 && total > 0 ? total / static_cast<double>(count) : 1;
  passages = database.number("SELECT count(*) FROM passages");
  sizes_read_ = true;
  return sizes_;
}

std::vector<std::string> title_terms(std::string_view title) {
  while (!title.empty() && title.back() == ' ') title.remove_suffix(1);
  if (title.ends_with(')')) {
    const size_t open = title.rfind('(');
    if (open != std::string_view::npos && open > 0) title = title.substr(0, open);
  }
  std::vector<std::string> out;
  for (Term& term : terms_of(title)) out.push_back(std::move(term.text));
  return out;
}

const std::unordered_map<std::string, std::vector<Index::Impl::Title>>& Index::Impl::titles() {
  if (titles_read_) return titles_;
  titles_.clear();
  Statement read(database, "SELECT number, title FROM documents ORDER BY number");
  while (read.step()) {
    Title title{read.integer(0), title_terms(read.text(1))};
    if (title.terms.empty()) continue;
    const std::string first = title.terms.front();
    titles_[first].push_back(std::move(title));
  }
  titles_read_ = true;
  return titles_;
}

std::vector<int64_t> Index::Impl::titles_in(const std::vector<Term>& terms) {
  const auto& all = titles();
  std::vector<int64_t> found;
  size_t taken = 0;  // a title within a longer one that stands there is not meant
  for (size_t i = 0; i < terms.size(); ++i) {
    const auto candidates = all.find(terms[i].text);
    if (candidates == all.end()) continue;
    size_t longest = 0;
    std::vector<int64_t> best;
    for (const Title& title : candidates->second) {
      const size_t n = title.terms.size();
      if (n < longest || i + n > terms.size() || i + n <= taken) continue;
      bool same = true;
      for (size_t k = 1; k < n && same; ++k) same = title.terms[k] == terms[i + k].text;
      if (!same) continue;
      if (n > longest) best.clear();
      longest = n;
      best.push_back(title.number);
    }
    if (longest > 0) taken = i + longest;
    found.insert(found.end(), best.begin(), best.end());
  }
  return found;
}

}  // namespace hadal::research
