#!/usr/bin/env python3
"""Kills the daemon of a cluster with -9 at random points and counts what the jobs themselves wrote.

Usage: kills.py HADAL KILLS. Jobs run, are suspended by hand and resumed, and end, while their daemon is killed and started
again. Afterwards: no run that was acknowledged is lost, each attempt on record was started once and no other was, no
unit of work was done twice or left out, no two attempts of a run and never more slots than the machine has were in use
at one time, and the store's own invariants hold.
"""
import collections
import json
import os
import random
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import time

HADAL, KILLS = sys.argv[1], int(sys.argv[2])
SLOTS, UNITS = 3, 8
SEED = int(os.environ.get("HADAL_SEED", "20260101"))

# A unit is a line in `units`; what was saved is where the next attempt begins. What it holds, and from when to when,
# stands in `held`.
JOB = r"""
import json, os, signal, sys, time
asked = []
signal.signal(signal.SIGUSR1, lambda *_: asked.append(1))
at, units = time.monotonic(), int(sys.argv[1])
def note(name, text):
    with open(name, "a") as file: file.write(text + "\n"); file.flush(); os.fsync(file.fileno())
attempt = int(os.environ["HADAL_ATTEMPT"])
note("held", json.dumps({"attempt": attempt, "from": at, "slots": int(os.environ["HADAL_SLOTS"]), "pid": os.getpid()}))
done = len(open("units").read().split()) if os.path.exists("units") else 0
assert (done > 0) <= (os.environ["HADAL_RESUME"] == "1")
code = 0
while done < units:
    time.sleep(.1)
    done += 1
    note("units", str(done))
    if asked and done < units: code = 3; break
note("held", json.dumps({"attempt": attempt, "to": time.monotonic()}))
sys.exit(code)
"""


def fail(text):
    print(text)
    sys.exit(1)


class Cluster:
    def __init__(self, folder):
        self.folder = folder
        self.daemon = None
        self.log = open(os.path.join(folder, "daemon.log"), "ab")

    def start(self):
        self.daemon = subprocess.Popen([HADAL, "cluster", "serve", "--dir", self.folder, "--port", "0", "--slots", str(SLOTS)],
                                       stdin=subprocess.DEVNULL, stdout=self.log, stderr=self.log)

    def kill(self):
        self.daemon.send_signal(signal.SIGKILL)
        self.daemon.wait()

    def ask(self, *words):
        """None where the daemon was not there, or refused."""
        got = subprocess.run([HADAL, *words[:2], "--cluster", self.folder, "--json", *words[2:]],
                             stdin=subprocess.DEVNULL, capture_output=True, text=True)
        return json.loads(got.stdout) if got.returncode == 0 and got.stdout else None

    def must(self, *words):
        for _ in range(300):
            if (answer := self.ask(*words)) is not None:
                return answer
            if self.daemon.poll() is not None:
                fail(f"the daemon ended by itself with {self.daemon.returncode}")
            time.sleep(.1)
        fail(f"hadal {' '.join(words)}: no answer in 30 s")


def check_run(cluster, run, intervals):
    shown = cluster.must("idea", "show", run)
    folder = os.path.join(cluster.folder, "runs", run)
    if shown["state"] != "done":
        fail(f"{run} is {shown['state']}: {shown['reason']}")
    units = open(os.path.join(folder, "units")).read().split()
    if units != [str(i + 1) for i in range(UNITS)]:
        fail(f"{run}: expected units 1 to {UNITS}, each once, found {units}")
    held = [json.loads(line) for line in open(os.path.join(folder, "held"))]
    started = collections.Counter(note["attempt"] for note in held if "from" in note)
    on_record = {attempt["attempt"]: attempt["exit"] for attempt in shown["attempts"] if attempt["exit"] is not None}
    # One that was asked to save before it could hear it was killed by that and wrote nothing.
    silent = {attempt for attempt, code in on_record.items() if code == 128 + signal.SIGUSR1} - set(started)
    if set(started) != set(on_record) - silent or max(started.values()) != 1:
        fail(f"{run}: started {dict(started)}, on record with their exits are {on_record}")
    ends = {note["attempt"]: note["to"] for note in held if "to" in note}
    own = sorted((note["from"], ends[note["attempt"]], note["slots"]) for note in held if "from" in note)
    for before, after in zip(own, own[1:]):
        if after[0] < before[1]:
            fail(f"{run}: two attempts at one time")
    intervals += own


def main():
    random.seed(SEED)
    folder = tempfile.mkdtemp(prefix="hadal_kills_")
    job = os.path.join(folder, "job.py")
    with open(job, "w") as file:
        file.write(JOB)
    with open(os.path.join(folder, "policy.toml"), "w") as file:
        file.write("min_run_s = 1\ngrace_s = 20\n")
    cluster = Cluster(folder)
    acknowledged, slowest = [], 0
    try:
        cluster.start()
        cluster.must("cluster", "status")
        for kill in range(KILLS):
            end = time.monotonic() + random.uniform(.05, 1.2)
            while time.monotonic() < end:
                choice = random.random()
                if choice < .5 and len(acknowledged) < 2 * KILLS:
                    got = cluster.ask("idea", "submit", "--idea", f"idea-{kill % 3}", "--slots", str(random.randint(1, 2)),
                                      "--", sys.executable, job, str(UNITS))
                    if got:
                        acknowledged.append(got["run"])
                elif acknowledged:
                    cluster.ask("idea", random.choice(["suspend", "resume"]), random.choice(acknowledged), "--why", "test")
                time.sleep(.05)
            cluster.kill()
            since = time.monotonic()
            cluster.start()
            cluster.must("cluster", "status")
            slowest = max(slowest, time.monotonic() - since)
        if not acknowledged:
            acknowledged.append(cluster.must("idea", "submit", "--", sys.executable, job, str(UNITS))["run"])

        runs = [name for name in os.listdir(os.path.join(folder, "runs")) if re.fullmatch(r"r\d+", name)]
        deadline = time.monotonic() + 60 + 4 * KILLS
        left = set(runs)
        while left:
            for run in sorted(left):
                shown = cluster.ask("idea", "show", run)
                if shown is None:  # its folder was made, and the kill came before it was on record
                    if run in acknowledged:
                        fail(f"{run} was acknowledged and is lost")
                    if cluster.ask("cluster", "status"):
                        left.discard(run)
                        runs.remove(run)
                elif shown["state"] in ("done", "failed", "stopped"):
                    left.discard(run)
                elif shown["by_person"]:
                    cluster.ask("idea", "resume", run, "--why", "to its end")
            if time.monotonic() > deadline:
                fail(f"not over after {60 + 4 * KILLS} s: {sorted(left)}")
            time.sleep(.3)
        intervals = []
        for run in runs:
            check_run(cluster, run, intervals)
        changes = sorted([(end, -slots) for _, end, slots in intervals] + [(begin, slots) for begin, _, slots in intervals])
        used = most = 0
        for _, slots in changes:
            used += slots
            most = max(most, used)
        if most > SLOTS:
            fail(f"{most} slots were in use at one time, of {SLOTS}")
        mistakes = cluster.must("cluster", "check").get("mistakes")
        if mistakes != []:
            fail(f"the store: {mistakes}")
        print(f"{KILLS} kills, {len(runs)} runs of {UNITS} units in {len(intervals)} attempts: none lost, none twice; "
              f"at most {most} of {SLOTS} slots; answered {slowest:.2f} s after a kill at the latest")
    except BaseException:
        cluster.log.flush()
        print(open(os.path.join(folder, "daemon.log"), errors="replace").read()[-6000:])
        raise
    finally:
        if cluster.daemon and cluster.daemon.poll() is None:
            for name in os.listdir(os.path.join(folder, "runs")) if os.path.isdir(os.path.join(folder, "runs")) else []:
                cluster.ask("idea", "stop", name, "--why", "the test ends")
            cluster.daemon.terminate()
            try:
                cluster.daemon.wait(30)
            except subprocess.TimeoutExpired:
                cluster.kill()
        shutil.rmtree(folder, ignore_errors=True)


main()
