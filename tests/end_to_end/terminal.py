#!/usr/bin/env python3
"""The terminal as a person meets it: hadal chat and ./run under pseudo-terminals. HADAL_BINARY names the program.

What was asked is read from `hadal chat --json`, which prints the whole conversation at the end; nothing depends on what
the model answers. A step waits for a text on the screen and then types.
"""
import http.server
import json
import os
import pty
import re
import select
import shutil
import subprocess
import sys
import tempfile
import threading
import time
import unittest

ROOT = os.path.abspath(os.path.join(os.path.dirname(__file__), "..", ".."))
HADAL = os.environ.get("HADAL_BINARY", os.path.join(ROOT, "build", "hadal"))
MODEL = os.path.join(ROOT, "models", "pilot")
LIMIT_S = float(os.environ.get("HADAL_TEST_LIMIT_S", 120))  # of a step; only a failure waits so long
SHORT = ["--max-tokens", "4"]


class Terminal:
    """A program with a terminal of its own, and no locale."""

    def __init__(self, command, cwd=ROOT, env=None):
        self.screen = b""
        self.home = tempfile.mkdtemp(prefix="hadal_home_")
        wanted = {"PATH": os.environ["PATH"], "HOME": self.home, "TERM": "xterm", **(env or {})}
        self.pid, self.fd = pty.fork()
        if self.pid == 0:
            os.chdir(cwd)
            os.execvpe(command[0], command, wanted)

    def _read(self):
        ready, _, _ = select.select([self.fd], [], [], 0.2)
        if not ready:
            return True
        try:
            data = os.read(self.fd, 65536)
        except OSError:
            data = b""
        self.screen += data
        return bool(data)

    def wait(self, text, after=0):
        end = time.time() + LIMIT_S
        while text not in self.screen[after:]:
            if time.time() > end or not self._read():
                raise AssertionError(f"{text!r} did not appear; the screen: {self.screen.decode('utf-8', 'replace')[-2000:]}")

    def type(self, text, then=b"> "):
        """Types, and waits for what comes then (the next prompt)."""
        at = len(self.screen)
        os.write(self.fd, text)
        if then:
            self.wait(then, at)

    def close(self):
        """The exit status, when the program has ended by itself."""
        end = time.time() + LIMIT_S
        while self._read():
            if time.time() > end:
                os.kill(self.pid, 9)
                raise AssertionError(f"it does not end; the screen: {self.screen.decode('utf-8', 'replace')[-2000:]}")
        os.close(self.fd)
        status = os.waitstatus_to_exitcode(os.waitpid(self.pid, 0)[1])
        shutil.rmtree(self.home, ignore_errors=True)
        return status


def asked(screen):
    """The user's questions in the conversation that --json printed last."""
    line = [l for l in screen.decode("utf-8", "replace").splitlines() if l.startswith('{"messages"')][-1]
    return [m["content"] for m in json.loads(line)["messages"] if m["role"] == "user"]


class Chat(unittest.TestCase):
    def questions(self, typed, more=("--model", MODEL)):
        terminal = Terminal([HADAL, "chat", "--json", *SHORT, *more])
        terminal.wait(b"> ")
        for text in typed:
            terminal.type(text)
        terminal.type(b"\x04", then=b'{"messages"')
        self.assertEqual(terminal.close(), 0)
        return asked(terminal.screen), terminal.screen

    def test_typed_characters_need_no_locale(self):
        self.assertEqual(self.questions(["Grüße, 你好 🙂\r".encode()])[0], ["Grüße, 你好 🙂"])

    def test_a_pasted_block_is_one_question(self):
        block = b"def f(x):\r    return x\r\rWhat does it do?\r"
        found, _ = self.questions([b"Explain: \x1b[200~" + block + b"\x1b[201~\r"])
        self.assertEqual(found, ["Explain: def f(x):\n    return x\n\nWhat does it do?"])

    def test_line_ends_of_any_system_are_one_line_break(self):
        found, _ = self.questions([b"\x1b[200~a\r\nb\rc\nd\x1b[201~\r"])
        self.assertEqual(found, ["a\nb\nc\nd"])

    def test_a_long_block_pasted_while_an_answer_comes_is_kept(self):
        terminal = Terminal([HADAL, "chat", "--json", "--max-tokens", "60", "--model", MODEL])
        terminal.wait(b"> ")
        data = b"Hi\r\x1b[200~" + b"many words " * 800 + b"\x1b[201~\r"
        for at in range(0, len(data), 512):
            terminal.type(data[at : at + 512], then=None)
            terminal._read()
        terminal.wait(b"expected fewer than")  # it came whole, and is too long for this model
        terminal.type(b"\x04", then=b'{"messages"')
        terminal.close()

    def test_a_long_pasted_block_is_kept_whole(self):
        block = "\r".join(f"line {i} ü" for i in range(300))
        terminal = Terminal([HADAL, "chat", "--json", *SHORT, "--model", MODEL])
        terminal.wait(b"> ")
        data = b"\x1b[200~" + block.encode() + b"\x1b[201~"
        for at in range(0, len(data), 512):  # a terminal hands over what the program has read
            terminal.type(data[at : at + 512], then=None)
            terminal._read()
        terminal.type(b"\r", then=None)
        terminal.wait(b"expected fewer than" if len(block) > 3000 else b"> ")
        terminal.type(b"\x04", then=b'{"messages"')
        terminal.close()

    def test_an_unknown_command_is_a_hint_and_no_question(self):
        found, screen = self.questions([b"/bogus\r", b"/etc/hosts?\r"])
        self.assertIn(b"/bogus is no command", screen)
        self.assertEqual(found, ["/etc/hosts?"])

    def test_two_chats_keep_both_histories(self):
        with tempfile.TemporaryDirectory() as home:
            chats = [Terminal([HADAL, "chat", *SHORT, "--model", MODEL], env={"HOME": home}) for _ in range(2)]
            for i, chat in enumerate(chats):
                chat.wait(b"> ")
                chat.type(f"from {i}\r".encode())
            for chat in chats:
                chat.type(b"\x04", then=None)
                chat.close()
            with open(os.path.join(home, ".hadal_history")) as file:
                kept = file.read()
        self.assertIn("from\\0400", kept)
        self.assertIn("from\\0401", kept)

    def test_ctrl_c_empties_the_line(self):
        self.assertEqual(self.questions([b"never\x03", b"Hi\r"])[0], ["Hi"])

    def test_what_is_typed_while_an_answer_comes_is_kept(self):
        terminal = Terminal([HADAL, "chat", "--json", "--max-tokens", "60", "--model", MODEL])
        terminal.wait(b"> ")
        terminal.type(b"Hi\rAnd you?\r\x04", then=b'{"messages"')
        self.assertEqual(terminal.close(), 0)
        self.assertEqual(asked(terminal.screen), ["Hi", "And you?"])


class Served(Chat):
    """The same through a server that is there already."""

    @classmethod
    def setUpClass(cls):
        cls.server = subprocess.Popen([HADAL, "serve", "--model", MODEL, "--port", "0"], stderr=subprocess.PIPE, text=True)
        for line in cls.server.stderr:
            if found := re.search(r"listening on (\S+)", line):
                cls.url = found.group(1)
                break

    @classmethod
    def tearDownClass(cls):
        cls.server.terminate()
        cls.server.wait()
        cls.server.stderr.close()

    def questions(self, typed, more=()):
        return super().questions(typed, ["--server", self.url])

    test_a_long_block_pasted_while_an_answer_comes_is_kept = None
    test_a_long_pasted_block_is_kept_whole = test_what_is_typed_while_an_answer_comes_is_kept = None
    test_two_chats_keep_both_histories = None

    def test_sampling_is_the_same_as_in_the_program(self):
        options = ["chat", "--json", "--temperature", "0.9", "--seed", "7", "--max-tokens", "12"]
        text = "Hi, who are you?\nAnd who made you?\n"
        run = lambda more: subprocess.run([HADAL, *options, *more], input=text, capture_output=True, text=True, check=True).stdout
        self.assertEqual(run(["--server", self.url]), run(["--model", MODEL]))
        votes = ["--votes", "3", "--think", "5"]  # a model that cannot think does not mind
        self.assertEqual(run(["--server", self.url, *votes]), run(["--model", MODEL, *votes]))


class OddServers(unittest.TestCase):
    def said(self, events):
        """What `hadal chat --server` says on standard error of a server that answers with these events."""

        class Handler(http.server.BaseHTTPRequestHandler):
            def reply(self, kind, body):
                self.send_response(200)
                self.send_header("Content-Type", kind)
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            def do_GET(self):
                self.reply("application/json", b'{"data": [{"id": "odd", "context_length": 100}]}')

            def do_POST(self):
                self.rfile.read(int(self.headers["Content-Length"]))
                self.reply("text/event-stream", b"".join(b"data: " + e + b"\n\n" for e in events))

            def log_message(self, *_):
                pass

        with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
            threading.Thread(target=server.serve_forever, daemon=True).start()
            command = [HADAL, "chat", "--server", f"http://127.0.0.1:{server.server_port}"]
            done = subprocess.run(command, input="Hi\n", capture_output=True, text=True)
            server.shutdown()
        self.assertEqual(done.returncode, 1)
        self.assertNotIn("json.exception", done.stderr)
        return done.stderr

    def test_odd_events_are_told_in_plain_words(self):
        self.assertIn("boom", self.said([b'{"error": "boom"}']))
        self.assertIn("boom", self.said([b'{"error": {"message": "boom"}}']))
        self.assertIn("5", self.said([b'{"error": {"message": 5}}']))
        self.assertIn("expected events of the chat API", self.said([b'{"choices": [{"delta": 5}]}']))
        self.assertIn("in the middle of an answer", self.said([b'{"choices": [{"delta": {"content": "a"}}]}']))


SETUP = """say() { printf '%s\\n' "$*" >&2; }
die() { say "error: $*"; exit 1; }
lock_build() { :; }
unlock_build() { :; }
install_packages() { :; }
build_web() { :; }
build_release() { :; }
"""


class Run(unittest.TestCase):
    """./run beside a program that is built already."""

    def setUp(self):
        self.folder = tempfile.mkdtemp(prefix="hadal_run_")
        for name in ("cmake", "build", "models"):
            os.mkdir(os.path.join(self.folder, name))
        shutil.copy(os.path.join(ROOT, "run"), self.folder)
        shutil.copy(HADAL, os.path.join(self.folder, "build", "hadal"))
        os.symlink(MODEL, os.path.join(self.folder, "models", "pilot"))
        with open(os.path.join(self.folder, "cmake", "setup.sh"), "w") as file:
            file.write(SETUP)

    def tearDown(self):
        shutil.rmtree(self.folder, ignore_errors=True)

    def servers(self):
        found = subprocess.run(["pgrep", "-f", f"^build/hadal serve --model pilot --port {self.port}$"], capture_output=True, text=True)
        return found.stdout.split()

    def start(self, port=None):
        terminal = Terminal(["./run"], self.folder, {"HADAL_PORT": str(port)} if port else {"HADAL_PORT": "18700"})
        terminal.wait(b"> ")
        self.port = int(re.search(rb"http://127.0.0.1:(\d+)", terminal.screen).group(1))
        return terminal

    def state(self):
        path = os.path.join(self.folder, "runs", "serve.state")
        if not os.path.exists(path):
            return None
        with open(path) as file:
            return file.read().split()

    def test_a_second_run_joins_the_first_and_the_last_one_ends_the_server(self):
        first = self.start()
        state = self.state()
        second = self.start()
        self.assertIn(b"joins it", second.screen)
        self.assertEqual(self.state(), state)  # one server, the model is loaded once
        first.type(b"\x04", then=None)
        self.assertEqual(first.close(), 0)
        second.type(b"Hi\r")  # answered still
        second.type(b"\x04", then=None)
        self.assertEqual(second.close(), 0)
        self.assertIsNone(self.state())
        self.assertFalse(os.path.exists(f"/proc/{state[0]}"))

    def test_a_server_that_was_left_behind_is_used_again(self):
        first = self.start()
        state = self.state()
        os.kill(first.pid, 9)
        first.close()
        second = self.start()
        self.assertEqual(self.state(), state)
        second.type(b"\x04", then=None)
        second.close()
        self.assertFalse(os.path.exists(f"/proc/{state[0]}"))

    def test_the_last_one_ends_the_server_that_took_the_place_of_another(self):
        first = self.start()
        old = self.state()
        os.kill(int(old[0]), 9)
        while os.path.exists(f"/proc/{old[0]}/exe"):
            time.sleep(0.05)
        second = self.start()
        new = self.state()
        self.assertNotEqual(new[0], old[0])
        second.type(b"\x04", then=None)
        second.close()
        self.assertEqual(self.state(), new)  # the first one is still there
        first.type(b"\x04", then=None)
        first.close()
        self.assertIsNone(self.state())
        self.assertFalse(os.path.exists(f"/proc/{new[0]}"))

    def test_a_port_that_is_taken_is_named(self):
        import socket

        with socket.socket() as taken:
            taken.bind(("127.0.0.1", 0))
            taken.listen()
            terminal = self.start(taken.getsockname()[1])
            self.assertIn(b"is taken by another program", terminal.screen)
            terminal.type(b"\x04", then=None)
            terminal.close()


if __name__ == "__main__":
    unittest.main(verbosity=2)
