import assert from 'node:assert/strict';
import { after } from 'node:test';
import { finished, messagesOf } from './harness/activity.mjs';
import { fact } from './harness/contract.mjs';
import { dataOf } from './harness/http.mjs';
import { sdk } from './harness/novu.mjs';
import { startServer } from './harness/server.mjs';
import { unique, world } from './harness/world.mjs';

const server = await startServer({ args: ['--dev'] });
after(() => server.stop());

const { api, ...make } = world(server);
const novu = sdk(server);

// The in-app integration is there from the first start.
const of = { email: 'sendgrid', sms: 'twilio', push: 'fcm' };
for (const [channel, providerId] of Object.entries(of)) await make.integration({ providerId, channel });

const step = (type, controlValues) => ({ type, name: type, controlValues });
const blocks = (...content) => JSON.stringify({ type: 'doc', content });
const paragraph = (...content) => ({ type: 'paragraph', content });

/** One notification through these steps, triggered by the official client; its messages and its jobs. */
async function sent(steps, to, rest = {}) {
  const workflow = await make.workflow({ steps });
  const { result } = await novu.trigger({ workflowId: workflow.workflowId, to, ...rest });
  const [{ notification }] = await finished(api, result);
  const messages = await messagesOf(api, result);
  return { messages: messages.reverse(), jobs: notification.jobs.filter(({ type }) => type !== 'trigger') };
}

fact('an e-mail of blocks shows variables, loops and conditions', async () => {
  const body = blocks(
    paragraph({ type: 'text', text: 'Hello ' }, { type: 'variable', attrs: { id: 'subscriber.firstName', fallback: 'you' } }),
    { type: 'repeat', attrs: { each: 'payload.items' }, content: [paragraph({ type: 'variable', attrs: { id: 'payload.items.name' } })] },
    { type: 'paragraph', attrs: { showIfKey: 'payload.hidden' }, content: [{ type: 'text', text: 'never' }] },
    { type: 'button', attrs: { text: 'Open', url: 'payload.url', isUrlVariable: true } },
  );
  const subscriberId = unique('ann');
  const { messages: [message], jobs } = await sent([step('email', { subject: 'Hi {{payload.items.size}}', body, editorType: 'block' })],
    { subscriberId, email: 'ann@example.com' }, { payload: { items: [{ name: '<One>' }, { name: 'Two' }], hidden: false, url: 'https://example.com/?a=1&b=2' } });
  assert.deepEqual(jobs.map(({ status }) => status), ['completed']);
  assert.deepEqual([message.channel, message.status, message.subject, message.email, message.providerId], ['email', 'sent', 'Hi 2', 'ann@example.com', 'sendgrid']);
  assert.match(message.content, /Hello you/);
  assert.match(message.content, /&lt;One&gt;[^]*Two/);
  assert.doesNotMatch(message.content, /never/);
  assert.match(message.content, /href="https:\/\/example\.com\/\?a=1&amp;b=2"/);
  const listed = await novu.messages.retrieve({ subscriberId });
  assert.equal(listed.result.data[0].subject, 'Hi 2');
});

fact('an sms, a push and an in-app message go out of one workflow', async () => {
  const subscriberId = unique('bob');
  await make.subscriber({ subscriberId, phone: '+15550100' });
  await novu.subscribers.credentials.update({ providerId: 'fcm', credentials: { deviceTokens: ['a-token-of-a-phone'] } }, subscriberId);
  const { messages, jobs } = await sent([
    step('in_app', { subject: 'S', body: '<b>{{payload.x}}</b><script>y()</script>', primaryAction: { label: 'Go', redirect: { url: '/go', target: '_self' } } }),
    step('sms', { body: 'sms {{payload.x}}' }),
    step('push', { subject: 'T', body: 'push {{payload.x}}' }),
  ], subscriberId, { payload: { x: 1 } });
  assert.deepEqual(jobs.map(({ type, status }) => [type, status]), [['in_app', 'completed'], ['sms', 'completed'], ['push', 'completed']]);
  assert.deepEqual(messages.map(({ channel, content }) => [channel, content]), [['in_app', '<b>1</b>'], ['sms', 'sms 1'], ['push', 'push 1']]);
  const [inApp, sms, push] = messages;
  assert.deepEqual(inApp.cta.action.buttons, [{ type: 'primary', content: 'Go', url: '/go', target: '_self' }]);
  assert.deepEqual([inApp.read, inApp.seen, sms.phone], [false, false, '+15550100']);
  assert.deepEqual(push.deviceTokens, ['…hone']);
  const outbox = dataOf(await api.get('/dev/outbox'));
  assert.deepEqual(outbox.slice(0, 2).map(({ channel }) => channel), ['push', 'sms']);
  assert.equal((await novu.messages.retrieve({ subscriberId })).result.data.length, 3);
});

fact('what keeps a step from sending is told, and the next step runs', async () => {
  const { messages, jobs } = await sent([
    step('email', { subject: 'S', body: 'B', editorType: 'html' }), step('sms', { body: 'B' }), step('push', { subject: 'S', body: 'B' }),
    step('in_app', { body: '{{payload.nothing}}' }),
  ], unique('nobody'));
  assert.deepEqual(jobs.map(({ status }) => status), ['canceled', 'canceled', 'canceled', 'failed']);
  const told = jobs.map(({ executionDetails }) => executionDetails.at(-1).detail);
  assert.deepEqual(told, [
    'Subscriber missing email address', 'Subscriber missing phone number', 'Subscriber does not have a configured channel', 'Message content could not be generated',
  ]);
  assert.deepEqual(messages.map(({ status, errorId }) => [status, errorId]), [['warning', 'mail_unexpected_error'], ['warning', 'no_subscriber_phone']]);
});
