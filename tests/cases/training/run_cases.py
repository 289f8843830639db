#!/usr/bin/env python3
"""Runs training cases against a hadal binary: run_cases.py HADAL GOLDENS [FOLDER ...]

Each FOLDER (default: all beside this file) holds an expected.json and small inputs. The folder is copied to a temporary
place; "steps" are shell lines run there one after the other with $HADAL, $GOLDENS and HADAL_THREADS=1 set. A step may
ask for: rc (number), rc_not_signal (no death by a signal), err_has / out_has (regular expressions, any case),
err_has_not, max_s (seconds). "files" must exist at the end; "check" is a line of Python over the names load(path),
text(path), rows(path), glob(pattern), and out, err, rc of each step. Exit code 0: all cases hold.
"""
import json, os, pathlib, re, shutil, subprocess, sys, tempfile, time

def run(folder, hadal, goldens):
    spec = json.loads((folder / "expected.json").read_text())
    tmp = pathlib.Path(tempfile.mkdtemp(prefix="hadal_case_"))
    work = tmp / "w"
    shutil.copytree(folder, work)
    for path in [work, *work.rglob("*")]:  # the cases may lie in a folder that is read-only
        path.chmod(path.stat().st_mode | 0o200)
    env = dict(os.environ, HADAL=hadal, GOLDENS=goldens, HADAL_THREADS="1")
    outs, errs, codes, faults = [], [], [], []
    try:
        for i, step in enumerate(spec["steps"]):
            limit = 10 * step.get("max_s", 60)  # room for a machine that does other work
            begin = time.time()
            with open(tmp / "o", "wb") as o, open(tmp / "e", "wb") as e:
                p = subprocess.Popen(["bash", "-c", step["run"]], cwd=work, env=env, stdout=o, stderr=e, start_new_session=True)
                try:
                    rc = p.wait(timeout=limit)
                except subprocess.TimeoutExpired:
                    os.killpg(p.pid, 9)
                    rc = p.wait()
                    faults.append(f"step {i + 1}: not done after {limit} s")
            out = (tmp / "o").read_bytes().decode("utf-8", "replace")
            err = (tmp / "e").read_bytes().decode("utf-8", "replace").replace("\r", "\n")
            outs.append(out)
            errs.append(err)
            codes.append(rc)
            if "rc" in step and rc != step["rc"]:
                faults.append(f"step {i + 1}: exit code {rc}, expected {step['rc']}: {err.strip()[-160:]!r}")
            if step.get("rc_not_signal") and (rc < 0 or rc >= 128):
                faults.append(f"step {i + 1}: died by a signal ({rc}): {err.strip()[-160:]!r}")
            for key, text, wanted in (("err_has", err, True), ("err_has_not", err, False), ("out_has", out, True)):
                for pattern in step.get(key, []):
                    if bool(re.search(pattern, text, re.I)) != wanted:
                        faults.append(f"step {i + 1}: {key} {pattern!r}; it said {text.strip()[-200:]!r}")
        for name in spec.get("files", []):
            if not (work / name).exists():
                faults.append(f"expected the file {name}")
        if not faults and "check" in spec:
            names = {"load": lambda p: json.loads((work / p).read_text()), "text": lambda p: (work / p).read_text(),
                     "rows": lambda p: [json.loads(l) for l in (work / p).read_text().splitlines()],
                     "glob": lambda p: sorted(str(x.relative_to(work)) for x in work.glob(p)), "out": outs, "err": errs, "rc": codes, "json": json, "re": re}
            try:
                if not eval(spec["check"], names):
                    faults.append("check does not hold: " + spec["check"])
            except Exception as error:
                faults.append(f"check failed: {error!r}")
    finally:
        shutil.rmtree(tmp, ignore_errors=True)
    return spec, faults

def main():
    if len(sys.argv) < 3:
        sys.exit(__doc__)
    hadal, goldens = os.path.abspath(sys.argv[1]), os.path.abspath(sys.argv[2])
    here = pathlib.Path(__file__).parent
    folders = [pathlib.Path(a) for a in sys.argv[3:]] or sorted(p.parent for p in here.glob("*/expected.json"))
    bad = 0
    for folder in folders:
        spec, faults = run(folder, hadal, goldens)
        bad += bool(faults)
        print(("FAILS " if faults else "holds ") + folder.name + ": " + spec["about"])
        for f in faults:
            print("      " + f)
    print(f"{len(folders) - bad} of {len(folders)} hold")
    return 1 if bad else 0

if __name__ == "__main__":
    sys.exit(main())
