// Starts `hadal serve` for a test and stops it again. HADAL_BINARY and HADAL_TEST_MODEL say which program and model.
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { createInterface } from 'node:readline';

const root = new URL('../..', import.meta.url).pathname;
const binary = process.env.HADAL_BINARY ?? `${root}build/hadal`;
const model = process.env.HADAL_TEST_MODEL ?? `${root}models/pilot`;

// {url, port, child, exited}: `exited` resolves to [code, signal]. The port is a free one unless it is given.
export async function startServer(port = 0, more = [], { cwd } = {}) {
  const child = spawn(binary, ['serve', '--model', model, '--port', String(port), ...more], {
    stdio: ['ignore', 'ignore', 'pipe'],
    cwd,
  });
  const exited = once(child, 'exit');
  const said = [];
  const lines = createInterface({ input: child.stderr });
  const url = await new Promise((resolve, reject) => {
    const late = setTimeout(() => reject(new Error(`no address from the server in 60 s:\n${said.join('\n')}`)), 60_000);
    lines.on('line', (line) => {
      said.push(line);
      const found = line.match(/listening on (http:\/\/\S+)/);
      if (found) clearTimeout(late), resolve(found[1]);
    });
    exited.then(([code]) => reject(new Error(`the server ended with ${code}:\n${said.join('\n')}`)));
    child.on('error', reject);
  });
  return { url, port: Number(new URL(url).port), child, exited };
}

export async function stopServer(server, signal = 'SIGTERM') {
  server.child.kill(signal);
  return server.exited;
}

export async function eventually(condition, what, limitMs = 10_000) {
  const end = Date.now() + limitMs;
  while (!(await condition())) {
    if (Date.now() > end) throw new Error(`did not happen in ${limitMs} ms: ${what}`);
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
}
