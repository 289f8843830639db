#!/usr/bin/env python3
"""The next day's returns of NASDAQ's and NYSE's stocks (Feng et al. 2019, "Temporal relational ranking for stock prediction"): IC by seed, and
the Sharpe ratio of holding the five best for a day, before and after costs of 10 basis points a trade.

    bench/market_rsr.py SOURCE [--exchanges NASDAQ NYSE] [--kinds ridge trees] [--seeds 1 2 3 4 5] [--hadal build/hadal]
                        [--folder /tmp/hadal_market_rsr] [--record]

SOURCE is a checkout or a git address of fulifeng/Temporal_Relational_Stock_Ranking: https://github.com/fulifeng/Temporal_Relational_Stock_Ranking.
Its data (AGPL) are fetched into FOLDER and never kept here. They are stocks that were traded all through 2013 to 2017: survivors.

Split as in the papers: 756 days of training, 252 of validation, 237 of test; look-back 16 days. Of each stock there is a close alone, divided by
its largest. What is decided at a close is bought at that close, as the papers do; a stock without a price on the next day cannot be chosen, which
they leave out too.
A row for each exchange and kind goes to bench/results/market_rsr.csv with --record.
"""
import argparse
import csv
import os
import statistics
import subprocess
import sys

from market_figures import ROOT, Figures, appended

DAYS, TICKERS = "aver_line_dates.csv", "tickers_qualify_dr-0.98_min-5_smooth.csv"
FIRST_DAY = 29  # of the dates' file: the data's row 0
MISSING = -1234
LOOK_BACK = 16
COUNT, COST = 5, 0.001  # the best of a day; of what is bought or sold
STRATEGY = """[data]
market = "{market}"
start = {start}
[factors]
{factors}
[label]
expression = "Ref($close,-1)/$close-1"
[forecast]
kind = "{kind}"
train_days = 756
valid_days = 252
embargo_days = 0
test_days = 237
seeds = [{seeds}]
{keys}
"""
COLUMNS = ["commit", "cpu", "threads", "exchange", "kind", "ic_mean", "ic_sd", "ic_by_seed", "ensemble_ic", "ensemble_rank_ic", "sharpe", "sharpe_10bp",
           "train_seconds", "train_cpu_seconds", "peak_gib", "load", "command"]


def factors_of(kind):
    """Closes of the look-back's days and means of 5 to 30 days, all by today's close; networks see the look-back themselves."""
    lines = [f'ma{n} = "Mean($close,{n})/$close-1"' for n in (5, 10, 20, 30)]
    if kind in ("ridge", "trees"):
        lines += [f'back{k} = "Ref($close,{k})/$close-1"' for k in range(1, LOOK_BACK)]
    else:
        lines += ['back1 = "Ref($close,1)/$close-1"']
    return "\n".join(lines)


def fetched(source, folder):
    """The folder `data` of the repository."""
    if os.path.isdir(os.path.join(source, "data", "2013-01-01")):
        return os.path.join(source, "data")
    path = os.path.join(folder, "repository")
    wanted = ["data/2013-01-01"] + [f"data/{exchange}_{name}" for exchange in ("NASDAQ", "NYSE") for name in (DAYS, TICKERS)]
    if not os.path.isdir(path):
        subprocess.run(["git", "clone", "--quiet", "--depth", "1", "--filter=blob:none", "--no-checkout", source, path], check=True)
    if not os.path.isdir(os.path.join(path, "data", "2013-01-01")):
        subprocess.run(["git", "-C", path, "checkout", "--quiet", "HEAD", "--", *wanted], check=True)
    return os.path.join(path, "data")


def closes_of(path):
    with open(path) as file:
        for row in csv.reader(file):
            if float(row[-1]) != MISSING:
                yield int(float(row[0])), float(row[-1])


def write_bars(data, exchange, path):
    """One CSV of all stocks; returns the days and {symbol: {day: close}}."""
    with open(os.path.join(data, f"{exchange}_{DAYS}")) as file:
        days = [line[:10] for line in file if line.strip()][FIRST_DAY:]
    # The last row of NASDAQ is missing for most, and left out by the papers.
    days = days[:1245]
    with open(os.path.join(data, f"{exchange}_{TICKERS}")) as file:
        symbols = [line.strip() for line in file if line.strip()]
    closes = {}
    with open(path, "w") as out:
        out.write("date,symbol,open,high,low,close,volume\n")
        for symbol in symbols:
            for row, close in closes_of(os.path.join(data, "2013-01-01", f"{exchange}_{symbol}_1.csv")):
                if row >= len(days):
                    continue
                out.write(f"{days[row]},{symbol},{100 * close:.6f},{100 * close:.6f},{100 * close:.6f},{100 * close:.6f},1000000\n")
                closes.setdefault(symbol, {})[days[row]] = close
    return days, closes


def sharpes_of_best(scores, closes):
    """A year's Sharpe ratios, before and after costs, of holding each day's best in equal parts to the next day's close."""
    by_day = {}
    with open(scores) as file:
        for line in csv.DictReader(file):
            by_day.setdefault(line["date"], []).append((-float(line["score"]), line["symbol"]))
    days = sorted(by_day)
    held, before, after = {}, [], []
    for day, following in zip(days, days[1:]):
        there = [(score, symbol) for score, symbol in by_day[day] if following in closes[symbol]]
        best = {symbol: 1 / COUNT for _, symbol in sorted(there)[:COUNT]}
        traded = sum(abs(best.get(symbol, 0) - held.get(symbol, 0)) for symbol in best.keys() | held.keys())
        before.append(sum(share * (closes[symbol][following] / closes[symbol][day] - 1) for symbol, share in best.items()))
        after.append(before[-1] - COST * traded)
        held = best
    return [statistics.mean(returns) / statistics.stdev(returns) * 252**0.5 for returns in (before, after)]


class Rsr:
    def __init__(self, args):
        self.args, self.figures = args, Figures(args)
        os.makedirs(args.folder, exist_ok=True)
        self.data, self.closes = fetched(args.source, args.folder), {}

    def strategy(self, exchange, kind, start):
        keys = "" if kind in ("ridge", "trees") else f"look_back = {LOOK_BACK}"
        keys += "\n" + "\n".join(self.args.key)
        text = STRATEGY.format(market=self.market_of(exchange), start=start, factors=factors_of(kind), kind=kind, keys=keys,
                               seeds=", ".join(map(str, self.args.seeds)))
        return self.figures.write(f"{exchange}_{kind}.toml", text)

    def market_of(self, exchange):
        return os.path.join(os.path.abspath(self.args.folder), exchange) + "/"

    def imported(self, exchange):
        bars = os.path.join(self.args.folder, exchange + ".csv")
        days, self.closes[exchange] = write_bars(self.data, exchange, bars)
        if not os.path.exists(os.path.join(self.market_of(exchange), "market.db")):
            run = self.figures.market("import", self.market_of(exchange), bars, "--prices", "split", "--known-at", "2013-01-01")
            bad = sum(file["quarantined"] for file in run.json["files"])
            print(f"{exchange}: {sum(file['rows'] for file in run.json['files'])} bars, {bad} quarantined, {days[0]} to {days[-1]}")
        return days[0]

    def run(self, exchange, kind, start):
        run = self.figures.market("train", self.strategy(exchange, kind, start))
        ics = [seed["ic"] for seed in run.json["by_seed"]]
        mean, spread = statistics.mean(ics), statistics.stdev(ics) if len(ics) > 1 else 0
        before, after = sharpes_of_best(os.path.join(self.args.folder, run.json["run"], "scores.csv"), self.closes[exchange])
        print(f"{exchange} {kind}: {run.json['headline']}")
        print(f"  IC {mean:.4f} +- {spread:.4f} by seed ({', '.join(f'{ic:.4f}' for ic in ics)}); of all together {run.json['ic']:.4f}, "
              f"rank IC {run.json['rank_ic']:.4f}; best {COUNT}: Sharpe {before:.3f}, after 10 bp {after:.3f}; wall {run.wall:.1f} s, CPU {run.cpu:.1f} s")
        if self.args.record:
            appended("market_rsr.csv", COLUMNS, run, [exchange, kind, f"{mean:.5f}", f"{spread:.5f}", " ".join(f"{ic:.5f}" for ic in ics),
                     f"{run.json['ic']:.5f}", f"{run.json['rank_ic']:.5f}", f"{before:.4f}", f"{after:.4f}"], f"market_rsr.py SOURCE --kinds {kind}")


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("source")
    parser.add_argument("--exchanges", nargs="+", default=["NASDAQ", "NYSE"], choices=["NASDAQ", "NYSE"])
    parser.add_argument("--kinds", nargs="+", default=["ridge", "trees"])
    parser.add_argument("--seeds", nargs="+", type=int, default=[1, 2, 3, 4, 5])
    parser.add_argument("--key", action="append", default=[], help="a further key of [forecast], such as 'depth = 6'")
    parser.add_argument("--hadal", default=os.path.join(ROOT, "build/hadal"))
    parser.add_argument("--folder", default="/tmp/hadal_market_rsr")
    parser.add_argument("--record", action="store_true")
    args = parser.parse_args()
    rsr = Rsr(args)
    for exchange in args.exchanges:
        start = rsr.imported(exchange)
        for kind in args.kinds:
            rsr.run(exchange, kind, start)


if __name__ == "__main__":
    sys.exit(main())
