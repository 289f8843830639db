#!/usr/bin/env python3
"""The figures of docs/markets.md that need no peer: each runs the program, and appends a row to bench/results/market.csv with --record.

    bench/market_figures.py WORK... [--hadal build/hadal] [--folder /tmp/hadal_market_figures] [--record]
      import    a made-up CSV of 800 instruments x 3,400 sessions into a fresh market, one core, checks included: MB a second of CPU time
      ic        alpha158 with the daily IC of each factor over 20.9M made-up bars (6,257 x 3,340), two threads: seconds, peak memory
      rsr       the same over RSR's daily bars: --rsr FOLDER with the .csv files of data/google_finance of
                github.com/fulifeng/Temporal_Relational_Stock_Ranking (AGPL; 1.2 GB, 6,257 tickers; never kept here)
      demo      hadal market demo: seconds
      planted, noise   rank IC of ridge over alpha158 on the project's made-up markets, by the strategies of hadal market demo
      trees     the same of boosted trees with their defaults and two seeds, on both
      networks  rank IC of mlp, transformer and mixer with their defaults and two seeds, on the same two markets
      portfolios   the table of docs/markets.md: an index, the same enhanced by a quadratic program, and others on the same scores
      folio500  a backtest of 500 made-up instruments, a quadratic program at each of 250 closes (Ledoit and Wolf's: 20): CPU seconds, peak memory
      etth1, etth1_mlp   MSE of ridge, and of an mlp with five seeds, horizon 96: --ett ETTh1.csv of github.com/zhouhaoyi/ETDataset
      exchange  MSE of ridge and an mlp, horizon 96, on eight exchange rates: --exchange with exchange_rate.txt.gz of
                github.com/laiguokun/multivariate-time-series-data (no licence: never kept here) or that repository's git address

Memory is the program's largest resident set. It counts pages of the mapped files, which the system may take back at any time.
"""
import argparse
import csv
import glob
import gzip
import json
import os
import shutil
import statistics
import subprocess
import sys
import time

ROOT = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
COLUMNS = ["commit", "cpu", "threads", "work", "figure", "value", "unit", "goal", "wall_seconds", "cpu_seconds", "peak_gib", "load", "command"]
SERIES = """[data]
file = "{file}"
time = "date"
split = [{split}]
[forecast]
kind = "{kind}"
task = "series"
look_back = {look_back}
horizon = 96
penalty = {penalty}
"""
FOLIO = """[data]
market = "{market}"
end = {end}
[factors]
momentum = "$close/Ref($close,20)-1"
[portfolio]
kind = "qp"
covariance = "{covariance}"
benchmark = "equal"
active = 0.004
turnover = 0.2
cost_bps = 3
[[portfolio.factor]]
name = "momentum"
max = 0.5
[broker]
profile = "frictionless"
cash = 1000000
"""


def appended(name, columns, run, values, command):
    """A row of bench/results/NAME: commit, machine and threads, what was found, what the run took."""
    cpu = next(line.split(":")[1].strip() for line in open("/proc/cpuinfo") if line.startswith("model name"))
    commit = subprocess.run(["git", "-C", ROOT, "describe", "--always", "--abbrev=10"], capture_output=True, text=True).stdout.strip()
    changed = subprocess.run(["git", "-C", ROOT, "diff", "--quiet", "HEAD", "--", "src", "bench/*.py"]).returncode != 0
    path = os.path.join(ROOT, "bench/results", name)
    fresh = not os.path.exists(path)
    with open(path, "a", newline="") as file:
        out = csv.writer(file, lineterminator="\n")
        if fresh:
            out.writerow(columns)
        out.writerow([commit + ("+" if changed else ""), cpu, run.threads, *values, f"{run.wall:.1f}", f"{run.cpu:.1f}", f"{run.gib:.2f}",
                      f"{os.getloadavg()[0]:.1f}", command])


class Run:
    """A command, with what it took and what it printed."""

    def __init__(self, hadal, words, threads, cwd):
        self.words, self.threads = words, threads
        start = time.monotonic()
        environment = os.environ | {"HADAL_THREADS": str(threads)}
        with open(os.path.join(cwd, "stdout"), "w+") as out:
            process = subprocess.Popen([hadal, "market", *words, "--json"], stdout=out, cwd=cwd, env=environment)
            _, status, usage = os.wait4(process.pid, 0)
            process.returncode = os.waitstatus_to_exitcode(status)
            out.seek(0)
            self.text = out.read()
        if process.returncode != 0:
            sys.exit(f"expected `hadal market {' '.join(words)[:200]}` to succeed, found exit code {process.returncode}")
        self.wall, self.cpu, self.gib = time.monotonic() - start, usage.ru_utime + usage.ru_stime, usage.ru_maxrss / 2**20
        self.json = json.loads(self.text)


class Figures:
    def __init__(self, args):
        self.args = args
        self.hadal = os.path.abspath(args.hadal)
        os.makedirs(args.folder, exist_ok=True)

    def market(self, *words, threads=2):
        return Run(self.hadal, [str(word) for word in words], threads, self.args.folder)

    def fresh(self, name):
        path = os.path.join(self.args.folder, name)
        shutil.rmtree(path, ignore_errors=True)
        return path + "/"

    def write(self, name, text):
        path = os.path.join(self.args.folder, name)
        with open(path, "w") as file:
            file.write(text)
        return path

    def row(self, work, figure, value, unit, goal, run, command):
        print(f"{work:8} {figure:34} {value:10.4g} {unit:8} goal {goal:16} wall {run.wall:7.1f} s, CPU {run.cpu:7.1f} s, peak {run.gib:.2f} GiB")
        if self.args.record:
            appended("market.csv", COLUMNS, run, [work, figure, f"{value:.6g}", unit, goal], command)

    def synth(self, name, instruments, days):
        path = os.path.join(self.args.folder, name)
        if not os.path.exists(os.path.join(path, "bars.csv")):
            self.market("synth", path, "--instruments", instruments, "--days", days)
        return os.path.join(path, "bars.csv")

    def do_import(self):
        bars = self.synth("import_bars", 800, 3400)
        megabytes = os.path.getsize(bars) / 1e6
        best = None
        for _ in range(3):
            run = self.market("import", self.fresh("import_market"), bars, threads=1)
            best = run if best is None or run.cpu < best.cpu else best
        self.row("import", f"CSV of {megabytes:.0f} MB", megabytes / best.cpu, "MB/s", ">= 150", best, "market_figures.py import")

    def ics(self, work, market):
        run = self.market("factors", market, "--set", "alpha158", "--ic", "pearson", "--out", os.path.join(self.args.folder, work + "_ic.csv"))
        bars, n = run.json["bars"], len(run.json["factors"])
        best = max(run.json["factors"], key=lambda factor: abs(factor["ic"] or 0))
        print(f"{work}: {bars} bars of {run.json['instruments']} instruments, {n} factors; the strongest is {best['name']}, mean IC {best['ic']:.4f}")
        self.row(work, f"alpha158 and daily ICs of {bars / 1e6:.1f}M bars", run.wall, "s", "<= 60 and 4 GiB", run, f"market_figures.py {work}")

    def do_ic(self):
        market = os.path.join(self.args.folder, "ic_market") + "/"
        if not os.path.exists(os.path.join(market, "market.db")):
            self.market("import", market, self.synth("ic_bars", 6257, 3340))
        self.ics("ic", market)

    def do_rsr(self):
        if not self.args.rsr:
            sys.exit("rsr: expected --rsr FOLDER with the files NASDAQ_AAPL_30Y.csv and so on, found none")
        files = sorted(path for path in glob.glob(os.path.join(self.args.rsr, "*_30Y.csv")) if os.path.getsize(path) > 100)
        megabytes = sum(map(os.path.getsize, files)) / 1e6
        market = self.fresh("rsr_market")
        # Google's prices are adjusted for splits.
        run = self.market("import", market, *files, "--prices", "split", "--known-at", "2018-01-01", threads=1)
        rows = sum(file["rows"] for file in run.json["files"])
        bad = sum(file["quarantined"] for file in run.json["files"])
        print(f"rsr: {len(files)} files, {rows} rows, {bad} quarantined; {run.json['issues']}")
        self.row("rsr", f"import of {megabytes:.0f} MB in {len(files)} files", megabytes / run.cpu, "MB/s", ">= 150", run, "market_figures.py rsr")
        self.ics("rsr", market)

    def do_demo(self):
        run = self.market("demo", "--out", self.fresh("demo"))
        self.row("demo", "from the files to the memo", run.wall, "s", "<= 60", run, "market_figures.py demo")

    def demo_strategy(self, name):
        path = os.path.join(self.args.folder, "demo", name + ".toml")
        if not os.path.exists(path):
            self.market("demo", "--out", self.fresh("demo"))
        return path

    def made(self, name, goal):
        run = self.market("train", self.demo_strategy(name))
        print(f"{name}: {run.json['headline']}")
        self.row(name, "rank IC of ridge, alpha158", run.json["rank_ic"], "", goal, run, f"market_figures.py {name}")
        self.row(name, "error of the rank IC", run.json["rank_ic_error"], "", "", run, f"market_figures.py {name}")

    def do_planted(self):
        self.made("planted", ">= .050")

    def do_noise(self):
        self.made("noise", "within 2 errors")

    # A strategy file with other lines in [portfolio] and [broker]: `lines` replace those of the same key, or are added; None takes one out.
    def changed(self, text, name, portfolio, broker):
        parts = {}
        for line in text.splitlines():
            if line.startswith("["):
                part = parts.setdefault(line.split("#")[0].strip(), [])
            elif parts:
                part.append(line)
        for part, changes in (("[portfolio]", portfolio), ("[broker]", broker)):
            kept = [line for line in parts[part] if line.split("=")[0].strip() not in changes]
            parts[part] = kept + [f"{key} = {value}" for key, value in changes.items() if value is not None]
        if portfolio.get("kind", '"qp"') != '"qp"':
            parts = {key: part for key, part in parts.items() if not key.startswith("[[")}
        return self.write(name + ".toml", "\n".join("\n".join([key, *part]) for key, part in parts.items()) + "\n")

    def equity(self, run):
        with open(os.path.join(self.args.folder, run.json["run"], "equity.csv")) as file:
            return {row["time"]: float(row["equity"]) for row in csv.DictReader(file)}

    def do_portfolios(self):
        self.market("import", os.path.join(self.args.folder, "markets/planted"), os.path.join(ROOT, "examples/market/synthetic/planted.csv.zst"))
        with open(os.path.join(ROOT, "examples/market/enhanced_index.toml")) as file:
            text = file.read()
        keys = ["covariance", "risk_days", "factors", "alpha", "risk_aversion", "cost_bps", "benchmark", "active", "turnover"]
        none = dict.fromkeys(keys)
        free = {"profile": '"frictionless"', "slippage_bps": None}
        index = {"alpha": 0, "turnover": None}
        wanted = [("index", index, {}), ("index_free", index, free), ("enhanced", {}, {}), ("enhanced_free", {}, free),
                  ("ledoit_wolf", {"covariance": '"ledoit_wolf"', "factors": None}, {}), ("ledoit_wolf_free", {"covariance": '"ledoit_wolf"', "factors": None}, free),
                  ("risk_parity", {**none, "kind": '"risk_parity"'}, {}), ("risk_parity_free", {**none, "kind": '"risk_parity"'}, free),
                  ("top12", {**none, "kind": '"top"', "count": 12}, {}), ("top12_free", {**none, "kind": '"top"', "count": 12}, free)]
        against = {}
        for name, portfolio, broker in wanted:
            run = self.market("backtest", self.changed(text, name, portfolio, broker))
            equity = self.equity(run)
            n = run.json["statistics"]["length"]
            days = list(equity)[-n - 1:]
            gains = [equity[b] / equity[a] - 1 for a, b in zip(days, days[1:])]
            if name.startswith("index"):
                against[name[5:]] = gains
            other = against["_free" if name.endswith("_free") else ""]
            active = [a - b for a, b in zip(gains, other[-n:])] if n <= len(other) else []
            mean = sum(active) / max(len(active), 1)
            sd = (sum((x - mean) ** 2 for x in active) / max(len(active) - 1, 1)) ** 0.5
            total = equity[days[-1]] / equity[days[0]] - 1
            print(f"{name:18} {days[0]} {n} periods, gain {total:7.2%}, Sharpe {run.json['statistics']['sharpe_annual']:5.2f}, active {252 * mean:7.2%} a year, "
                  f"tracking error {sd * 252 ** .5:6.2%}, ratio {mean / sd * 252 ** .5 if sd > 0 else float('nan'):5.2f}, fees {float(run.json['fees']):9.0f}, "
                  f"slippage {float(run.json['slippage']):8.0f}, fills {len(run.json['fills'])}, wall {run.wall:.1f} s, CPU {run.cpu:.1f} s")

    def do_folio500(self):
        market = os.path.join(self.args.folder, "folio_market") + "/"
        if not os.path.exists(os.path.join(market, "market.db")):
            self.market("import", market, self.synth("folio_bars", 500, 501))
        for covariance, end, programs in (("factor", "2013-12-31", 250), ("ledoit_wolf", "2013-01-16", 20)):
            toml = self.write("folio500.toml", FOLIO.format(market=market, covariance=covariance, end=end))
            run = self.market("backtest", toml)
            self.row("folio500", f"{programs} programs of 500, {covariance}", run.cpu, "CPU s", "", run, "market_figures.py folio500")

    def others(self, kinds, goals, command):
        """Other kinds with their defaults and two seeds in place of ridge."""
        ridge = 'kind = "ridge"\npenalty = 1e4\n'
        for name, goal in goals:
            with open(self.demo_strategy(name)) as file:
                plain = file.read()
            if ridge not in plain:
                sys.exit(f"expected a demo strategy {name}.toml with {ridge!r}, found none; its other kinds would be ridge again")
            for kind in kinds:
                text = plain.replace(ridge, f'kind = "{kind}"\nseeds = [1, 2]\n')
                run = self.market("train", self.write(os.path.join("demo", f"{name}_{kind}.toml"), text))
                print(f"{name}: {run.json['headline']}")
                for seed in run.json["by_seed"]:
                    print(f"  seed {seed['seed']}: {seed['rank_ic']:.4f}")
                self.row(name, f"rank IC of {kind}, alpha158", run.json["rank_ic"], "", goal, run, command)
                self.row(name, "error of the rank IC", run.json["rank_ic_error"], "", "", run, command)

    def do_networks(self):
        self.others(("mlp", "transformer", "mixer"), (("planted", ">= .055"), ("noise", "within 2 errors")), "market_figures.py networks")

    def do_trees(self):
        self.others(("trees",), (("planted", ">= .050"), ("noise", "within 2 errors")), "market_figures.py trees")

    def series(self, file, split, kind, look_back, penalty, further=""):
        text = SERIES.format(file=os.path.abspath(file), split=split, kind=kind, look_back=look_back, penalty=penalty) + further
        return self.market("train", self.write(f"series_{kind}.toml", text))

    def do_etth1(self):
        if not self.args.ett:
            sys.exit("etth1: expected --ett ETTh1.csv, found none")
        split = "8640, 2880, 2880"
        for look_back, penalty, goal in ((336, "100", ".370055"), (720, "1e4", ".367371"), (504, "3e4", "")):
            run = self.series(self.args.ett, split, "ridge", look_back, penalty)
            self.row("etth1", f"MSE of ridge, look-back {look_back}", run.json["mse"], "", goal, run, "market_figures.py etth1")

    def do_etth1_mlp(self):
        if not self.args.ett:
            sys.exit("etth1_mlp: expected --ett ETTh1.csv, found none")
        run = self.series(self.args.ett, "8640, 2880, 2880", "mlp", 504, "3e4", "seeds = [1, 2, 3, 4, 5]\n")
        print("etth1: " + run.json["headline"])
        seeds = [seed["mse"] for seed in run.json["by_seed"]]
        print("  by seed: " + " ".join(f"{mse:.6f}" for mse in seeds))
        command = "market_figures.py etth1_mlp"
        self.row("etth1", "MSE of an mlp, mean of 5 seeds", statistics.mean(seeds), "", "<= .362", run, command)
        self.row("etth1", "standard deviation over the seeds", statistics.stdev(seeds), "", "", run, command)
        self.row("etth1", "MSE of the mean of 5 seeds' forecasts", run.json["mse"], "", "", run, command)

    def do_exchange(self):
        if not self.args.exchange:
            sys.exit("exchange: expected --exchange with exchange_rate.txt.gz or the git address of its repository, found none")
        rows = exchange_rows(self.args.exchange, self.args.folder)
        path = self.write("exchange.csv", "date," + ",".join(f"c{i}" for i in range(len(rows[0]))) + "\n" +
                          "".join(f"{t},{','.join(row)}\n" for t, row in enumerate(rows)))
        train, test = int(.7 * len(rows)), int(.2 * len(rows))
        for kind, goal in (("ridge", "says so"), ("mlp", "says so")):
            run = self.series(path, f"{train}, {len(rows) - train - test}, {test}", kind, 336, "1e3", "seeds = [1, 2]\n" if kind == "mlp" else "")
            print("exchange: " + run.json["headline"])
            self.row("exchange", f"MSE of {kind}, look-back 336", run.json["mse"], "", goal, run, "market_figures.py exchange")
        self.row("exchange", "MSE of the last value", run.json["baselines"]["naive"]["mse"], "", ".0811", run, "market_figures.py exchange")


def exchange_rows(source, folder):
    """Eight currencies' daily rates, from the file or a git address; they are not kept."""
    if not source.endswith(".gz"):
        path = os.path.join(folder, "exchange_repository")
        shutil.rmtree(path, ignore_errors=True)
        subprocess.run(["git", "clone", "--quiet", "--depth", "1", "--filter=blob:none", "--no-checkout", source, path], check=True)
        subprocess.run(["git", "-C", path, "checkout", "--quiet", "HEAD", "--", "exchange_rate"], check=True)
        source = os.path.join(path, "exchange_rate", "exchange_rate.txt.gz")
    with gzip.open(source, "rt") as file:
        return [line.strip().split(",") for line in file if line.strip()]


def main():
    works = ["import", "ic", "rsr", "demo", "planted", "noise", "trees", "networks", "portfolios", "folio500", "etth1", "etth1_mlp", "exchange"]
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("work", nargs="+", choices=works)
    parser.add_argument("--hadal", default=os.path.join(ROOT, "build/hadal"))
    parser.add_argument("--folder", default="/tmp/hadal_market_figures")
    parser.add_argument("--rsr")
    parser.add_argument("--ett")
    parser.add_argument("--exchange")
    parser.add_argument("--record", action="store_true")
    args = parser.parse_args()
    figures = Figures(args)
    for work in args.work:
        getattr(figures, "do_" + work)()


if __name__ == "__main__":
    main()
