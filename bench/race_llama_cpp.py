#!/usr/bin/env python3
"""Hadal beside llama.cpp (or a fork of it) on the same GGUF file, in turns, in one run: tokens a second of prefill and of decode, and
the ratio.

    hadal bench --synthetic V2-Lite:Q4_K_M --write v2lite.gguf     # or any model you have
    bench/race_llama_cpp.py v2lite.gguf --llama-bench PATH/llama-bench [--rounds 5] [--prompt 512] [--generate 64] [--depth 0]
    bench/race_llama_cpp.py v2lite.gguf --llama-bench PATH/llama-bench --peer ik_llama.cpp --peer-options "-fa 1 -mla 3 -fmoe 1"

llama-bench is the other's own program. The medians are appended to bench/results/inference.csv.
"""
import argparse
import csv
import datetime
import json
import os
import statistics
import subprocess

ROOT = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
COLUMNS = ["date", "commit", "cpu", "level", "threads", "model", "prompt", "generate", "depth", "rounds", "peer",
           "hadal_prefill", "peer_prefill", "prefill_ratio", "prefill_of_floor",
           "hadal_decode", "peer_decode", "decode_ratio", "decode_of_floor", "hadal_rss_gb", "load", "command"]


def run_json(command, **more):
    done = subprocess.run(command, stdout=subprocess.PIPE, check=True, text=True, **more)
    return json.loads(done.stdout)


def hadal(args, environment):
    """As llama-bench has it: the prompt and the answer each begin at the depth, not one behind the other."""
    def bench(prompt, generate):
        return run_json([args.hadal, "bench", "--model", args.model, "--json", "--threads", str(args.threads), "--prompt", str(prompt),
                         "--generate", str(generate), "--depth", str(args.depth)], env=environment)
    prefill, decode = bench(args.prompt, 0), bench(1, args.generate)
    return prefill | {key: decode[key] for key in ("decode_tokens_per_s", "decode_floor_fraction")}


def llama(args):
    depth = ["-d", str(args.depth)] if args.depth else []  # forks of before that option do without
    rows = run_json([args.llama_bench, "-m", args.model, "-t", str(args.threads), "-p", str(args.prompt), "-n", str(args.generate),
                     *depth, "-r", "1", "-o", "json", *args.peer_options.split()], stderr=subprocess.DEVNULL)
    return {"prefill": next(r["avg_ts"] for r in rows if r["n_prompt"] > 0), "decode": next(r["avg_ts"] for r in rows if r["n_gen"] > 0)}


def cpu_name():
    with open("/proc/cpuinfo") as file:
        return next((line.split(":")[1].strip() for line in file if line.startswith("model name")), "unknown")


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("model")
    parser.add_argument("--llama-bench", required=True)
    parser.add_argument("--peer", default="llama.cpp", help="whose llama-bench that is")
    parser.add_argument("--peer-options", default="", help="more options for it, in one argument")
    parser.add_argument("--hadal", default=os.path.join(ROOT, "build/hadal"))
    parser.add_argument("--level", default="", help="HADAL_CPU: a lower level of instructions for Hadal")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--prompt", type=int, default=512)
    parser.add_argument("--generate", type=int, default=64)
    parser.add_argument("--depth", type=int, default=0)
    args = parser.parse_args()
    environment = dict(os.environ, **({"HADAL_CPU": args.level} if args.level else {}))
    ours, theirs = [], []
    for _ in range(args.rounds):  # in turns: times on a shared machine drift
        ours.append(hadal(args, environment))
        theirs.append(llama(args))
        print(f"hadal {ours[-1]['prefill_tokens_per_s']:.1f} / {ours[-1]['decode_tokens_per_s']:.2f}   "
              f"{args.peer} {theirs[-1]['prefill']:.1f} / {theirs[-1]['decode']:.2f}", flush=True)

    def median(rows, key):
        return statistics.median(row[key] for row in rows)

    def ratio(our_key, their_key):
        return statistics.median(a[our_key] / b[their_key] for a, b in zip(ours, theirs))

    commit = subprocess.run(["git", "-C", ROOT, "rev-parse", "--short=10", "HEAD"], stdout=subprocess.PIPE, text=True).stdout.strip()
    row = {"date": datetime.date.today().isoformat(), "commit": commit, "cpu": cpu_name(), "level": ours[0]["cpu_level"],
           "threads": args.threads, "model": ours[0]["model"], "prompt": args.prompt, "generate": args.generate,
           "depth": args.depth, "rounds": args.rounds, "peer": args.peer,
           "hadal_prefill": f"{median(ours, 'prefill_tokens_per_s'):.1f}", "peer_prefill": f"{median(theirs, 'prefill'):.1f}",
           "prefill_ratio": f"{ratio('prefill_tokens_per_s', 'prefill'):.2f}",
           "prefill_of_floor": f"{median(ours, 'prefill_floor_fraction'):.2f}",
           "hadal_decode": f"{median(ours, 'decode_tokens_per_s'):.2f}", "peer_decode": f"{median(theirs, 'decode'):.2f}",
           "decode_ratio": f"{ratio('decode_tokens_per_s', 'decode'):.2f}",
           "decode_of_floor": f"{median(ours, 'decode_floor_fraction'):.2f}",
           "hadal_rss_gb": f"{median(ours, 'peak_rss_bytes') / 1e9:.2f}", "load": f"{os.getloadavg()[0]:.1f}",
           "command": f"bench/race_llama_cpp.py {os.path.basename(args.model)} --rounds {args.rounds} --depth {args.depth}"
                      + (f" --peer {args.peer} --peer-options '{args.peer_options}'" if args.peer_options else "")}
    path = os.path.join(ROOT, "bench/results/inference.csv")
    new = not os.path.exists(path)
    with open(path, "a", newline="") as file:
        writer = csv.DictWriter(file, COLUMNS)
        if new:
            writer.writeheader()
        writer.writerow(row)
    print(json.dumps(row, indent=2))


if __name__ == "__main__":
    main()
