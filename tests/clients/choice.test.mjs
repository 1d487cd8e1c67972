// Which integration a message goes through, what its template sees, and which files go along with it.
import assert from 'node:assert/strict';
import { after } from 'node:test';
import { finished, messagesOf } from './harness/activity.mjs';
import { covers, fact } from './harness/contract.mjs';
import { assertInvalid, dataOf } from './harness/http.mjs';
import { refusal, sdk } from './harness/novu.mjs';
import { startServer } from './harness/server.mjs';
import { unique, world } from './harness/world.mjs';

const server = await startServer({ args: ['--dev'] });
after(() => server.stop());

const { api, ...make } = world(server);
const novu = sdk(server);
const primary = await make.integration({ providerId: 'sendgrid', channel: 'email' });

const email = (body, subject = 'S') => ({ type: 'email', name: 'Mail', controlValues: { subject, body, editorType: 'html' } });
const inApp = (body) => ({ type: 'in_app', name: 'In-app', controlValues: { body } });
const workflow = (...steps) => make.workflow({ steps });
const person = (rest = {}) => make.subscriber({ email: `${unique('mail')}@example.com`, ...rest });

async function sent(of, rest) {
  const { result } = await novu.trigger({ workflowId: of.workflowId, ...rest });
  const [told] = await finished(api, result);
  return { ...told, messages: (await messagesOf(api, result)).reverse() };
}

// Conditions of integrations

const when = (on, field, operator, value) => [{ isNegated: false, type: 'GROUP', value: 'AND', children: [{ on, field, operator, value }] }];

fact('an integration whose conditions are met goes before the primary one, and the feed says why', covers('IntegrationsController_createIntegration'), async () => {
  const { result: conditional } = await novu.integrations.create({
    providerId: 'mailgun', channel: 'email', active: true, check: false, conditions: when('subscriber', 'data.plan', 'EQUAL', 'pro'),
  });
  assert.deepEqual(conditional.conditions[0].children[0], { on: 'subscriber', field: 'data.plan', operator: 'EQUAL', value: 'pro' });
  const mail = await workflow(email('x'));
  const pro = await sent(mail, { to: (await person({ data: { plan: 'pro' } })).subscriberId });
  const free = await sent(mail, { to: (await person({ data: { plan: 'free' } })).subscriberId });
  assert.deepEqual([pro, free].map(({ messages }) => messages[0].providerId), ['mailgun', 'sendgrid']);
  assert.ok(pro.details.includes('The integration was chosen by its conditions'), pro.details);
  assert.ok(free.details.includes('Integrations were passed over because their conditions are not met'), free.details);
  assert.match(free.raw, /"subscriber\.data\.plan":"free"/);
  const named = await sent(mail, {
    to: (await person({ data: { plan: 'pro' } })).subscriberId, overrides: { email: { integrationIdentifier: primary.identifier } },
  });
  assert.equal(named.messages[0].providerId, 'sendgrid');
  await novu.integrations.delete(conditional.id);
});

fact('changed conditions count from the next message on', covers('IntegrationsController_updateIntegrationById'), async () => {
  const conditional = await make.integration({ providerId: 'postmark', channel: 'email', conditions: when('payload', 'country', 'EQUAL', 'NO') });
  const mail = await workflow(email('x'));
  const through = async (payload) => (await sent(mail, { to: (await person()).subscriberId, payload })).messages[0].providerId;
  assert.deepEqual([await through({ country: 'NO' }), await through({ country: 'SE' })], ['postmark', 'sendgrid']);
  await novu.integrations.update({ conditions: when('payload', 'country', 'IN', 'SE') }, conditional._id);
  assert.deepEqual([await through({ country: 'NO' }), await through({ country: 'SE' })], ['sendgrid', 'postmark']);
  await novu.integrations.update({ active: false, check: false }, conditional._id);
  assert.equal(await through({ country: 'SE' }), 'sendgrid');
});

fact('a chat message leaves out the integrations whose conditions are not met', async () => {
  const { subscriberId } = await person({ data: { plan: 'free' } });
  const [always, sometimes] = [
    await make.integration({ providerId: 'chat-webhook' }),
    await make.integration({ providerId: 'chat-webhook', conditions: when('subscriber', 'data.plan', 'EQUAL', 'pro') }),
  ];
  for (const integration of [always, sometimes]) await make.endpoint({ integration, subscriber: { subscriberId }, endpoint: { url: 'https://hooks.example.com/1' } });
  const chat = await make.workflow();
  const free = await sent(chat, { to: subscriberId });
  assert.equal(free.messages.length, 1);
  assert.deepEqual(free.statuses, ['completed']);
  assert.match(free.raw, new RegExp(`"notUsed":\\[\\{[^]*"integrationIdentifier":"${sometimes.identifier}"`));
  assert.equal((await sent(chat, { to: { subscriberId, data: { plan: 'pro' } } })).messages.length, 2);
});

fact('a push message leaves them out as well, and with none left the step is skipped', async () => {
  const push = await make.workflow({ steps: [{ type: 'push', name: 'Push', controlValues: { subject: 'S', body: 'B' } }] });
  const integration = await make.integration({ providerId: 'fcm', channel: 'push', conditions: when('payload', 'loud', 'EQUAL', 'true') });
  const { subscriberId } = await person();
  await novu.subscribers.credentials.update({ providerId: 'fcm', integrationIdentifier: integration.identifier, credentials: { deviceTokens: ['a-token-of-a-phone'] } }, subscriberId);
  const statuses = [];
  for (const loud of [true, false]) statuses.push((await sent(push, { to: subscriberId, payload: { loud } })).statuses[0]);
  assert.deepEqual(statuses, ['completed', 'canceled']);
});

// What a template sees

fact('a template sees actor, subscriber, payload, context, workflow, environment and earlier steps', async () => {
  await novu.environmentVariables.create({ key: 'BRAND', values: [{ environmentId: dataOf(await api.get('/v1/environments/me'))._id, value: 'Acme' }] });
  const seen = await workflow(
    inApp('first'),
    inApp('{{actor.firstName}} {{actor.subscriberId}} for {{subscriber.firstName}} {{subscriber.data.team}} {{payload.x}} {{context.tenant.id}} {{workflow.name}} {{env.BRAND}} {{env.name}} {{steps.in-app.seen}} [{{tenant.identifier}}]'),
  );
  const [ann, bob] = [await person({ firstName: 'Ann', data: { team: 'blue' } }), await person({ firstName: 'Bob' })];
  const asked = { to: ann.subscriberId, payload: { x: 1 }, context: { tenant: 'acme' } };
  const stored = await sent(seen, { ...asked, actor: bob.subscriberId });
  assert.equal(stored.messages[1].content, `Bob ${bob.subscriberId} for Ann blue 1 acme ${seen.name} Acme Development false []`);
  const named = await sent(seen, { ...asked, actor: { subscriberId: bob.subscriberId, firstName: 'Robert' } });
  assert.match(named.messages[1].content, /^Robert /);
  const nobody = await sent(seen, asked);
  assert.match(nobody.messages[1].content, /^ {2}for Ann/);
});

fact('conditions may ask who caused the event', async () => {
  const told = await make.workflow({ steps: [{ ...inApp('x'), controlValues: { body: 'x', skip: { '==': [{ var: 'actor.data.role' }, 'boss'] } } }] });
  const [ann, boss, bob] = [await person(), await person({ data: { role: 'boss' } }), await person()];
  const statuses = [];
  for (const actor of [boss, bob]) statuses.push((await sent(told, { to: ann.subscriberId, actor: actor.subscriberId })).statuses[0]);
  assert.deepEqual(statuses, ['completed', 'canceled']);
});

// Files

const outbox = async () => dataOf(await api.get('/dev/outbox'))[0];
const base64 = (text) => Buffer.from(text).toString('base64');

fact('files of a trigger go along with its mails, and are in neither the feed nor the messages', async () => {
  const mail = await workflow(email('{{payload.attachments[0].name}}'));
  const file = base64('the first file');
  const { messages, raw, notification } = await sent(mail, {
    to: (await person()).subscriberId,
    payload: { attachments: [{ name: 'a.txt', mime: 'text/plain', file }, { name: 'b.bin', file: Buffer.from('buffer') }, { name: 'sms.txt', file, channels: ['sms'] }] },
    overrides: { email: { attachments: [{ name: 'c.txt', file: base64('of the override') }] } },
  });
  assert.equal(messages[0].content, 'a.txt');
  assert.deepEqual((await outbox()).request.body.attachments, [
    { name: 'a.txt', mime: 'text/plain', size: 14, file }, { name: 'b.bin', size: 6, file: base64('buffer') },
    { name: 'c.txt', size: 15, file: base64('of the override') },
  ]);
  for (const text of [raw, JSON.stringify(notification), JSON.stringify(messages)]) assert.ok(!text.includes(file));
  assert.deepEqual(notification.payload.attachments.map(({ name, size }) => [name, size]), [['a.txt', 14], ['b.bin', 6], ['sms.txt', 14]]);
});

fact('a file that is none is refused, and nothing happens', async () => {
  const mail = await workflow(email('x'));
  const transactionId = unique('transaction');
  const trigger = (attachments) => api.post('/v1/events/trigger', { name: mail.workflowId, to: 'someone', transactionId, payload: { attachments } });
  assertInvalid(await trigger([{ name: 'ok', file: '' }, { name: 'a', file: 'no base64!' }]), 'payload.attachments.1.file must be base64, or a Buffer as JSON has it');
  assertInvalid(await trigger(Array.from({ length: 51 }, () => ({ file: '' }))), 'payload.attachments must contain no more than 50 files');
  const error = await refusal(novu.trigger({ workflowId: mail.workflowId, to: 'someone', transactionId, payload: { attachments: [{ file: 5 }] } }));
  assert.equal(error.statusCode, 422);
  assert.deepEqual(dataOf(await api.get(`/v1/notifications?transactionId=${transactionId}`)), []);
  // What is called attachments and has no files is the caller's own matter.
  assert.equal(dataOf(await trigger(['just', { a: 'list' }]), 201).status, 'processed');
});

fact('nobody sends a file that another event brought', async () => {
  const mail = await workflow(email('x'));
  const first = await sent(mail, { to: (await person()).subscriberId, payload: { attachments: [{ name: 'a.txt', file: base64('private') }] } });
  const [{ storagePath }] = first.notification.payload.attachments;
  await sent(mail, { to: (await person()).subscriberId, payload: { attachments: [{ name: 'b.txt', storagePath }] } });
  assert.equal((await outbox()).request.body.attachments, undefined);
});

fact('a file of ten megabytes goes along', async () => {
  const mail = await workflow(email('x'));
  const answer = await sent(mail, { to: (await person()).subscriberId, payload: { attachments: [{ name: 'big', file: Buffer.alloc(10 << 20, 'x').toString('base64') }] } });
  assert.deepEqual(answer.statuses, ['completed']);
  assert.deepEqual((await outbox()).request.body.attachments, [{ name: 'big', size: 10 << 20 }]);
});
