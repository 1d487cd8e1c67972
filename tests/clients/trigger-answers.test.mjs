// What a trigger answers in each case, and what repeated and too many calls are told, line by line of the contract.
import assert from 'node:assert/strict';
import { after } from 'node:test';
import { finished, notificationsOf } from './harness/activity.mjs';
import { fact } from './harness/contract.mjs';
import { assertRefused, assertStatus, dataOf, http } from './harness/http.mjs';
import { refusal, sdk } from './harness/novu.mjs';
import { eventually } from './harness/process.mjs';
import { startServer } from './harness/server.mjs';
import { unique, world } from './harness/world.mjs';

// Dev mode is for its embedded database.
const server = await startServer({ args: ['--dev'], settings: { CAMPANILE_DATABASE_URL: null } });
after(() => server.stop());

const { api, ...make } = world(server);
const novu = sdk(server);
const inApp = { type: 'in_app', name: 'In-app', stepId: 'in-app', controlValues: { body: 'Hello {{payload.name}}' } };
const active = await make.workflow({ steps: [inApp] });
const inactive = await make.workflow({ steps: [inApp], active: false });
const draft = await make.workflow({ steps: [] });
const broken = await make.workflow({ steps: [{ ...inApp, controlValues: { body: '{% if %}' } }] });
const strict = await make.workflow({ steps: [inApp], validatePayload: true, payloadSchema: { type: 'object', required: ['name'], properties: { name: { type: 'string' } } } });

// engine.md a.1: the first that holds is the answer.
const TABLE = [
  { case: 'an active workflow', of: active, status: 'processed' },
  { case: 'an inactive workflow', of: inactive, status: 'trigger_not_active' },
  { case: 'a workflow without steps', of: draft, status: 'no_workflow_steps_defined' },
  { case: 'a workflow that was stored with an error', of: broken, status: 'processed' },
  { case: 'a tenant', of: active, tenant: 'acme', status: 'no_tenant_found' },
  { case: 'a tenant and an inactive workflow', of: inactive, tenant: 'acme', status: 'no_tenant_found' },
  { case: 'nobody', of: active, to: [], status: 'invalid_recipients' },
  { case: 'malformed recipients only', of: active, to: ['not ok', { subscriberId: 'a/b' }], status: 'invalid_recipients' },
  { case: 'malformed recipients of an inactive workflow', of: inactive, to: ['not ok'], status: 'trigger_not_active' },
  { case: 'members that nobody knows', of: active, unknown: { deep: true }, controls: { steps: {} }, status: 'processed' },
  { case: 'a payload that fits', of: strict, payload: { name: 'Ann' }, status: 'processed' },
];

for (const { case: name, of, status, ...rest } of TABLE) {
  fact(`${name} answers ${status}, alone and among others`, async () => {
    const event = (transactionId) => ({ name: of.workflowId, to: unique('someone'), payload: {}, transactionId, ...rest });
    const [one, two] = [unique('transaction'), unique('transaction')];
    const alone = dataOf(await api.post('/v1/events/trigger', event(one)), 201);
    const [among] = dataOf(await api.post('/v1/events/trigger/bulk', { events: [event(two)] }), 201);
    assert.deepEqual([alone, among], [one, two].map((transactionId) => ({ acknowledged: true, status, transactionId })));
    const unnamed = dataOf(await api.post('/v1/events/trigger', event(undefined)), 201);
    assert.equal(typeof unnamed.transactionId, 'string');
    if (status === 'processed') return finished(api, alone);
    assert.deepEqual(await notificationsOf(api, alone), []);
  });
}

fact('what is wrong with a trigger is said alone with its status, and among others in its place', async () => {
  const unknown = { name: 'no-such-workflow', to: 'someone', transactionId: unique('transaction') };
  const misfit = { name: strict.workflowId, to: 'someone', payload: {}, transactionId: unique('transaction') };
  const good = { name: active.workflowId, to: 'someone', transactionId: unique('transaction') };
  assertRefused(await api.post('/v1/events/trigger', unknown), 422, 'workflow_not_found');
  assertRefused(await api.post('/v1/events/trigger', misfit), 400, "Payload validation failed: root.name: must have required property 'name'");
  const answers = dataOf(await api.post('/v1/events/trigger/bulk', { events: [unknown, misfit, good] }), 201);
  assert.deepEqual(answers.map(({ status, error, transactionId }) => [status, error, transactionId]), [
    ['error', ['workflow_not_found'], unknown.transactionId],
    ['error', ["Payload validation failed: root.name: must have required property 'name'"], misfit.transactionId],
    ['processed', undefined, good.transactionId],
  ]);
  const error = await refusal(novu.trigger({ workflowId: strict.workflowId, to: 'someone', payload: {} }));
  assert.equal(error.statusCode, 400);
});

fact('what is refused is not remembered: its transaction id is free', async () => {
  const transactionId = unique('transaction');
  const trigger = (of) => api.post('/v1/events/trigger', { name: of.workflowId, to: 'someone', transactionId });
  assert.equal(dataOf(await trigger(inactive), 201).status, 'trigger_not_active');
  assert.equal(dataOf(await trigger(active), 201).status, 'processed');
  await finished(api, { transactionId });
});

fact('a payload of nineteen megabytes is taken, one of more than twenty is a 413', async () => {
  const trigger = (megabytes) => api.post('/v1/events/trigger', { name: active.workflowId, to: 'someone', payload: { name: 'ok', text: 'x'.repeat(megabytes << 20) } });
  await finished(api, dataOf(await trigger(19), 201));
  assertStatus(await trigger(20), 413);
  assertStatus(await api.post('/v2/subscribers', { subscriberId: 'x', data: { text: 'x'.repeat(200_000) } }), 413);
});

// Idempotency

const keyed = (key) => ({ 'idempotency-key': key });

fact('a key is remembered for a day', async () => {
  const key = unique('key');
  const body = (name) => ({ name: active.workflowId, to: 'someone', payload: { name } });
  const first = dataOf(await api.post('/v1/events/trigger', body('first'), keyed(key)), 201);
  assertStatus(await api.post('/dev/clock/advance', { seconds: 23 * 3600 }), 200);
  const replay = await api.post('/v1/events/trigger', body('first'), keyed(key));
  assert.deepEqual([dataOf(replay, 201).transactionId, replay.headers.get('idempotency-replay')], [first.transactionId, 'true']);
  assertRefused(await api.post('/v1/events/trigger', body('second'), keyed(key)), 422);
  assertStatus(await api.post('/dev/clock/advance', { seconds: 2 * 3600 }), 200);
  // The first to come may be asked to try again, as the official client does by itself.
  const later = await eventually(async () => assertStatus(await api.post('/v1/events/trigger', body('second'), keyed(key)), 201));
  assert.notEqual(dataOf(later, 201).transactionId, first.transactionId);
});

fact('what is no POST or PATCH of an API key has no headers of idempotency', async () => {
  const read = await api.get('/v2/subscribers', keyed(unique('key')));
  assert.deepEqual([read.headers.get('idempotency-key'), read.headers.get('idempotency-replay')], [null, null]);
  const session = () => api.send('POST', '/v1/inbox/session', { applicationIdentifier: server.identifiers.development, subscriber: { subscriberId: 'ann' } }, { authorization: '', ...keyed('of-nobody') });
  for (const answer of [await session(), await session()]) assert.equal(answer.headers.get('idempotency-key'), null);
});

// Rate limits

fact('without rate limits there are no headers of them', async () => {
  const { headers } = await api.get('/v2/subscribers');
  assert.deepEqual([...headers.keys()].filter((name) => name.startsWith('ratelimit')), []);
});

fact('rate limits tell category, cost and burst, and are counted by environment and category', async () => {
  const limited = await startServer({ settings: { CAMPANILE_RATE_LIMIT: 'on' } });
  try {
    const calls = http(limited);
    const other = http(limited, { secretKey: limited.keys.production });
    const trigger = await calls.post('/v1/events/trigger', { name: 'none', to: 'someone' });
    const bulk = await calls.post('/v1/events/trigger/bulk', { events: [{ name: 'none', to: 'someone' }] });
    const configured = await calls.get('/v2/subscribers');
    const parsed = [trigger, bulk, configured].map(({ headers }) => {
      const [, limit, window, burst, category, cost] = /^(\d+);w=(\d+);burst=(\d+);comment="token bucket";category="([a-z]+)";cost="([a-z]+)";/.exec(headers.get('ratelimit-policy'));
      assert.equal(headers.get('ratelimit-limit'), limit);
      assert.deepEqual([window, Number(burst)], ['5', Math.floor(Number(limit) * 1.1)]);
      return [category, cost];
    });
    assert.deepEqual(parsed, [['trigger', 'single'], ['trigger', 'bulk'], ['configuration', 'single']]);
    const left = ({ headers }) => Number(headers.get('ratelimit-remaining'));
    const burst = Number(/burst=(\d+)/.exec(configured.headers.get('ratelimit-policy'))[1]);
    assert.ok(left(configured) >= burst - 1, 'triggers take nothing of what configuration has');
    assert.ok(left(await other.get('/v2/subscribers')) >= burst - 1, 'nor does another environment');
    assert.ok(left(trigger) > left(bulk), 'many events cost more than one');
  } finally {
    await limited.stop();
  }
});
