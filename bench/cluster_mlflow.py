#!/usr/bin/env python3
"""cluster_mlflow.py HADAL [--batches 200] [--points 1000] [--clients 1] [--record]

Starts `HADAL cluster serve` in a folder of its own and logs metrics through MLflow's runs/log-batch over loopback: each client sends
its batches one after the other on a kept connection, into a run of its own. Prints points per second, the median and the longest
time of a batch, the daemon's CPU time for a million points, and how long the history of one key takes to come back. --record
appends to bench/results/cluster_mlflow.csv."""
import argparse, csv, datetime, http.client, json, os, pathlib, platform, re, shutil, statistics, subprocess, sys, tempfile, threading, time

here = pathlib.Path(__file__).resolve().parent
parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
parser.add_argument("hadal")
parser.add_argument("--batches", type=int, default=200, help="of each client")
parser.add_argument("--points", type=int, default=1000, help="of a batch, at most 1,000")
parser.add_argument("--clients", type=int, default=1)
parser.add_argument("--record", action="store_true")
args = parser.parse_args()

folder = tempfile.mkdtemp(prefix="hadal_mlflow_bench_")
environment = dict(os.environ, HADAL_CLUSTER=folder)
daemon = subprocess.Popen([args.hadal, "cluster", "serve", "--dir", folder, "--port", "0"], env=environment, stderr=subprocess.PIPE, text=True)


def cpu_seconds():
    fields = pathlib.Path(f"/proc/{daemon.pid}/stat").read_text().rsplit(")", 1)[1].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def ask(connection, method, path, body=None):
    connection.request(method, "/api/2.0/mlflow/" + path, body, {"Authorization": "Bearer " + token})
    reply = connection.getresponse()
    text = reply.read()
    if reply.status != 200:
        sys.exit(f"{path}: {reply.status} {text.decode()}")
    return text


def client(number):
    connection = http.client.HTTPConnection("127.0.0.1", port)
    run = json.loads(ask(connection, "POST", "runs/create", json.dumps({"experiment_id": "0"})))["run"]["info"]["run_id"]
    runs[number] = run
    bodies = []
    for batch in range(args.batches):  # made before the clock starts: ten keys, as a training loop has
        metrics = [{"key": f"train/key_{i % 10}", "value": 1 / (1 + batch + i), "timestamp": 1700000000000 + i, "step": (batch * args.points + i) // 10}
                   for i in range(args.points)]
        bodies.append(json.dumps({"run_id": run, "metrics": metrics}))
    barrier.wait()
    for body in bodies:
        start = time.perf_counter()
        ask(connection, "POST", "runs/log-batch", body)
        times.append(time.perf_counter() - start)


try:
    for line in daemon.stderr:
        if found := re.search(r"listening on http://[^:]+:(\d+)", line):
            port = int(found[1])
            break
    threading.Thread(target=daemon.stderr.read, daemon=True).start()
    user = subprocess.run([args.hadal, "cluster", "user", "add", "bench", "--json"], env=environment, capture_output=True, text=True, check=True)
    token = json.loads(user.stdout)["token"]
    runs, times, barrier = {}, [], threading.Barrier(args.clients + 1)
    clients = [threading.Thread(target=client, args=(number,)) for number in range(args.clients)]
    for thread in clients:
        thread.start()
    barrier.wait()
    start, cpu = time.perf_counter(), cpu_seconds()
    for thread in clients:
        thread.join()
    seconds, cpu = time.perf_counter() - start, cpu_seconds() - cpu
    points = args.clients * args.batches * args.points
    connection = http.client.HTTPConnection("127.0.0.1", port)
    start = time.perf_counter()
    history = json.loads(ask(connection, "GET", f"metrics/get-history?run_id={runs[0]}&metric_key=train/key_0"))["metrics"]
    history_s = time.perf_counter() - start
    if len(history) != args.batches * (args.points // 10 + (args.points % 10 > 0)):
        sys.exit(f"{len(history)} points came back")
finally:
    daemon.terminate()
    daemon.wait()
    shutil.rmtree(folder, ignore_errors=True)

commit = subprocess.run(["git", "-C", here, "rev-parse", "--short=10", "HEAD"], capture_output=True, text=True).stdout.strip()
model = next((line.split(":")[1].strip() for line in open("/proc/cpuinfo") if line.startswith("model name")), platform.machine())
row = {"date": datetime.date.today().isoformat(), "commit": commit, "cpu": model, "cores": os.cpu_count(), "clients": args.clients, "points": points,
       "points_per_s": round(points / seconds), "batch_median_ms": round(1000 * statistics.median(times), 2), "batch_max_ms": round(1000 * max(times), 1),
       "daemon_cpu_s_per_million": round(cpu / points * 1e6, 2), "history_points": len(history), "history_ms": round(1000 * history_s, 1),
       "load": round(os.getloadavg()[0], 1), "command": "bench/cluster_mlflow.py hadal" + "".join(f" {word}" for word in sys.argv[2:])}
for name, value in row.items():
    print(f"{name:26} {value}")
if args.record:
    path = here / "results/cluster_mlflow.csv"
    is_new = not path.exists()
    with path.open("a", newline="") as file:
        writer = csv.DictWriter(file, row.keys(), lineterminator="\n")
        if is_new:
            writer.writeheader()
        writer.writerow(row)
