#!/usr/bin/env python3
"""check.py CHECKOUT [CASES]: plays each case of a folder (default: this one) against CHECKOUT/build/hadal, loopback only.
(check.py . in the project's folder, after ./run build)

A case is a folder with expected.json: {"about", "now", "serve": [more options], "steps": [...]}. A step is one of
  {"send": {...}, "want": {...}}   one raw HTTP exchange; send: method, path, version, headers [[k, v]], body (text or JSON),
                                   repeat [head, open, middle, close, tail, n], finish "half" (shut the sending side down),
                                   cut N (leave out the last N bytes and keep the connection open)
  {"silent": N}                    N connections that say nothing, kept open to the end of the case
  {"streams": N, "body": {...}, "want": {"together": N}}   how many streams carry text at the same moment
  {"term": seconds}                SIGTERM; the process must be gone by then
  {"run": "shell", "want": {"rc", "out_has", "out_has_not"}}   with $HADAL set
want: status (list), head_has / head_has_not, body_has / body_has_not (lower case), json (a Python expression over j),
alive. Prints one line a case and the number that hold; exit 0 when all do. Browser cases: check_page.mjs."""
import asyncio, json, os, pathlib, re, signal, socket, subprocess, sys, time

if len(sys.argv) < 2:
    sys.exit(__doc__)
root, here = pathlib.Path(sys.argv[1]).resolve(), pathlib.Path(sys.argv[2] if len(sys.argv) > 2 else __file__).resolve()
cases = here if here.is_dir() else here.parent
hadal = os.environ.get("HADAL_BINARY", str(root / "build/hadal"))


class Server:
    def __init__(self, more):
        self.p = subprocess.Popen([hadal, "serve", "--port", "0", *more], cwd=root, stderr=subprocess.PIPE, text=True)
        self.port, said = 0, []
        for line in self.p.stderr:
            said.append(line)
            if m := re.search(r"listening on http://\S+:(\d+)", line):
                self.port = int(m.group(1))
                break
        self.said, self.open = "".join(said), []

    def alive(self):
        time.sleep(0.2)
        return self.p.poll() is None

    def close(self):
        for s in self.open:
            s.close()
        if self.p.poll() is None:
            self.p.kill()
        self.p.wait()


def bytes_of(send, port):
    body = send.get("body", "")
    if "repeat" in send:
        head, left, middle, right, tail, n = send["repeat"]
        body = head + left * n + middle + right * n + tail
    body = (json.dumps(body) if not isinstance(body, str) else body).encode()
    if send.get("encode") == "gzip":
        import gzip
        body = gzip.compress(body)
    headers = send.get("headers", [["Host", "127.0.0.1:%d" % port], ["Connection", "close"], ["Content-Type", "application/json"]])
    headers = headers + send.get("more", [])
    if body:
        headers = headers + [["Content-Length", str(len(body))]]
    head = send.get("first", "") + "%s %s HTTP/%s\r\n" % (send.get("method", "POST" if body else "GET"), send.get("path", "/v1/chat/completions"), send.get("version", "1.1"))
    return (head + "".join("%s: %s\r\n" % (k, v.replace("$PORT", str(port))) for k, v in headers) + "\r\n").encode() + body


def exchange(server, send):
    s = socket.create_connection(("127.0.0.1", server.port))
    s.settimeout(send.get("wait", 20) * 10)
    data = bytes_of(send, server.port)
    if "cut" in send:
        s.sendall(data[: -send["cut"]])
        server.open.append(s)
        time.sleep(0.3)
        return b""
    s.sendall(data)
    if send.get("finish") == "half":
        s.shutdown(socket.SHUT_WR)
    out = b""
    try:
        while b := s.recv(65536):
            out += b
    except OSError:
        pass
    s.close()
    return out


def holds(want, out, server):
    head, _, body = out.decode("utf-8", "replace").partition("\r\n\r\n")
    status = int(head.split()[1]) if head.startswith("HTTP/") else 0
    why = []
    if "status" in want and status not in want["status"]:
        why.append("status %d" % status)
    for key, text in (("head", head), ("body", body)):
        why += ["%s lacks %r" % (key, w) for w in want.get(key + "_has", []) if w.lower() not in text.lower()]
        why += ["%s has %r" % (key, w) for w in want.get(key + "_has_not", []) if w.lower() in text.lower()]
    if "json" in want:
        try:
            j = json.loads(body)
            if not eval(want["json"], {"j": j, "len": len}):
                why.append("not " + want["json"])
        except Exception as e:
            why.append("%s: %s" % (type(e).__name__, e))
    if want.get("alive") and not server.alive():
        why.append("the server is gone")
    return why


def together(server, n, body):
    spans = []

    async def one(i):
        r, w = await asyncio.open_connection("127.0.0.1", server.port)
        w.write(bytes_of({"body": {**body, "stream": True, "seed": i}}, server.port))
        first = last = 0
        while line := await asyncio.wait_for(r.readline(), 120):
            if b'"content":"' in line and b'"content":""' not in line:
                last = time.time()
                first = first or last
        w.close()
        spans.append((first, last))

    async def all_of():
        await asyncio.gather(*[one(i) for i in range(n)])

    asyncio.run(all_of())
    points = sorted([(a, 1) for a, _ in spans] + [(z, -1) for _, z in spans])
    most = now = 0
    for _, d in points:
        now += d
        most = max(most, now)
    return most


def play(case):
    spec = json.loads((case / "expected.json").read_text())
    server = Server(spec.get("serve", [])) if "serve" in spec or any("run" not in s for s in spec["steps"]) else None
    try:
        if server and not server.port:
            return [] if spec.get("may_refuse_to_start") else ["did not start: " + server.said.strip()]
        for step in spec["steps"]:
            want = step.get("want", {})
            if "send" in step:
                why = holds(want, exchange(server, step["send"]), server)
            elif "silent" in step:
                server.open += [socket.create_connection(("127.0.0.1", server.port)) for _ in range(step["silent"])]
                time.sleep(0.5)
                why = []
            elif "streams" in step:
                most = together(server, step["streams"], step["body"])
                why = [] if most >= want["together"] else ["%d at once" % most]
            elif "term" in step:
                server.p.send_signal(signal.SIGTERM)
                try:
                    server.p.wait(step["term"])
                    why = [] if server.p.returncode == 0 else ["ended with %d" % server.p.returncode]
                except subprocess.TimeoutExpired:
                    why = ["still there after %d s" % step["term"]]
            else:
                r = subprocess.run(step["run"], shell=True, cwd=case, env={**os.environ, "HADAL": hadal, "ROOT": str(root)}, capture_output=True, text=True, timeout=120)
                text = r.stdout + r.stderr
                why = ["rc %d" % r.returncode] if "rc" in want and r.returncode != want["rc"] else []
                why += ["lacks %r" % w for w in want.get("out_has", []) if w not in text]
                why += ["has %r" % w for w in want.get("out_has_not", []) if w in text]
            if why:
                return why
        return []
    finally:
        if server:
            server.close()


names = sorted(p.parent for p in cases.glob("*/expected.json") if "steps" in json.loads(p.read_text()))
good = 0
for case in names:
    why = play(case)
    good += not why
    print(("holds  " if not why else "FAILS  ") + case.name + ("" if not why else ": " + "; ".join(why)[:200]), flush=True)
print("%d of %d" % (good, len(names)))
sys.exit(good != len(names))
