import assert from 'node:assert/strict';
import { after } from 'node:test';
import { finished, notificationsOf } from './harness/activity.mjs';
import { covers, fact } from './harness/contract.mjs';
import { startReceiver } from './harness/fake-receiver.mjs';
import { assertInvalid, assertRefused, assertStatus, dataOf } from './harness/http.mjs';
import { refusal, sdk } from './harness/novu.mjs';
import { eventually } from './harness/process.mjs';
import { startServer } from './harness/server.mjs';
import { unique, world } from './harness/world.mjs';

const receiver = await startReceiver();
after(() => receiver.stop());
const server = await startServer({ settings: { CAMPANILE_ALLOWED_PRIVATE_HOSTS: '127.0.0.0/8' } });
after(() => server.stop());

const { api, ...make } = world(server);
const novu = sdk(server);
const integration = await make.integration({ providerId: 'chat-webhook' });
const workflow = await make.workflow();

/** A subscriber who hears on a path of the receiver. */
async function listener(rest = {}, context) {
  const subscriber = await make.subscriber(rest);
  const path = `/${unique('hook')}`;
  await make.endpoint({ integration, subscriber, endpoint: { url: receiver.url + path }, ...(context && { context }) });
  return { ...subscriber, heard: () => receiver.requests(path).map((request) => request.json.content) };
}

const trigger = (rest) => api.post('/v1/events/trigger', { name: workflow.workflowId, ...rest });
const accepted = async (rest) => dataOf(await trigger(rest), 201);

/** Everything that was accepted before this has been planned and sent when it returns, as far as it goes at once. */
async function fence() {
  await finished(api, await make.trigger(workflow, await listener()));
}

fact('a trigger is acknowledged and delivered', covers('EventsController_trigger'), async () => {
  const ann = await listener();
  const { result } = await novu.trigger({ workflowId: workflow.workflowId, to: ann.subscriberId, payload: { name: 'Ann' } });
  assert.deepEqual([result.acknowledged, result.status], [true, 'processed']);
  assert.equal(typeof result.transactionId, 'string');
  const [{ statuses }] = await finished(api, result);
  assert.deepEqual(statuses, ['completed']);
  assert.deepEqual(ann.heard(), ['Hello Ann']);
});

fact('the answer has no null members', async () => {
  const answer = await accepted({ to: (await make.subscriber()).subscriberId });
  assert.deepEqual(Object.entries(answer).filter(([, value]) => value === null), []);
});

fact('a transaction id is kept, and a repeated one makes no second event', async () => {
  const ann = await listener();
  const transactionId = unique('transaction');
  for (const name of ['first', 'second']) {
    const answer = await accepted({ to: ann.subscriberId, transactionId, payload: { name } });
    assert.deepEqual([answer.transactionId, answer.status], [transactionId, 'processed']);
  }
  await finished(api, { transactionId });
  await fence();
  assert.equal((await notificationsOf(api, { transactionId })).length, 1);
  assert.deepEqual(ann.heard(), ['Hello first']);
});

fact('twenty triggers with one transaction id at once make one event', async () => {
  const ann = await listener();
  const transactionId = unique('transaction');
  const answers = await Promise.all(Array.from({ length: 20 }, () => trigger({ to: ann.subscriberId, transactionId, payload: {} })));
  for (const answer of answers) assert.equal(dataOf(answer, 201).status, 'processed');
  await finished(api, { transactionId });
  await fence();
  assert.equal((await notificationsOf(api, { transactionId })).length, 1);
  assert.equal(ann.heard().length, 1);
});

fact('an unknown workflow is a 422 that the SDK can read', async () => {
  const error = await refusal(novu.trigger({ workflowId: 'no-such-workflow', to: 'someone' }));
  assert.equal(error.name, 'ValidationErrorDto');
  assert.equal(error.statusCode, 422);
  assert.equal(error.message, 'workflow_not_found');
});

fact('an inactive workflow is not triggered', async () => {
  const inactive = await make.workflow({ active: false });
  const subscriberId = unique('never-made');
  const answer = await accepted({ name: inactive.workflowId, to: subscriberId });
  assert.deepEqual([answer.acknowledged, answer.status], [true, 'trigger_not_active']);
  await fence();
  assert.deepEqual(await notificationsOf(api, answer), []);
  assertRefused(await api.get(`/v2/subscribers/${subscriberId}`), 404);
});

fact('a body of the wrong shape is a 422', async () => {
  assertInvalid(await api.post('/v1/events/trigger', { to: 'someone' }), /^name /);
  assertInvalid(await trigger({ name: 5, to: 'someone' }), 'name must be a string');
  assertInvalid(await trigger({}), /^to /);
  assertInvalid(await trigger({ to: 'someone', payload: 'text' }), /^payload /);
  assertInvalid(await trigger({ to: 'someone', payload: ['a'] }), /^payload /);
  assertInvalid(await trigger({ to: 'someone', overrides: 'text' }), /^overrides /);
  assertInvalid(await trigger({ to: 'someone', transactionId: 5 }), 'transactionId must be a string');
});

// Recipients

const recipients = async (event, count) => (await finished(api, event, count)).map(({ notification }) => notification.subscriber.subscriberId).sort();

fact('a recipient is a string, and is created when unknown', async () => {
  const subscriberId = unique('fresh');
  assert.deepEqual(await recipients(await accepted({ to: subscriberId }), 1), [subscriberId]);
  assert.equal(dataOf(await api.get(`/v2/subscribers/${subscriberId}`)).subscriberId, subscriberId);
});

fact('a recipient is an object, whose fields are written and whose absent ones are kept', async () => {
  const profile = { firstName: 'Ann', lastName: 'Archer', email: 'ann@example.com', phone: '+1', avatar: 'https://a.example/a.png', locale: 'en_US', timezone: 'UTC', data: { plan: 'pro' } };
  const subscriberId = unique('profile');
  await finished(api, await accepted({ to: { subscriberId, ...profile } }));
  const made = dataOf(await api.get(`/v2/subscribers/${subscriberId}`));
  for (const [field, value] of Object.entries(profile)) assert.deepEqual(made[field], value);
  await finished(api, await accepted({ to: { subscriberId, firstName: 'Beth' } }));
  const changed = dataOf(await api.get(`/v2/subscribers/${subscriberId}`));
  assert.deepEqual([changed.firstName, changed.lastName, changed.data], ['Beth', 'Archer', { plan: 'pro' }]);
});

fact('recipients are a list of both, in which duplicates count once and the last profile wins', async () => {
  const [one, two, three] = [unique('r'), unique('r'), unique('r')];
  const to = [one, { subscriberId: two, firstName: 'First' }, one, { subscriberId: two, firstName: 'Last' }, { subscriberId: three }];
  const { result } = await novu.trigger({ workflowId: workflow.workflowId, to });
  assert.deepEqual(await recipients(result, 3), [one, two, three].sort());
  assert.equal(dataOf(await api.get(`/v2/subscribers/${two}`)).firstName, 'Last');
});

fact('ids have letters, digits, underscore, colon, dot and hyphen, or are e-mail addresses', async () => {
  const good = ['tenant:1.user_2-a', 'ann+tag@example.com', `  ${unique('trimmed')} `];
  assert.deepEqual(await recipients(await accepted({ to: good }), 3), good.map((id) => id.trim()).sort());
});

fact('malformed recipients are dropped, and with none left the trigger says so', async () => {
  const good = unique('good');
  const mixed = await accepted({ to: ['not ok', good, 'a/b', { subscriberId: 'also not ok' }] });
  assert.equal(mixed.status, 'processed');
  assert.deepEqual(await recipients(mixed, 1), [good]);
  const none = await accepted({ to: ['not ok', 'a/b'] });
  assert.deepEqual([none.acknowledged, none.status], [true, 'invalid_recipients']);
  await fence();
  assert.deepEqual(await notificationsOf(api, none), []);
});

fact('two hundred recipients each get one notification', async () => {
  const to = Array.from({ length: 200 }, (_, at) => `crowd-${at}`);
  const event = await accepted({ to });
  await eventually(async () => {
    const pages = await Promise.all([0, 1, 2, 3, 4].map((page) => api.get(`/v1/notifications?transactionId=${event.transactionId}&limit=50&page=${page}`)));
    const seen = pages.flatMap((page) => dataOf(page).map(({ subscriber }) => subscriber.subscriberId));
    assert.deepEqual(seen.sort(), [...to].sort());
  });
});

// Payload

const schema = { type: 'object', required: ['name'], properties: { name: { type: 'string' }, count: { type: 'integer', default: 7 } } };

fact('without validatePayload anything goes', async () => {
  const lenient = await make.workflow({ payloadSchema: schema, validatePayload: false });
  assertStatus(await trigger({ name: lenient.workflowId, to: 'someone', payload: { count: 'many' } }), 201);
});

fact('a payload that does not fit its schema is refused, field by field', async () => {
  const strict = await make.workflow({ payloadSchema: schema, validatePayload: true });
  const send = (payload) => trigger({ name: strict.workflowId, to: 'someone', payload });
  const refused = await send({ count: 'many' });
  assertRefused(refused, 400, "Payload validation failed: root.name: must have required property 'name'; count: must be integer");
  assert.equal(refused.body.type, 'PAYLOAD_VALIDATION_ERROR');
  assert.deepEqual(refused.body.errors.map(({ field, value }) => [field, value]), [['root.name', { count: 'many' }], ['count', 'many']]);
  assert.deepEqual(refused.body.schema, schema);
  assertStatus(await send({ name: 'Ann' }), 201);
  const unasked = await refusal(novu.trigger({ workflowId: strict.workflowId, to: 'someone', payload: {} }));
  assert.match(unasked.message, /must have required property 'name'/);
});

fact('defaults of the schema fill in what was not sent', async () => {
  const ann = await listener();
  const told = await make.workflow({ payloadSchema: schema, validatePayload: true, bodies: ['{{payload.name}} {{payload.count}}'] });
  await finished(api, await make.trigger(told, ann, { payload: { name: 'Ann' } }));
  await finished(api, await make.trigger(told, ann, { payload: { name: 'Bob', count: 1 } }));
  assert.deepEqual(ann.heard(), ['Ann 7', 'Bob 1']);
});

fact('the message is made of payload, subscriber and context', async () => {
  const context = { tenant: { id: unique('acme'), data: { plan: 'pro' } } };
  const ann = await listener({ firstName: 'Ann', data: { team: 'blue' } }, context);
  const told = await make.workflow({
    bodies: ['{{subscriber.firstName | upcase}} of {{subscriber.data.team}}: {{payload.list | size}} in {{context.tenant.id}} ({{context.tenant.data.plan}}){% if payload.extra %}!{% endif %}'],
  });
  await finished(api, await make.trigger(told, ann, { context, payload: { list: [1, 2, 3], extra: true } }));
  assert.deepEqual(ann.heard(), [`ANN of blue: 3 in ${context.tenant.id} (pro)!`]);
});

fact('an unset variable is empty, and quotes and line breaks arrive as they were', async () => {
  const ann = await listener();
  const name = 'a "quoted"\nline \\ with {{braces}} & <tags>';
  await finished(api, await make.trigger(await make.workflow({ bodies: ['[{{payload.missing}}] {{payload.name}}'] }), ann, { payload: { name } }));
  assert.deepEqual(ann.heard(), [`[] ${name}`]);
});

// Context

fact('a context names at most five, each well formed', async () => {
  const to = 'someone';
  const six = Object.fromEntries('abcdef'.split('').map((type) => [type, '1']));
  for (const context of [six, { tenant: 'a b' }, { 'te nant': 'a' }, { tenant: { data: {} } }, { tenant: { id: 'a'.repeat(101) } }, { tenant: { id: 'a', data: 'text' } }, 'tenant:a']) {
    assertInvalid(await trigger({ to, context }), /^context/);
  }
  assertStatus(await trigger({ to, context: Object.fromEntries('abcde'.split('').map((type) => [type, '1'])) }), 201);
});

fact('endpoints hear events of exactly their own context', async () => {
  const subscriber = await make.subscriber();
  const paths = {};
  const contexts = { none: undefined, one: { tenant: 'exact' }, two: { tenant: 'exact', project: 'exact' } };
  for (const [name, context] of Object.entries(contexts)) {
    paths[name] = `/${unique('exact')}`;
    await make.endpoint({ integration, subscriber, endpoint: { url: receiver.url + paths[name] }, ...(context && { context }) });
  }
  const heard = () => Object.fromEntries(Object.entries(paths).map(([name, path]) => [name, receiver.requests(path).length]));
  for (const [name, context] of Object.entries(contexts)) {
    const before = heard();
    const [{ notification }] = await finished(api, await make.trigger(workflow, subscriber, { ...(context && { context }) }));
    assert.deepEqual(heard(), { ...before, [name]: before[name] + 1 });
    assert.deepEqual(notification.contextKeys, Object.keys(context ?? {}).sort().map((type) => `${type}:exact`));
  }
});

fact('twenty triggers to one address are twenty messages', async () => {
  const ann = await listener();
  const events = [];
  for (let number = 0; number < 20; number += 1) events.push(await make.trigger(workflow, ann, { payload: { name: String(number) } }));
  for (const event of events) await finished(api, event);
  assert.equal(new Set(ann.heard()).size, 20);
});
