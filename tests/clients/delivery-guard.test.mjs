import assert from 'node:assert/strict';
import { after } from 'node:test';
import { finished } from './harness/activity.mjs';
import { fact } from './harness/contract.mjs';
import { startReceiver } from './harness/fake-receiver.mjs';
import { startServer } from './harness/server.mjs';
import { unique, world } from './harness/world.mjs';

const receiver = await startReceiver();
after(() => receiver.stop());
const strict = await startServer();
after(() => strict.stop());
const open = await startServer({ settings: { CAMPANILE_ALLOW_PRIVATE_NETWORKS: 'true' } });
after(() => open.stop());

/** Sends one message to a webhook at `url` and tells how it ended. */
async function sendTo(server, url, rest = {}) {
  const { api, ...make } = world(server);
  const integration = await make.integration({ providerId: 'chat-webhook' });
  const subscriber = await make.subscriber();
  await make.endpoint({ integration, subscriber, endpoint: { url } });
  const workflow = await make.workflow({ bodies: ['x'] });
  const [story] = await finished(api, await make.trigger(workflow, subscriber, rest));
  return story;
}

const loopback = ['127.0.0.1', '127.1', '0x7f.1', '2130706433', '[::1]', '[::ffff:127.0.0.1]', 'localhost', '0.0.0.0'];
const elsewhere = ['10.0.0.1', '172.16.0.1', '192.168.0.1', '169.254.169.254', '100.64.0.1', '[fd00::1]', '[fe80::1]', '[64:ff9b::7f00:1]'];

fact('addresses of the own machine and network are never called', async () => {
  for (const host of [...loopback, ...elsewhere]) {
    const { statuses, details, raw } = await sendTo(strict, `http://${host}:${receiver.port}/${unique('hook')}`);
    assert.deepEqual(statuses, ['failed'], host);
    assert.match(`${details}\n${raw}`, /block/i, host);
  }
  assert.deepEqual(receiver.requests(), []);
});

fact('neither are they when a trigger names them', async () => {
  const url = `${receiver.url}/${unique('hook')}`;
  const stories = [
    await sendTo(strict, 'http://192.168.0.1/', { overrides: { providers: { 'chat-webhook': { webhookUrl: url } } } }),
    await sendTo(strict, 'http://192.168.0.1/', { payload: { webhookUrl: url } }),
  ];
  for (const { statuses } of stories) assert.deepEqual(statuses, ['failed']);
  assert.deepEqual(receiver.requests(), []);
});

fact('only http and https are spoken', async () => {
  for (const url of ['ftp://example.com/x', 'file:///etc/passwd', 'gopher://example.com/', 'not a url']) {
    const { statuses } = await sendTo(strict, url);
    assert.deepEqual(statuses, ['failed'], url);
  }
});

fact('private networks can be allowed, metadata addresses cannot', async () => {
  const path = `/${unique('hook')}`;
  assert.deepEqual((await sendTo(open, receiver.url + path)).statuses, ['completed']);
  assert.equal(receiver.requests(path).length, 1);
  for (const host of ['169.254.169.254', '[::ffff:169.254.169.254]', '[fd00:ec2::254]']) {
    const { statuses, details, raw } = await sendTo(open, `http://${host}/latest/meta-data`);
    assert.deepEqual(statuses, ['failed'], host);
    assert.match(`${details}\n${raw}`, /block/i, host);
  }
});
