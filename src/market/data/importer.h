// One import: holds the market's lock, gathers what files bring, writes segments, and names them in one transaction.
// The only writer of bars. import.h is its face.
#pragma once

#include <map>
#include <memory>
#include <string>
#include <tuple>
#include <unordered_map>
#include <vector>

#include "market/data/event_file.h"
#include "market/data/series_rows.h"
#include "market/data/store.h"
#include "market/import.h"

namespace hadal::market {

// An exclusive lock on a market's folder, which is made where it is not there. A process that ends leaves none behind.
class ImportLock {
 public:
  ImportLock(const Path& folder, double wait_seconds);  // Error after that time
  ~ImportLock();
  ImportLock(const ImportLock&) = delete;
  bool is_new() const { return is_new_; }  // the folder was made

 private:
  bool take(const Path& file);
  int fd_ = -1;
  bool is_new_ = false;
};

class Import {
 public:
  Import(const std::string& market, const ImportOptions& options);
  ~Import();  // without commit() nothing has changed
  void add_file(const Path& path);
  void write_segments();  // what was gathered, as files that no transaction names yet
  ImportReport commit();

 private:
  struct Entry;  // an instrument, as this import will leave it
  void add_bars(const Path& path, ImportedFile& report);
  void add_series(const BarFile& file, const Path& path, Series& series, ImportedFile& report);
  void add_lean_events(const Path& path, const RunColumns& run, Entry& entry);
  void add_events(const Path& path, ImportedFile& report);
  bool take_action(Entry& entry, Action action);  // false: the instrument's prices are adjusted for it already
  void add_action(Entry& entry, Action action);
  void add_membership(MembershipSpell spell);
  Entry& entry_of(const BarFile& file, const std::string& symbol);
  RowMaker& row_maker(const BarFile& file, const Entry& entry);
  void keep_new_rows(RunColumns run, Entry& entry, Adjustment prices);
  void note_range(const RunColumns& run);
  struct InstrumentChange {
    const Instrument* record;
    bool save_record;
    const std::vector<SymbolSpell>* spells;    // null: unchanged
    const std::vector<VendorFactor>* factors;  // null: unchanged
  };
  std::vector<InstrumentChange> instrument_changes() const;
  void save_records(int64_t import);
  void remove_orphans();

  ImportOptions options_;
  Path folder_;
  Time now_ = 0;
  std::unique_ptr<ImportLock> lock_;
  std::unique_ptr<Store> store_;
  std::vector<std::unique_ptr<Entry>> entries_;  // by id - 1
  std::unordered_map<std::string, int64_t> by_symbol_;
  std::unordered_map<std::string, std::unique_ptr<RowMaker>> makers_;  // by calendar and format
  std::vector<SegmentRecord> new_segments_;
  std::vector<std::unique_ptr<Segment>> written_;  // those segments
  std::vector<std::pair<int64_t, Action>> new_actions_;
  std::vector<MembershipSpell> new_memberships_;
  std::map<std::tuple<std::string, std::string, Date>, MembershipSpell>
      memberships_;  // newest: list, symbol, first day
  std::vector<SessionRecord> new_sessions_;
  int64_t pending_rows_ = 0;
  ImportReport report_;
  Time first_ = kEver, last_ = kBeginning;  // of the file that is read: days of daily bars
  bool daily_ = true;
  int64_t repeated_ = 0;        // of its rows: equal to what is known
  Time repeated_from_ = kEver;  // since when the first of them is known
  bool committed_ = false;
};

}  // namespace hadal::market
