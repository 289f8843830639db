#!/usr/bin/env node
// The event engine beside grademark (npm), one core each, in one run: a cross of the means of 10 and 30 closes on daily
// bars. Ours pays Interactive Brokers' fees, keeps a decimal ledger and marks each close; grademark has neither fees nor
// an account, and only its backtest() is timed, the means being there. It is not part of this project; put it elsewhere:
//   npm install --prefix /tmp/peers grademark data-forge chai@4     (it forgets to name chai)
// Usage: bench/race_grademark.mjs PEERS BUILD [--bars 100000] [--rounds 5] [--record]
//   PEERS   the folder with node_modules          BUILD   the folder with backtest_speed (preset dev)
// Prints millions of bars a second of CPU time, the best of the rounds, which alternate. --record appends a row to
// bench/results/backtest_peer.csv.
import { execFileSync } from "node:child_process";
import { appendFileSync, existsSync, readFileSync } from "node:fs";
import { createRequire } from "node:module";
import { cpus } from "node:os";
import { dirname, join, resolve } from "node:path";
import { fileURLToPath } from "node:url";

const here = dirname(fileURLToPath(import.meta.url));
const [peers, build, ...options] = process.argv.slice(2);
if (!build) {
  console.error("usage: bench/race_grademark.mjs PEERS BUILD [--bars 100000] [--rounds 5] [--record]");
  process.exit(2);
}
const number = (name, fallback) => (options.includes(name) ? Number(options[options.indexOf(name) + 1]) : fallback);
const rounds = number("--rounds", 5), numBars = number("--bars", 100000), perRun = 10000; // sessions, as ours: 40 years
const require = createRequire(resolve(peers, "package.json"));
const { backtest } = require("grademark");
const { DataFrame } = require("data-forge");
const version = JSON.parse(readFileSync(join(peers, "node_modules/grademark/package.json"))).version;

// Random walks in cents, as backtest_speed has them.
let state = 1;
const uniform = () => (state = (state * 48271) % 2147483647) / 2147483647;
const normal = () => Math.sqrt(-2 * Math.log(uniform())) * Math.cos(2 * Math.PI * uniform());
const step = (from) => Math.max(1, Math.round(from * (1 + 0.01 * normal() + 0.0005 * Math.log(100 / from)) * 100) / 100);
const closes = [];
let close = 100;
const bars = [];
for (let i = 0; i < perRun; ++i) {
  const open = step(close), end = step(open), other = step(open);
  close = end;
  closes.push(close);
  const mean = (n) => closes.slice(-n).reduce((a, b) => a + b) / n;
  bars.push({ time: new Date(Date.UTC(1980, 0, 1 + i)), open, high: Math.max(open, end, other),
    low: Math.min(open, end, other), close: end, volume: 1e6, fast: mean(10), slow: mean(30) });
}
const series = new DataFrame({ index: bars.map((bar) => bar.time), values: bars });
const strategy = {
  entryRule: (enter, { bar }) => { if (bar.fast > bar.slow) enter(); },
  exitRule: (exit, { bar }) => { if (bar.fast <= bar.slow) exit(); },
};

function theirs() {
  const runs = Math.max(1, Math.round(numBars / perRun));
  let trades = 0;
  const start = process.cpuUsage();
  for (let i = 0; i < runs; ++i) trades = backtest(strategy, series).length;
  const { user } = process.cpuUsage(start);
  if (trades < perRun / 200) throw new Error(`grademark: expected trades, found ${trades}`);
  return (runs * perRun) / user; // millions a second
}
function ours() {
  const text = execFileSync(join(build, "backtest_speed"), ["--instruments", "1", "--rounds", "1"], { encoding: "utf8" });
  return Number(text.trim().split("\n")[1].split(",")[3]);
}

let us = 0, them = 0;
for (let round = 0; round < rounds; ++round) us = Math.max(us, ours()), them = Math.max(them, theirs());
console.log(`hadal ${us.toFixed(2)}M bars/s, grademark ${version} ${them.toFixed(3)}M bars/s, ratio ${(us / them).toFixed(0)}`);

if (options.includes("--record")) {
  const path = join(here, "results/backtest_peer.csv");
  if (!existsSync(path)) appendFileSync(path, "commit,cpu,threads,hadal_mbars_s,peer,peer_mbars_s,ratio,load,command\n");
  const commit = execFileSync("git", ["-C", here, "describe", "--always", "--abbrev=10", "--dirty=+"], { encoding: "utf8" }).trim();
  const load = readFileSync("/proc/loadavg", "utf8").split(" ")[0];
  appendFileSync(path, [commit, cpus()[0].model, 1, us.toFixed(2), `grademark ${version} (npm)`, them.toFixed(4),
    (us / them).toFixed(1), load, `race_grademark.mjs --bars ${numBars} --rounds ${rounds}`].join(",") + "\n");
}
