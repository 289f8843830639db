#!/usr/bin/env node
// The 14 rolling factors of factors_speed, in this program (read from the store included) and in polars, beside each
// other in one run, one core each. Polars is not part of this project; put it elsewhere first:
//   npm install --prefix /tmp/peers nodejs-polars
//   (where npm leaves the native part out: npm install --prefix /tmp/peers nodejs-polars-linux-x64-gnu@VERSION)
// Usage: bench/race_polars.mjs PEERS BUILD FOLDER [--rounds 5] [--record]
//   PEERS   the folder with node_modules          BUILD  the folder with factors_speed (preset dev)
//   FOLDER  for the made-up bars and their market, 200 MB, kept for the next time
// Prints seconds of CPU time, the least of the rounds (each of ours is the least of three), and how many times faster. Polars has its frame in memory, sorted
// and typed. It has no slope, R squared, correlation and rank of a rolling window: the first three are made of rolling
// sums, the rank of 19 comparisons; so both figures are given, with and without the rank. --record appends a row to
// bench/results/factors_peer.csv.
import { execFileSync } from "node:child_process";
import { appendFileSync, existsSync, readFileSync } from "node:fs";
import { createRequire } from "node:module";
import { cpus } from "node:os";
import { dirname, join, resolve } from "node:path";
import { fileURLToPath } from "node:url";

process.env.POLARS_MAX_THREADS = "1";
const here = dirname(fileURLToPath(import.meta.url));
const [peers, build, folder, ...options] = process.argv.slice(2);
if (!folder) {
  console.error("usage: bench/race_polars.mjs PEERS BUILD FOLDER [--rounds 5] [--record]");
  process.exit(2);
}
const rounds = options.includes("--rounds") ? Number(options[options.indexOf("--rounds") + 1]) : 5;
const require = createRequire(resolve(peers, "package.json"));
const pl = require("nodejs-polars");
const version = JSON.parse(readFileSync(join(peers, "node_modules/nodejs-polars/package.json"))).version;

const ours = () =>
  JSON.parse(execFileSync(join(build, "factors_speed"), ["--store", folder, "--rounds", "3", "--json"], { encoding: "utf8" }));

ours(); // makes the bars
const frame = pl.readCSV(join(folder, "bars.csv"));
const col = (name) => pl.col(name);
const sum = (x, n = 20) => x.rollingSum({ windowSize: n, minPeriods: 1 });
const mean = (x, n = 20) => x.rollingMean({ windowSize: n, minPeriods: 1 });

// Of y on 1..20: with i the row's number, only differences of it count.
const n = 20, sxx = (n * (n * n - 1)) / 12;
const sxy = sum(col("i").mul(col("close"))).minus(sum(col("close")).mul(mean(col("i"))));
const syy = sum(col("close").mul(col("close"))).minus(sum(col("close")).mul(mean(col("close"))));
const spread = (x) => mean(x.mul(x)).minus(mean(x).mul(mean(x)));
const both = mean(col("close").mul(col("volume"))).minus(mean(col("close")).mul(mean(col("volume"))));
let rank = pl.lit(1);
for (let lag = 1; lag < n; ++lag) rank = rank.plus(col("close").gtEq(col("close").shift(lag)).cast(pl.Int32));

const factors = {
  ma5: mean(col("close"), 5),
  ma20: mean(col("close"), 20),
  ma60: mean(col("close"), 60),
  std20: col("close").rollingStd({ windowSize: 20, minPeriods: 1 }),
  std60: col("close").rollingStd({ windowSize: 60, minPeriods: 1 }),
  max20: col("high").rollingMax({ windowSize: 20, minPeriods: 1 }),
  min20: col("low").rollingMin({ windowSize: 20, minPeriods: 1 }),
  med20: col("close").rollingMedian({ windowSize: 20, minPeriods: 1 }),
  sum20: sum(col("volume")),
  slope20: sxy.div(pl.lit(sxx)),
  rsqr20: sxy.mul(sxy).div(syy.mul(pl.lit(sxx))),
  skew20: col("close").rollingSkew(20, false),
  corr20: both.div(spread(col("close")).mul(spread(col("volume"))).pow(0.5)),
  rank20: rank.div(pl.lit(n)),
};

const data = frame.withColumn(pl.intRange({ start: 0, end: frame.height }).alias("i").cast(pl.Float64));
const cpuSeconds = () => {
  const { user, system } = process.cpuUsage();
  return (user + system) / 1e6;
};
function theirs(names) {
  const start = cpuSeconds();
  const result = data.select(...names.map((name) => factors[name].over("symbol").alias(name)));
  const seconds = cpuSeconds() - start;
  if (result.height !== frame.height) throw new Error(`polars: expected ${frame.height} rows, found ${result.height}`);
  return seconds;
}

const names = Object.keys(factors), simple = names.filter((name) => name !== "rank20");
let us = Infinity, open = Infinity, them = Infinity, them13 = Infinity;
for (let round = 0; round < rounds; ++round) {
  const mine = ours();
  us = Math.min(us, mine.seconds), open = Math.min(open, mine.open_seconds);
  them = Math.min(them, theirs(names)), them13 = Math.min(them13, theirs(simple));
}
console.log(`hadal    14 factors, read from the store included  ${us.toFixed(3)} s (of which opening the market ${open.toFixed(3)} s)`);
console.log(`polars ${version}  14 factors ${them.toFixed(3)} s, without the rank ${them13.toFixed(3)} s; frame in memory`);
console.log(`ratio    ${(them / us).toFixed(1)}; of 14 factors here to polars' 13 without the rank ${(them13 / us).toFixed(1)}`);

if (options.includes("--record")) {
  const path = join(here, "results/factors_peer.csv");
  if (!existsSync(path))
    appendFileSync(path, "commit,cpu,threads,bars,hadal_seconds,hadal_open_seconds,peer,peer_seconds,peer_seconds_without_rank,ratio,load,command\n");
  const commit = execFileSync("git", ["-C", here, "describe", "--always", "--abbrev=10", "--dirty=+"], { encoding: "utf8" }).trim();
  const load = readFileSync("/proc/loadavg", "utf8").split(" ")[0];
  appendFileSync(path, [commit, cpus()[0].model, 1, frame.height, us.toFixed(3), open.toFixed(3), `polars ${version} (npm)`,
    them.toFixed(3), them13.toFixed(3), (them / us).toFixed(2), load, `race_polars.mjs --rounds ${rounds}`].join(",") + "\n");
}
