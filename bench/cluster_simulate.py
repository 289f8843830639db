#!/usr/bin/env python3
"""cluster_simulate.py [--check] [--record] [HADAL]   the cluster's policy on published workloads, and the ladder

Mean job completion times over the workloads of each load, ours beside those that the authors of Pollux (OSDI 2021)
published. Pollux and Tiresias do not know how long a job will be, as ours does not with --blind alone; and Pollux
learns the speeds of jobs while it runs, which ours knows from their profiles. --check: a missed goal is a failure.
--record: rows for bench/results/cluster_simulate.csv.
"""
import csv
import json
import os
import subprocess
import sys
import time

ROOT = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
DATA = os.path.join(ROOT, "tests", "cluster", "data")
GOALS = {
    ("hadal", False): {"1.0": 2950, "2.0": 6700},
    ("hadal-adaptive", False): {"1.0": 2280, "2.0": 4880},
    ("hadal-adaptive", True): {"1.0": 2573, "2.0": 5411},
}


def simulate(hadal, *arguments):
    begin = time.monotonic()
    done = subprocess.run([hadal, "cluster", "simulate", *arguments, "--json"], stdout=subprocess.PIPE, check=True)
    return json.loads(done.stdout), time.monotonic() - begin


def output(*command):
    return subprocess.run(command, cwd=ROOT, stdout=subprocess.PIPE, text=True, check=False).stdout.strip()


def machine():
    changed = subprocess.run(["git", "diff", "--quiet", "HEAD", "--", "src", "bench"], cwd=ROOT, check=False).returncode
    with open("/proc/cpuinfo") as info:
        models = [line.split(":", 1)[1].strip() for line in info if line.startswith("model name")]
    return {"commit": output("git", "describe", "--always", "--abbrev=10") + "+" * bool(changed),
            "cpu": models[0] if models else "unknown", "load": f"{os.getloadavg()[0]:.2f}"}


def main():
    words = sys.argv[1:]
    check, record = "--check" in words, "--record" in words
    programs = [word for word in words if not word.startswith("-")]
    hadal = programs[0] if programs else os.path.join(ROOT, "build", "hadal")
    with open(os.path.join(DATA, "pollux", "published.json")) as file:
        published = json.load(file)
    rows, missed = [], []

    def row(work, load, figure, goal, others, restarts, seconds, met):
        rows.append({"work": work, "load_factor": load, "figure": figure, "goal": goal, "published": others,
                     "mean_restarts": restarts, "seconds": f"{seconds:.1f}"})
        print(f"{work:<24} {load:<5} {figure:>10}  {goal:<22} {others:<44} {restarts:>6} {seconds:6.1f} s"
              f"{'' if met else '  MISSED'}", flush=True)
        if not met:
            missed.append(f"{work} {load}")

    for load in ("1.0", "2.0"):
        folder = os.path.join(DATA, "pollux", "workloads", load)
        names = sorted(published["tiresias"][load])
        files = [os.path.join(folder, name + ".csv") for name in names]
        mean = {who: sum(figures[load].values()) / len(names) for who, figures in published.items()}
        others = "; ".join(f"{who} {mean[who]:.0f}" for who in ("tiresias", "optimus", "pollux"))
        for policy, blind in (("tiresias", False), *GOALS):
            workloads = [word for file in files for word in ("--workload", file)]
            result, seconds = simulate(hadal, *workloads, "--profiles", os.path.join(DATA, "pollux", "profiles"),
                                       "--policy", policy, *["--blind"] * blind)
            if policy == "tiresias":
                goal = "each as published, .1%"
                met = all(abs(one["mean_jct_s"] / published["tiresias"][load][name] - 1) <= .001
                          for one, name in zip(result["workloads"], names))
            else:
                goal = f"<= {GOALS[policy, blind][load]}"
                met = result["mean_jct_s"] <= GOALS[policy, blind][load]
            restarts = sum(one["mean_restarts"] for one in result["workloads"]) / len(names)
            figure = f"{result['mean_jct_s']:.1f}"
            row(policy + " blind" * blind, load, figure, goal, others, f"{restarts:.2f}", seconds, met)
    for name in ("a", "b"):
        path = os.path.join(DATA, "ladder", name + ".csv")
        with open(path) as file:
            ideas = list(csv.reader(file))[1:]
        finals = {idea[0]: float(idea[-1]) for idea in ideas}
        result, seconds = simulate(hadal, "--ideas", path, "--slots", "8", "--free-share", ".375")
        cost = result["cost_units"] / (len(ideas) * (len(ideas[0]) - 4))
        best = min(value for value in finals.values() if value == value)
        behind = finals[result["winner"]] - best
        wait = result["first_start_wait_max_s"]
        row(f"ladder {name}: cost", "", f"{cost:.4f}", "<= .16", "", "", seconds, cost <= .16)
        row(f"ladder {name}: behind best", "", f"{behind:.4f}", "<= .002", "halving on raw values .009", "", seconds,
            behind <= .002)
        row(f"ladder {name}: longest wait", "", f"{wait:.0f}", "<= 900", "by plain arrival 5966", "", seconds,
            wait <= 900)
    if record:
        path = os.path.join(ROOT, "bench", "results", "cluster_simulate.csv")
        fresh = not os.path.exists(path)
        with open(path, "a", newline="") as file:
            fields = ["commit", "cpu", "work", "load_factor", "figure", "goal", "published", "mean_restarts", "seconds",
                      "load", "command"]
            writer = csv.DictWriter(file, fields, lineterminator="\n")
            if fresh:
                writer.writeheader()
            command = " ".join(["cluster_simulate.py", *[word for word in words if word.startswith("-")]])
            for one in rows:
                writer.writerow({**machine(), **one, "command": command})
    if check and missed:
        sys.exit("missed: " + ", ".join(missed))


if __name__ == "__main__":
    main()
