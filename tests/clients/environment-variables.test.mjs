import assert from 'node:assert/strict';
import { after } from 'node:test';
import { covers, fact } from './harness/contract.mjs';
import { assertInvalid, assertRefused, assertStatus, dataOf } from './harness/http.mjs';
import { refusal, sdk } from './harness/novu.mjs';
import { startServer } from './harness/server.mjs';
import { unique, world } from './harness/world.mjs';

const server = await startServer();
after(() => server.stop());

const { api, ...make } = world(server);
const production = world(server, { secretKey: server.keys.production }).api;
const novu = sdk(server);
const [{ _id: development }, { _id: other }] = dataOf(await api.get('/v1/environments'));
const MASK = '••••••••';
const key = (prefix = 'KEY') => unique(prefix).replaceAll('-', '_');

fact('a variable is made, read, changed and deleted', covers(
  'EnvironmentVariablesController_createEnvironmentVariable', 'EnvironmentVariablesController_getEnvironmentVariable',
  'EnvironmentVariablesController_updateEnvironmentVariable', 'EnvironmentVariablesController_deleteEnvironmentVariable',
  'EnvironmentVariablesController_listEnvironmentVariables',
), async () => {
  const name = key('SITE');
  const { result } = await novu.environmentVariables.create({ key: name, values: [{ environmentId: development, value: 'https://a.example' }] });
  assert.deepEqual([result.key, result.type, result.isSecret], [name, 'string', false]);
  assert.deepEqual(result.values, [{ environmentId: development, value: 'https://a.example' }]);
  assert.deepEqual((await novu.environmentVariables.retrieve(name)).result, result);
  const { result: listed } = await novu.environmentVariables.list(name.toLowerCase());
  assert.deepEqual(listed, [result]);
  const { result: changed } = await novu.environmentVariables.update({ key: `${name}_2`, values: [{ environmentId: development, value: 'b' }] }, name);
  assert.deepEqual([changed.id, changed.key, changed.values[0].value], [result.id, `${name}_2`, 'b']);
  await novu.environmentVariables.delete(`${name}_2`);
  assert.equal((await refusal(novu.environmentVariables.retrieve(`${name}_2`))).statusCode, 404);
  assertRefused(await api.get(`/v1/environment-variables/${name}_2`), 404, `Environment variable with key "${name}_2" not found`);
});

fact('each environment has its own value, and a key reads and writes that one', async () => {
  const name = key();
  dataOf(await api.post('/v1/environment-variables', { key: name, values: [{ _environmentId: development, value: 'dev' }] }), 200);
  assert.deepEqual(dataOf(await production.get(`/v1/environment-variables/${name}`)).values, []);
  dataOf(await production.patch(`/v1/environment-variables/${name}`, { values: [{ _environmentId: other, value: 'prod' }] }));
  assert.deepEqual(dataOf(await production.get(`/v1/environment-variables/${name}`)).values, [{ _environmentId: other, value: 'prod' }]);
  assert.deepEqual(dataOf(await api.get(`/v1/environment-variables/${name}`)).values, [{ _environmentId: development, value: 'dev' }]);
  const refused = await api.patch(`/v1/environment-variables/${name}`, { values: [{ _environmentId: other, value: 'x' }] });
  assert.equal(refused.status, 403);
  assert.match(refused.text, /is scoped to a single environment/);
  assertRefused(await api.patch(`/v1/environment-variables/${name}`, { values: [{ _environmentId: 'nowhere', value: 'x' }] }), 404, 'Environment with id nowhere not found');
});

fact('a secret is never shown, not sent back by its mask, and stays a secret', async () => {
  const name = key('SECRET');
  const made = dataOf(await api.post('/v1/environment-variables', { key: name, isSecret: true, values: [{ _environmentId: development, value: 'hidden' }] }), 200);
  assert.deepEqual(made.values, [{ _environmentId: development, value: MASK }]);
  assert.ok(!(await api.get('/v1/environment-variables')).text.includes('hidden'));
  assert.match((await api.patch(`/v1/environment-variables/${name}`, { values: made.values })).text, /secret mask placeholder/);
  assert.equal((await api.patch(`/v1/environment-variables/${name}`, { isSecret: false })).status, 400);
});

fact('what does not fit is refused', async () => {
  const name = key();
  for (const bad of ['', '1A', 'A-B', 'A B', 'x'.repeat(257), 5, undefined]) assertInvalid(await api.post('/v1/environment-variables', { key: bad }), /^key /);
  assertInvalid(await api.post('/v1/environment-variables', { key: name, values: [{ _environmentId: development, value: 'x'.repeat(257) }] }), /^values\.0\.value /);
  dataOf(await api.post('/v1/environment-variables', { key: name }), 200);
  assertRefused(await api.post('/v1/environment-variables', { key: name }), 409, `Environment variable with key "${name}" already exists`);
  const second = key();
  dataOf(await api.post('/v1/environment-variables', { key: second }), 200);
  assertRefused(await api.patch(`/v1/environment-variables/${second}`, { key: name }), 409, `Environment variable with key "${name}" already exists`);
  assertRefused(await api.patch(`/v1/environment-variables/${name}`, {}), 400, 'At least one field must be provided to update');
});

fact('the workflows that read a variable are told', covers('EnvironmentVariablesController_getEnvironmentVariableUsage'), async () => {
  const name = key('USED');
  assertStatus(await api.post('/v1/environment-variables', { key: name, values: [{ _environmentId: development, value: 'x' }] }), 200);
  const step = (body) => ({ steps: [{ type: 'chat', name: 'Chat', controlValues: { body } }] });
  const using = await make.workflow(step(`at {{ env.${name} }}`));
  await make.workflow(step(`at {{ env.${name}_OTHER }} ${name}`));
  const { result } = await novu.environmentVariables.usage(name);
  assert.deepEqual(result.workflows, [{ name: using.name, workflowId: using.workflowId }]);
});
