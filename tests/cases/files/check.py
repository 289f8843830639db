#!/usr/bin/env python3
"""Runs the cases beside this file: check.py HADAL [FOLDER_OF_CASES]. Exit 0 when all hold.

Each case is a folder with expected.json: "what" it is, and "checks". A check runs its commands one after the other in the case's folder
({out}: a new folder); the last one is judged: "exit" (default 0), "json" (fields of its output), "logits" within a distance, "ids_below",
"stdout_has", "stderr_has". "or_refusal": exit code 1 with one line is fine too. "renders": `hadal render --template T --file C --json` gives "text",
C being {"messages": [...]} of "context"; the model is that of export-keeps-ends-and-advice.
"""
import json
import os
import subprocess
import sys
import tempfile


def judge(check, result):
    code, out, err = result
    if check.get("or_refusal") and code == 1 and len(err.strip().splitlines()) == 1:
        return ""
    if code != check.get("exit", 0):
        return f"exit {code}: {err.strip()[-200:]}"
    for text in check.get("stderr_has", []):
        if text.lower() not in err.lower():
            return f"standard error lacks {text!r}: {err.strip()[-200:]}"
    for text in check.get("stdout_has", []):
        if text not in out:
            return f"standard output lacks {text!r}"
    if not {"json", "logits", "ids_below"} & check.keys():
        return ""
    found = json.loads(out)
    for name, value in check.get("json", {}).items():
        if found.get(name) != value:
            return f"{name}: expected {value}, found {found.get(name)}"
    if "ids_below" in check and max(found["ids"], default=0) >= check["ids_below"]:
        return f"ids: expected below {check['ids_below']}, found {max(found['ids'])}"
    if "logits" in check:
        worst = max(abs(a - b) for a, b in zip(found["logits"][-1], check["logits"]))
        if worst > check["within"]:
            return f"logits: largest difference {worst:.3g}"
    return ""


def run(check, hadal, folder):
    with tempfile.TemporaryDirectory() as out:
        for command in check["run"]:
            command = [hadal if part == "hadal" else part.replace("{out}", out) for part in command]
            done = subprocess.run(command, cwd=folder, capture_output=True, text=True, errors="replace", timeout=600)
            if done.returncode and command is not check["run"][-1]:
                break
    return judge(check, (done.returncode, done.stdout, done.stderr))


def render(case, one, hadal):
    model = os.path.join(os.path.dirname(os.path.abspath(__file__)), "export-keeps-ends-and-advice")
    with tempfile.TemporaryDirectory() as out:
        template, conversation = os.path.join(out, "t.jinja"), os.path.join(out, "c.json")
        with open(template, "w", encoding="utf-8", newline="") as file:
            file.write(one["template"])
        with open(conversation, "w", encoding="utf-8") as file:
            json.dump({"messages": case["context"]["messages"]}, file)
        command = [hadal, "render", "--model", model, "--template", template, "--file", conversation, "--json"]
        done = subprocess.run(command, capture_output=True, text=True, errors="replace", timeout=600)
    return judge({"json": {"text": one["text"]}}, (done.returncode, done.stdout, done.stderr))


def main():
    if len(sys.argv) < 2:
        sys.exit(__doc__)
    hadal = os.path.abspath(sys.argv[1])
    root = sys.argv[2] if len(sys.argv) > 2 else os.path.dirname(os.path.abspath(__file__))
    bad = total = 0
    for name in sorted(os.listdir(root)):
        path = os.path.join(root, name, "expected.json")
        if not os.path.exists(path):
            continue
        with open(path, encoding="utf-8") as file:
            case = json.load(file)
        said = [run(c, hadal, os.path.join(root, name)) for c in case["checks"]]
        said += [render(case, one, hadal) for one in case.get("renders", [])]
        wrong = [w for w in said if w]
        total += 1
        bad += bool(wrong)
        print(f"{'FAIL' if wrong else 'ok  '}  {name}: {len(said) - len(wrong)} of {len(said)} hold{'; ' + wrong[0] if wrong else ''}")
    print(f"{total - bad} of {total} cases hold")
    return 1 if bad else 0


sys.exit(main())
