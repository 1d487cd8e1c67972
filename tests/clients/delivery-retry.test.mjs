import assert from 'node:assert/strict';
import { createHmac } from 'node:crypto';
import { after } from 'node:test';
import { finished, messagesOf, reaches } from './harness/activity.mjs';
import { fact } from './harness/contract.mjs';
import { startReceiver } from './harness/fake-receiver.mjs';
import { dataOf } from './harness/http.mjs';
import { eventually } from './harness/process.mjs';
import { startServer } from './harness/server.mjs';
import { unique, world } from './harness/world.mjs';

const receiver = await startReceiver();
after(() => receiver.stop());
const slack = await startReceiver();
after(() => slack.stop());
const server = await startServer({
  settings: { CAMPANILE_PROVIDERS__SLACK__BASE_URL: slack.url, CAMPANILE_ALLOWED_PRIVATE_HOSTS: '127.0.0.0/8' },
});
after(() => server.stop());

const { api, ...make } = world(server);
const secretKey = 'the secret of the webhook';
const signed = await make.integration({ providerId: 'chat-webhook', credentials: { secretKey } });
const workflow = await make.workflow({ bodies: ['{{payload.text}}'] });

/** A subscriber with one webhook endpoint for each list of answers. */
async function webhooks(...answers) {
  const subscriber = await make.subscriber();
  const paths = [];
  for (const list of answers) {
    const path = `/${unique('hook')}`;
    receiver.answers(path, ...list);
    await make.endpoint({ integration: signed, subscriber, endpoint: { url: receiver.url + path } });
    paths.push(path);
  }
  return { subscriber, paths, requests: paths.map((path) => () => receiver.requests(path)) };
}

const send = (subscriber, rest = {}) => make.trigger(workflow, subscriber, { payload: { text: unique('text') }, ...rest });
const messageStatuses = async (event) => (await messagesOf(api, event)).map(({ status }) => status);
const LATER = { status: 503, headers: { 'retry-after': '3600' } };

fact('a chat webhook gets the message as signed JSON', async () => {
  const { subscriber, paths, requests } = await webhooks([{}]);
  const event = await send(subscriber, { payload: { text: 'Grüße "an" alle' } });
  const [{ statuses }] = await finished(api, event);
  assert.deepEqual(statuses, ['completed']);
  const [request] = requests[0]();
  assert.equal(request.method, 'POST');
  assert.match(request.headers['content-type'], /^application\/json/);
  assert.equal(request.json.content, 'Grüße "an" alle');
  assert.equal(request.json.webhookUrl, receiver.url + paths[0]);
  assert.equal(request.headers['x-novu-signature'], createHmac('sha256', secretKey).update(request.text).digest('hex'));
});

fact('without a secret there is no signature, and a channel is handed on', async () => {
  const integration = await make.integration({ providerId: 'chat-webhook' });
  const subscriber = await make.subscriber();
  const path = `/${unique('hook')}`;
  await make.endpoint({ integration, subscriber, endpoint: { url: receiver.url + path, channel: 'general' } });
  await finished(api, await send(subscriber));
  const [request] = receiver.requests(path);
  assert.equal(request.headers['x-novu-signature'], undefined);
  assert.equal(request.json.channel, 'general');
});

fact('a changed secret signs the next message', async () => {
  const integration = await make.integration({ providerId: 'chat-webhook', credentials: { secretKey: 'old' } });
  const subscriber = await make.subscriber();
  const path = `/${unique('hook')}`;
  await make.endpoint({ integration, subscriber, endpoint: { url: receiver.url + path } });
  await finished(api, await send(subscriber));
  dataOf(await api.put(`/v1/integrations/${integration._id}`, { credentials: { secretKey: 'new' }, check: false }));
  await finished(api, await send(subscriber));
  const [older, newer] = receiver.requests(path);
  const signature = (key, request) => createHmac('sha256', key).update(request.text).digest('hex');
  assert.equal(older.headers['x-novu-signature'], signature('old', older));
  assert.equal(newer.headers['x-novu-signature'], signature('new', newer));
});

fact('overrides change the body, the target and the address of one endpoint', async () => {
  const { subscriber, requests } = await webhooks([{}]);
  const providers = (values) => ({ overrides: { providers: { 'chat-webhook': values } } });
  await finished(api, await send(subscriber, providers({ extra: { deep: [1, 2] } })));
  assert.deepEqual(requests[0]()[0].json.extra, { deep: [1, 2] });

  const target = `/${unique('target')}`;
  await finished(api, await send(subscriber, providers({ webhookUrl: receiver.url + target })));
  assert.equal(receiver.requests(target).length, 1);
  assert.equal(requests[0]().length, 1);

  const path = `/${unique('address')}`;
  const [{ identifier }] = (await api.get(`/v1/channel-endpoints?subscriberId=${subscriber.subscriberId}`)).body.data;
  await finished(api, await send(subscriber, providers({ [identifier]: { endpoint: { url: receiver.url + path } } })));
  assert.equal(receiver.requests(path).length, 1);
  assert.equal(requests[0]().length, 1);
});

fact('Retry-After is waited for, then the message arrives', async () => {
  const { subscriber, requests } = await webhooks([{ status: 429, headers: { 'retry-after': '1' } }, {}]);
  const event = await send(subscriber);
  const [{ statuses }] = await finished(api, event);
  assert.deepEqual(statuses, ['completed']);
  const [refused, taken] = requests[0]();
  assert.equal(requests[0]().length, 2);
  assert.ok(taken.at - refused.at >= 1000, 'not before the time that was asked for');
  assert.equal(taken.text, refused.text);
  assert.deepEqual(await messageStatuses(event), ['sent']);
});

fact('trouble of the server is retried without being asked', async () => {
  const { subscriber, requests } = await webhooks([{ status: 500 }, {}]);
  const [{ statuses }] = await finished(api, await send(subscriber));
  assert.deepEqual(statuses, ['completed']);
  assert.equal(requests[0]().length, 2);
});

fact('a connection that is cut is retried', async () => {
  const gone = await startReceiver();
  const { port } = gone;
  await gone.stop();
  const subscriber = await make.subscriber();
  await make.endpoint({ integration: signed, subscriber, endpoint: { url: `http://127.0.0.1:${port}/closed` } });
  const event = await send(subscriber);
  await reaches(api, event, ['delayed']);
  await eventually(async () => assert.deepEqual(await messageStatuses(event), ['warning']));
});

fact('while a delivery waits its job is delayed and its message a warning', async () => {
  const { subscriber, requests } = await webhooks([LATER]);
  const event = await send(subscriber);
  const { details } = await reaches(api, event, ['delayed']);
  assert.ok(details.length > 0);
  await eventually(async () => assert.deepEqual(await messageStatuses(event), ['warning']));
  assert.equal(requests[0]().length, 1);
});

fact('a waiting delivery holds back neither its siblings nor the next step', async () => {
  const { subscriber, requests } = await webhooks([LATER], [{}]);
  const two = await make.workflow({ bodies: ['one {{payload.text}}', 'two {{payload.text}}'] });
  const event = await make.trigger(two, subscriber, { payload: { text: 'x' } });
  await eventually(() => assert.deepEqual(requests[1]().map((request) => request.json.content), ['one x', 'two x']));
  await reaches(api, event, ['delayed', 'delayed']);
  assert.deepEqual(requests[0]().map((request) => request.json.content), ['one x', 'two x']);
});

fact('a slow address delays no other', async () => {
  const stuck = await webhooks([LATER]);
  for (let number = 0; number < 5; number += 1) await send(stuck.subscriber);
  const { subscriber } = await webhooks([{}]);
  const [{ statuses }] = await finished(api, await send(subscriber));
  assert.deepEqual(statuses, ['completed']);
});

fact('what is refused for good is tried once and explained', async () => {
  const { subscriber, requests } = await webhooks([{ status: 400, body: 'no such room' }]);
  const event = await send(subscriber);
  const [{ statuses, details, raw }] = await finished(api, event);
  assert.deepEqual(statuses, ['failed']);
  assert.ok(details.includes('Unexpected provider error'), details);
  assert.ok(details.includes('All chat channels failed to send the message'), details);
  assert.match(raw, /400/);
  assert.deepEqual(await messageStatuses(event), ['error']);
  assert.equal(requests[0]().length, 1);
});

fact('of two addresses one may fail: the step is done and the failure explained', async () => {
  const { subscriber, requests } = await webhooks([{ status: 400 }], [{}]);
  const [{ statuses, details }] = await finished(api, await send(subscriber));
  assert.deepEqual(statuses, ['completed']);
  assert.deepEqual(requests.map((list) => list().length), [1, 1]);
  assert.ok(details.includes('Unexpected provider error') && details.includes('Message sent'), details);
});

fact('a failed step does not stop the next one', async () => {
  const { subscriber, requests } = await webhooks([{ status: 400 }, {}]);
  const two = await make.workflow({ bodies: ['one', 'two'] });
  const [{ statuses }] = await finished(api, await make.trigger(two, subscriber));
  assert.deepEqual(statuses, ['failed', 'completed']);
  assert.deepEqual(requests[0]().map((request) => request.json.content), ['one', 'two']);
});

fact('a redirect is no delivery, and is not followed to where a customer may not send us', async () => {
  const { subscriber, requests } = await webhooks([{ status: 302, headers: { location: 'http://169.254.169.254/latest/meta-data' } }]);
  const [{ statuses }] = await finished(api, await send(subscriber));
  assert.deepEqual(statuses, ['failed']);
  assert.equal(requests[0]().length, 1);
});

// Slack, as it answers when the emulator cannot

async function inSlack(...answers) {
  const integration = await make.integration();
  const subscriber = await make.subscriber();
  const accessToken = unique('xoxb-token');
  const connection = await make.connection({ integration, subscriber, auth: { accessToken } });
  await make.endpoint({ integration, subscriber, connection, type: 'slack_channel', endpoint: { channelId: 'C1' } });
  slack.answers('/api/chat.postMessage', ...answers);
  const requests = () => slack.requests('/api/chat.postMessage').filter(({ headers }) => headers.authorization === `Bearer ${accessToken}`);
  return { subscriber, requests };
}

const posted = { body: { ok: true, channel: 'C1', ts: '1700000000.000100' } };

fact('Slack is called as its documentation asks', async () => {
  const { subscriber, requests } = await inSlack(posted);
  const event = await send(subscriber, { payload: { text: 'hello' } });
  const [{ statuses }] = await finished(api, event);
  assert.deepEqual(statuses, ['completed']);
  const [request] = requests();
  assert.match(request.headers['content-type'], /^application\/json/);
  assert.deepEqual([request.json.channel, request.json.text], ['C1', 'hello']);
});

fact("Slack's 429 is waited for", async () => {
  const { subscriber, requests } = await inSlack({ status: 429, headers: { 'retry-after': '1' }, body: { ok: false, error: 'ratelimited' } }, posted);
  const [{ statuses }] = await finished(api, await send(subscriber));
  assert.deepEqual(statuses, ['completed']);
  const [refused, taken] = requests();
  assert.ok(taken.at - refused.at >= 1000);
});

fact('an error in a 200 of Slack is an error', async () => {
  for (const error of ['channel_not_found', 'is_archived', 'not_in_channel', 'msg_too_long']) {
    const { subscriber, requests } = await inSlack({ body: { ok: false, error } });
    const [{ statuses, raw }] = await finished(api, await send(subscriber));
    assert.deepEqual(statuses, ['failed'], error);
    assert.ok(raw.includes(error), raw);
    assert.equal(requests().length, 1);
  }
});
