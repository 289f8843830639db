// A cluster of its own for a test: a daemon on a free port, in a folder that is removed afterwards, and a person's token.
import { execFileSync, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

const binary = process.env.HADAL_BINARY ?? new URL('../../build/hadal', import.meta.url).pathname;

export async function startCluster() {
  const folder = mkdtempSync(join(tmpdir(), 'hadal_mlflow_'));
  const env = { ...process.env, HADAL_CLUSTER: folder };
  const words = ['cluster', 'serve', '--dir', folder, '--port', '0', '--slots', '2'];
  const daemon = spawn(binary, words, { env, stdio: ['ignore', 'ignore', 'pipe'] });
  let said = '';
  const url = await new Promise((resolve, reject) => {
    daemon.stderr.on('data', (text) => {
      said += text;
      const found = said.match(/listening on (\S+)/);
      if (found) resolve(found[1]);
    });
    daemon.on('error', reject);
    daemon.on('exit', (code) => reject(new Error(`hadal cluster serve ended with ${code}: ${said}`)));
  });
  const hadal = (...args) => execFileSync(binary, args, { env, encoding: 'utf8' });
  const tokenOf = (name, ...more) => JSON.parse(hadal('cluster', 'user', 'add', name, ...more, '--json')).token;
  const stop = async () => {
    daemon.kill('SIGTERM');
    if (daemon.exitCode === null) await once(daemon, 'exit');
    rmSync(folder, { recursive: true, force: true });
  };
  return { url, folder, hadal, tokenOf, stop };
}
