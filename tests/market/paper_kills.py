#!/usr/bin/env python3
"""Kills `hadal market paper` with -9 at random moments, on a file and over TCP, and compares its ledger with the backtest's.

Usage: paper_kills.py HADAL KILLS. A thread sends the bars of the scenario, as they come; after each kill the account is
started again, at last on a feed that no longer holds what was
sent before.
"""
import csv
import json
import os
import random
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time

HADAL, KILLS = os.path.abspath(sys.argv[1]), int(sys.argv[2])
HERE = os.path.dirname(os.path.abspath(__file__))
SCENARIO = os.path.join(HERE, "scenario")
SEED = int(os.environ.get("HADAL_SEED", "20260101"))
STRATEGY = """[data]
market = "FOLDER/m"
symbols = ["FELL", "DRUM", "KILN"]
start = 2014-01-02
end = 2014-12-31
[portfolio]
kind = "orders"
file = "orders.csv"
[broker]
profile = "ib_us"
cash = 10000000
slippage_bps = 5
participation = 0.0002
borrow_rate = 0.03
"""


def fail(text):
    print(text)
    sys.exit(1)


def hadal(*words):
    ended = subprocess.run([HADAL, "market", *words, "--json"], capture_output=True, text=True)
    if ended.returncode != 0:
        fail(f"hadal market {' '.join(words)}: exit code {ended.returncode}: {ended.stderr}")
    return json.loads(ended.stdout)


def sessions():
    """The lines of each session, from the scenario's files."""
    days = {}
    with open(os.path.join(SCENARIO, "actions.csv")) as file:
        for row in csv.DictReader(file):
            value = {"dividend": row["value"]}
            if row["kind"] == "split":
                over, under = row["value"].split(":")
                value = {"split": float(over) / float(under)}
            days.setdefault(row["date"], []).append({"time": row["date"], "symbol": row["symbol"], **value})
    with open(os.path.join(SCENARIO, "bars.csv")) as file:
        for row in csv.DictReader(file):
            bar = {"time": row["date"], "symbol": row["symbol"]}
            bar.update({name: float(row[name]) for name in ("open", "high", "low", "close", "volume")})
            days.setdefault(row["date"], []).append(bar)
    lines = []
    for day in sorted(days):
        lines.append("".join(json.dumps(line) + "\n" for line in days[day] + [{"session_end": day}]))
    return lines


def write_market():
    with open(os.path.join(SCENARIO, "actions.csv")) as file:
        actions = list(csv.DictReader(file))
    for kind, column in (("split", "ratio"), ("dividend", "amount")):
        with open(kind + "s.csv", "w") as out:
            out.write(f"date,symbol,{column}\n")
            out.writelines(f"{a['date']},{a['symbol']},{a['value']}\n" for a in actions if a["kind"] == kind)
    hadal("import", "./m", os.path.join(SCENARIO, "bars.csv"))
    hadal("import", "./m", "splits.csv", "--kind", "splits")
    hadal("import", "./m", "dividends.csv", "--kind", "dividends")
    with open(os.path.join(SCENARIO, "scenario_orders.csv")) as orders, open("orders.csv", "w") as out:
        out.write(orders.read())
    with open("s.toml", "w") as out:
        out.write(STRATEGY.replace("FOLDER", os.getcwd()))


class FileFeed:
    """Appends a session every few milliseconds."""

    def __init__(self, lines):
        self.lines, self.name = lines, "feed.jsonl"
        open(self.name, "w").close()
        threading.Thread(target=self.run, daemon=True).start()

    def run(self):
        for session in self.lines:
            cut = random.randrange(len(session))
            for part in (session[:cut], session[cut:]):  # a line may stop in the middle
                with open(self.name, "a") as out:
                    out.write(part)
                time.sleep(.004)


class TcpFeed:
    """Sends each connection everything from the beginning, a session every few milliseconds, or breaks off."""

    def __init__(self, lines):
        self.lines = lines
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.name = f"tcp://127.0.0.1:{self.listener.getsockname()[1]}"
        threading.Thread(target=self.run, daemon=True).start()

    def run(self):
        while True:
            connection, _ = self.listener.accept()
            threading.Thread(target=self.send, args=(connection,), daemon=True).start()

    def send(self, connection):
        try:
            with connection:
                for session in self.lines:
                    connection.sendall(session.encode())
                    time.sleep(.001)
        except OSError:
            pass


def stands_in_journal(state, day):
    try:
        with open(os.path.join(state, "journal.txt")) as file:
            return f'"session_end":"{day}"' in file.read()
    except FileNotFoundError:
        return False


def run_and_kill(feed, state, kills, expected, last):
    command = [HADAL, "market", "paper", "s.toml", "--feed", feed.name, "--state", state, "--until", last, "--json"]
    done = 0
    while done < kills:
        process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True)
        time.sleep(random.uniform(.02, .25))
        process.kill()
        _, said = process.communicate()
        if process.returncode not in (-signal.SIGKILL, 0):
            fail(f"exit code {process.returncode}: {said}")
        done += 1
    ended = subprocess.run(command, capture_output=True, text=True, timeout=60)
    if ended.returncode != 0:
        fail(f"after {done} kills: exit code {ended.returncode}: {ended.stderr}")
    result = json.loads(ended.stdout)
    for key in ("ledger_sha256", "end_equity", "fills", "bars"):
        if result[key] != expected[key]:
            fail(f"{feed.name}, after {done} kills: {key}: expected {expected[key]}, found {result[key]}")
    return result


def main():
    random.seed(SEED)
    lines = sessions()
    last = json.loads(lines[-1].splitlines()[-1])["session_end"]
    with tempfile.TemporaryDirectory() as folder:
        os.chdir(folder)
        os.environ["HADAL_THREADS"] = "1"
        write_market()
        expected = hadal("backtest", "s.toml")
        run_and_kill(FileFeed(lines), "file", KILLS // 2, expected, last)
        run_and_kill(TcpFeed(lines), "tcp", KILLS - KILLS // 2, expected, last)
        # The feed is empty: everything stands in the journal.
        open("empty.jsonl", "w").close()
        again = hadal("paper", "s.toml", "--feed", "empty.jsonl", "--state", "tcp", "--until", last)
        if again["ledger_sha256"] != expected["ledger_sha256"]:
            fail("from the journal alone: another ledger")
        # Half, then a signal; then a feed that begins after what was taken.
        middle = len(lines) // 2
        with open("first.jsonl", "w") as out:
            out.writelines(lines[:middle])
            out.write(lines[middle][:30])  # it stops in mid-line
        command = [HADAL, "market", "paper", "s.toml", "--json", "--state", "half", "--feed"]
        process = subprocess.Popen(command + ["first.jsonl"], stdout=subprocess.PIPE, text=True)
        day = json.loads(lines[middle - 1].splitlines()[-1])["session_end"]
        for _ in range(400):
            if stands_in_journal("half", day):
                break
            time.sleep(.05)
        second = subprocess.run(command + ["first.jsonl"], capture_output=True, text=True)
        if second.returncode != 1 or "another paper account works in this state" not in second.stderr:
            fail(f"two accounts on one state: exit code {second.returncode}: {second.stderr}")
        process.send_signal(signal.SIGTERM)
        out, _ = process.communicate(timeout=30)
        stopped = json.loads(out)
        if process.returncode != 3 or stopped["finished"]:
            fail(f"stopped by a signal: exit code {process.returncode}, finished {stopped['finished']}")
        with open("rest.jsonl", "w") as out:
            out.writelines(lines[middle:])
        rest = hadal("paper", "s.toml", "--feed", "rest.jsonl", "--state", "half", "--until", last)
        if rest["ledger_sha256"] != expected["ledger_sha256"]:
            fail("from two halves: another ledger")
    print(f"{KILLS} kills, the ledger of the backtest: {expected['ledger_sha256']}")


main()
