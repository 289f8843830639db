// The npm client `mlflow` against a real daemon: all that it can do, then what it has no call for.
import assert from 'node:assert';
import { createRequire } from 'node:module';
import { after, before, test } from 'node:test';
import { startCluster } from './cluster.mjs';

const MLflow = createRequire(import.meta.url)('mlflow');
console.log = () => {}; // the client prints what it sends

let cluster, client, headers, experiment, run;
before(async () => {
  cluster = await startCluster();
  headers = { Authorization: `Bearer ${cluster.tokenOf('ann')}` };
  client = new MLflow({ endpoint: cluster.url, headers });
});
after(() => cluster?.stop());

const refused = (status, code) => (error) =>
  error.message.includes(`"status":${status}`) && error.message.includes(`"error_code":"${code}"`);
const send = (method, path, body, more = {}) =>
  fetch(cluster.url + path, { method, headers: { ...headers, ...more }, body });

test('experiments are created, found, renamed, deleted and restored', async () => {
  const { Experiments } = client;
  const { experiments } = await Experiments.list();
  assert.deepStrictEqual(experiments.map((one) => [one.experiment_id, one.name]), [['0', 'Default']]);
  experiment = (await Experiments.create({ name: 'vision' })).experiment_id;
  await assert.rejects(Experiments.create({ name: 'vision' }), refused(400, 'RESOURCE_ALREADY_EXISTS'));
  await Experiments.update({ experiment_id: experiment, new_name: 'vision 2' });
  await Experiments.setExperimentTag({ experiment_id: experiment, key: 'team', value: 'eyes' });
  const found = (await Experiments.get({ experiment_id: experiment })).experiment;
  assert.strictEqual(found.name, 'vision 2');
  assert.deepStrictEqual(found.tags, [{ key: 'team', value: 'eyes' }]);
  await Experiments.delete({ experiment_id: experiment });
  assert.strictEqual((await Experiments.list()).experiments.length, 1);
  assert.strictEqual((await Experiments.list({ view_type: 'DELETED_ONLY' })).experiments.length, 1);
  await Experiments.restore({ experiment_id: experiment });
  assert.strictEqual((await Experiments.get({ experiment_id: experiment })).experiment.lifecycle_stage, 'active');
  await assert.rejects(Experiments.get({ experiment_id: '99' }), refused(404, 'RESOURCE_DOES_NOT_EXIST'));
});

test('a run logs metrics, parameters and tags', async () => {
  const { Runs, Metrics } = client;
  const tags = [{ key: 'mlflow.runName', value: 'first' }];
  const made = await Runs.create({ experiment_id: experiment, user_id: 'me', start_time: 1700000000000, tags });
  run = made.run.info.run_id;
  assert.match(run, /^r[1-9][0-9]*$/);
  assert.strictEqual(made.run.info.status, 'RUNNING');
  for (const [step, value] of [1.5, 'NaN', 'Infinity', 1.25].entries())
    await Runs.logMetric({ run_id: run, key: 'loss', value, timestamp: 1700000000000 + step, step });
  await Runs.logParameter({ run_id: run, key: 'lr', value: '0.1' });
  await Runs.logParameter({ run_id: run, key: 'lr', value: '0.1' });
  await assert.rejects(Runs.logParameter({ run_id: run, key: 'lr', value: '0.2' }), refused(400, 'INVALID_PARAMETER_VALUE'));
  await Runs.setTag({ run_id: run, key: 'note', value: 'a' });
  await Runs.setTag({ run_id: run, key: 'gone', value: 'a' });
  await Runs.deleteTag({ run_id: run, key: 'gone' });
  await assert.rejects(Runs.deleteTag({ run_id: run, key: 'gone' }), refused(404, 'RESOURCE_DOES_NOT_EXIST'));
  const metrics = Array.from({ length: 1000 }, (_, step) => ({ key: 'acc', value: step / 1000, timestamp: step, step }));
  await Runs.logBatch({ run_id: run, metrics, params: [], tags: [] });
  metrics.push(metrics[0]);
  await assert.rejects(Runs.logBatch({ run_id: run, metrics }), refused(400, 'INVALID_PARAMETER_VALUE'));

  const { info, data } = (await Runs.get({ run_id: run })).run;
  assert.strictEqual(info.run_name, 'first');
  assert.deepStrictEqual(data.params, [{ key: 'lr', value: '0.1' }]);
  assert.deepStrictEqual(data.metrics.find((one) => one.key === 'loss'), { key: 'loss', value: 1.25, timestamp: 1700000000003, step: 3 });
  const history = (await Metrics.getHistory({ run_id: run, metric_key: 'loss' })).metrics;
  assert.deepStrictEqual(history.map((one) => one.value), [1.5, 'NaN', 'Infinity', 1.25]);
  assert.strictEqual((await Metrics.getHistory({ run_id: run, metric_key: 'acc' })).metrics.length, 1000);
});

test('runs are searched, deleted, restored and ended', async () => {
  const { Runs } = client;
  const search = async (more) => (await Runs.search({ experiment_ids: [experiment], ...more })).runs.map((one) => one.info.run_id);
  const second = (await Runs.create({ experiment_id: experiment, start_time: 1700000001000 })).run.info.run_id;
  assert.deepStrictEqual(await search({}), [second, run]);
  assert.deepStrictEqual(await search({ order_by: ['metrics.acc DESC'] }), [run, second]);
  assert.deepStrictEqual(await search({ filter: "metrics.loss < 2 AND params.lr = '0.1' AND tags.note LIKE 'a%'" }), [run]);
  assert.deepStrictEqual(await search({ filter: `attributes.run_id IN ('${second}')` }), [second]);
  await assert.rejects(search({ filter: 'metrics.loss < 2 OR 1' }), refused(400, 'INVALID_PARAMETER_VALUE'));
  const page = await Runs.search({ experiment_ids: [experiment], max_results: 1 });
  assert.deepStrictEqual(await search({ max_results: 1, page_token: page.next_page_token }), [run]);
  await Runs.delete({ run_id: second });
  assert.deepStrictEqual(await search({}), [run]);
  assert.deepStrictEqual(await search({ run_view_type: 'DELETED_ONLY' }), [second]);
  await Runs.restore({ run_id: second });
  const { run_info } = await Runs.update({ run_id: second, status: 'FINISHED', end_time: 1700000002000 });
  assert.deepStrictEqual([run_info.status, run_info.end_time], ['FINISHED', 1700000002000]);
  await assert.rejects(Runs.get({ run_id: 'r99' }), refused(404, 'RESOURCE_DOES_NOT_EXIST'));
});

test('artifacts go up, are listed, and come back', async () => {
  const bytes = new Uint8Array(3_000_000).map((_, at) => at % 251);
  const root = `/api/2.0/mlflow-artifacts/artifacts/${experiment}/${run}/artifacts`;
  assert.strictEqual((await send('PUT', `${root}/model/a%20b.bin`, bytes)).status, 200);
  const { files, root_uri } = await client.Artifacts.list({ run_id: run });
  assert.strictEqual(root_uri, `mlflow-artifacts:/${experiment}/${run}/artifacts`);
  assert.deepStrictEqual(files, [{ path: 'model', is_dir: true }]);
  const inner = (await client.Artifacts.list({ run_id: run, path: 'model' })).files;
  assert.deepStrictEqual(inner, [{ path: 'model/a b.bin', is_dir: false, file_size: bytes.length }]);
  const back = await send('GET', `${root}/model/a%20b.bin`);
  assert.strictEqual(back.headers.get('content-type'), 'application/octet-stream');
  assert.deepStrictEqual(new Uint8Array(await back.arrayBuffer()), bytes);
  for (const path of ['model/%2e%2e/%2e%2e/x', '%2e%2e%2fx', 'a%00b', '%252e%252e/x']) {
    const answer = await send('PUT', `${root}/${path}`, 'x');
    assert.ok([400, 404].includes(answer.status), `${path}: ${answer.status}`);
  }
  assert.strictEqual((await send('DELETE', `${root}/model`)).status, 200);
  assert.strictEqual((await send('GET', `${root}/model/a%20b.bin`)).status, 404);
});

test('who asks matters', async () => {
  const nobody = new MLflow({ endpoint: cluster.url });
  await assert.rejects(nobody.Runs.get({ run_id: run }), refused(401, 'UNAUTHENTICATED'));
  const bob = new MLflow({ endpoint: cluster.url, headers: { Authorization: `Bearer ${cluster.tokenOf('bob')}` } });
  assert.strictEqual((await bob.Runs.get({ run_id: run })).run.info.run_id, run);
  await assert.rejects(bob.Runs.setTag({ run_id: run, key: 'k', value: 'v' }), refused(403, 'PERMISSION_DENIED'));
  await assert.rejects(bob.Experiments.delete({ experiment_id: experiment }), refused(403, 'PERMISSION_DENIED'));
});

// What a program does that the cluster runs: it logs into its own run, by what it finds in its environment.
test('a scheduled run logs into itself alone', { timeout: 60_000 }, async () => {
  const script = `
    const { MLFLOW_TRACKING_URI: url, MLFLOW_RUN_ID: run_id, MLFLOW_TRACKING_TOKEN: token } = process.env;
    const post = async (path, body) => (await fetch(url + '/api/2.0/mlflow/' + path, {
      method: 'POST', headers: { Authorization: 'Bearer ' + token }, body: JSON.stringify(body) })).status;
    const statuses = [
      await post('runs/log-batch', { run_id, metrics: [{ key: 'loss', value: 0.5, timestamp: 1, step: 1 }] }),
      await post('runs/set-tag', { run_id, key: 'said', value: 'hello' }),
      await post('runs/set-tag', { run_id: '${run}', key: 'said', value: 'hello' }),
      await post('runs/create', { experiment_id: '0' })];
    if (statuses.join() !== '200,200,403,403') { console.error(statuses.join()); process.exit(1); }`;
  const words = ['--slots', '1', '--json', '--', process.execPath, '-e', script];
  const { run: id } = JSON.parse(cluster.hadal('idea', 'submit', '--idea', 'own', '--why', 'a test', ...words));
  cluster.hadal('idea', 'wait', id);
  const { info, data } = (await client.Runs.get({ run_id: id })).run;
  assert.strictEqual(info.status, 'FINISHED');
  assert.strictEqual(data.metrics.find((one) => one.key === 'loss').value, 0.5);
  assert.deepStrictEqual(data.tags, [{ key: 'said', value: 'hello' }]);
});
