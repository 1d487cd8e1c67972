import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { request } from 'node:http';
import { after } from 'node:test';
import { promisify } from 'node:util';
import { finished, reaches } from './harness/activity.mjs';
import { picture, startBrowser } from './harness/browser.mjs';
import { fact } from './harness/contract.mjs';
import { startReceiver } from './harness/fake-receiver.mjs';
import { dataOf } from './harness/http.mjs';
import { eventually } from './harness/process.mjs';
import { launchServer, startServer } from './harness/server.mjs';
import { unique, world } from './harness/world.mjs';

const run = promisify(execFile);

const receiver = await startReceiver();
after(() => receiver.stop());
const server = await startServer({ args: ['--dev'] });
after(() => server.stop());

const { api, ...make } = world(server);

const outbox = async (of = server) => (await (await fetch(`${of.url}/dev/outbox`)).json()).data;

/** The printed command that triggers the example, as a shell would read it. */
const printedCommand = (of) => /^[^\S\n]*(curl (?:[^\n]*\\\n)*[^\n]*)$/m.exec(of.output())?.[1];

async function triggersTheExample(of) {
  const command = await eventually(() => {
    const printed = printedCommand(of);
    assert.ok(printed, `no curl line in:\n${of.output()}`);
    return printed;
  });
  const { stdout } = await run('bash', ['-c', command], { env: of.env, cwd: of.dataDir });
  assert.match(stdout, /"status":\s*"processed"/);
  return eventually(async () => {
    const [message] = await outbox(of);
    assert.equal(message?.subscriberId, 'demo');
    return message;
  });
}

fact('the printed command triggers the example, and its message is in the outbox', async () => {
  const message = await triggersTheExample(server);
  assert.equal(message.channel, 'chat');
  assert.ok(message.content);
  assert.ok(!server.output().includes(server.keys.development), 'a key that was given is never printed');
});

fact('the command works as printed when the keys were generated', async () => {
  const fresh = await startServer({
    args: ['--dev'],
    settings: {
      CAMPANILE_BOOTSTRAP_SECRET_KEY: null,
      CAMPANILE_BOOTSTRAP_APPLICATION_IDENTIFIER: null,
      CAMPANILE_BOOTSTRAP_PRODUCTION_SECRET_KEY: null,
      CAMPANILE_BOOTSTRAP_PRODUCTION_APPLICATION_IDENTIFIER: null,
    },
  });
  try {
    await triggersTheExample(fresh);
  } finally {
    await fresh.stop();
  }
});

fact('dev mode begins with an example', async () => {
  assert.equal(dataOf(await api.get('/v2/workflows/welcome')).status, 'ACTIVE');
  assert.equal(dataOf(await api.get('/v2/subscribers/demo')).subscriberId, 'demo');
  const list = async (path) => (await api.get(`${path}?subscriberId=demo`)).body.data;
  const [endpoint] = await list('/v1/channel-endpoints');
  const [connection] = await list('/v1/channel-connections');
  assert.equal(endpoint.connectionIdentifier, connection.identifier);
  assert.equal(endpoint.channel, 'chat');
});

fact('the outbox shows the request that would have gone out, newest first', async () => {
  const integration = await make.integration();
  const subscriber = await make.subscriber();
  const connection = await make.connection({ integration, subscriber });
  await make.endpoint({ integration, subscriber, connection, type: 'slack_channel', endpoint: { channelId: 'C0OUT' } });
  const workflow = await make.workflow();
  for (const name of ['first', 'second']) await finished(api, await make.trigger(workflow, subscriber, { payload: { name } }));
  const messages = (await outbox()).filter(({ integrationIdentifier }) => integrationIdentifier === integration.identifier);
  assert.deepEqual(messages.map(({ content }) => content), ['Hello second', 'Hello first']);
  const [message] = messages;
  assert.deepEqual([message.channel, message.providerId, message.subscriberId], ['chat', 'slack', subscriber.subscriberId]);
  assert.ok(message.id);
  assert.ok(Date.parse(message.at) <= Date.now());
  assert.match(JSON.stringify(message.to), /C0OUT/);
  assert.equal(message.request.method, 'POST');
  assert.equal(message.request.url, 'https://slack.com/api/chat.postMessage');
  const body = typeof message.request.body === 'string' ? JSON.parse(message.request.body) : message.request.body;
  assert.deepEqual([body.channel, body.text], ['C0OUT', 'Hello second']);
  assert.equal(typeof message.request.headers, 'object');
});

fact('what is addressed to loopback is really sent', async () => {
  const integration = await make.integration({ providerId: 'chat-webhook' });
  const subscriber = await make.subscriber();
  const path = `/${unique('hook')}`;
  await make.endpoint({ integration, subscriber, endpoint: { url: receiver.url + path } });
  const [{ statuses }] = await finished(api, await make.trigger(await make.workflow(), subscriber));
  assert.deepEqual(statuses, ['completed']);
  assert.equal(receiver.requests(path).length, 1);
});

fact('what is addressed elsewhere goes to the outbox', async () => {
  const integration = await make.integration({ providerId: 'discord' });
  const subscriber = await make.subscriber();
  await make.endpoint({ integration, subscriber, endpoint: { url: 'https://discord.example.com/api/webhooks/1/x' } });
  const [{ statuses }] = await finished(api, await make.trigger(await make.workflow(), subscriber));
  assert.deepEqual(statuses, ['completed']);
  const message = (await outbox()).find(({ integrationIdentifier }) => integrationIdentifier === integration.identifier);
  assert.match(message.request.url, /^https:\/\/discord\.example\.com\/api\/webhooks\/1\/\*\*\*\?wait=true$/);
});

fact('the developer routes answer neither other hosts nor other origins', async () => {
  const { hostname, port } = new URL(server.url);
  const status = (headers) =>
    new Promise((resolve, reject) => {
      request({ hostname, port, path: '/dev/outbox', headers }, (response) => resolve(response.resume().statusCode)).on('error', reject).end();
    });
  assert.equal(await status({ host: `${hostname}:${port}` }), 200);
  assert.equal(await status({ host: `localhost:${port}` }), 200);
  for (const headers of [{ host: 'attacker.example' }, { host: `${hostname}:${port}`, origin: 'https://attacker.example' }]) {
    const refused = await status(headers);
    assert.ok([400, 401, 403, 404].includes(refused), `answered ${refused}`);
  }
  const response = await fetch(`${server.url}/dev/outbox`);
  assert.equal(response.headers.get('access-control-allow-origin'), null);
});

fact('the outbox page shows messages as they come, and only as text', async () => {
  const browser = await startBrowser();
  try {
    const page = await browser.newPage({ viewport: { width: 1100, height: 700 } });
    const troubles = [];
    page.on('pageerror', (error) => troubles.push(error.message));
    await page.goto(`${server.url}/dev`);
    const word = unique('live');
    await make.trigger({ workflowId: 'welcome' }, 'demo', { payload: { name: word } });
    const integration = await make.integration();
    const subscriber = await make.subscriber();
    const connection = await make.connection({ integration, subscriber });
    await make.endpoint({ integration, subscriber, connection, type: 'slack_channel', endpoint: { channelId: 'C0PAGE' } });
    const name = `${word} <img src="planted" onerror="document.title='planted'">`;
    await make.trigger(await make.workflow(), subscriber, { payload: { name } });
    await page.getByText(name, { exact: false }).first().waitFor({ timeout: 60_000 });
    assert.ok((await page.getByText('C0PAGE', { exact: false }).count()) > 0, 'the request is shown');
    assert.equal(await page.locator('img[src="planted"]').count(), 0);
    assert.notEqual(await page.title(), 'planted');
    assert.deepEqual(troubles, []);
    await picture(page, 'outbox');
  } finally {
    await browser.close();
  }
});

/** Starts a server that must refuse to, and returns what it said. */
async function refusesToStart(options) {
  const { program } = await launchServer(options);
  try {
    await eventually(() => assert.ok(program.hasEnded, `it started:\n${program.output()}`));
  } finally {
    await program.stop();
  }
  const { code } = await program.ended;
  assert.ok(code > 0, `left with ${code}`);
  return program.output();
}

fact('dev mode keeps to loopback', async () => {
  assert.match(await refusesToStart({ args: ['--dev'], settings: { CAMPANILE_LISTEN: '0.0.0.0:0' } }), /loopback/i);
});

fact('a database belongs to dev mode or it does not', async () => {
  const dev = await startServer({ args: ['--dev'] });
  await dev.stop();
  assert.match(await refusesToStart({ dataDir: dev.dataDir }), /--dev/);
  const plain = await startServer();
  await plain.stop();
  await refusesToStart({ args: ['--dev'], dataDir: plain.dataDir });
});

const advance = (body, of = server) =>
  fetch(`${of.url}/dev/clock/advance`, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify(body),
  });

fact('a retry that is due tomorrow goes out at once when the clock is moved there', async () => {
  const integration = await make.integration({ providerId: 'chat-webhook' });
  const subscriber = await make.subscriber();
  const path = `/${unique('later')}`;
  receiver.answers(path, { status: 503, headers: { 'retry-after': '50000' } }, {});
  await make.endpoint({ integration, subscriber, endpoint: { url: receiver.url + path } });
  const event = await make.trigger(await make.workflow(), subscriber);
  await eventually(() => assert.equal(receiver.requests(path).length, 1));
  await reaches(api, event, ['delayed']);
  const before = Date.now();
  const response = await advance({ seconds: 50000 });
  assert.equal(response.status, 200);
  const { now } = (await response.json()).data;
  assert.ok(Date.parse(now) - before >= 50_000_000);
  const [{ statuses }] = await finished(api, event);
  assert.deepEqual(statuses, ['completed']);
  assert.equal(receiver.requests(path).length, 2);
});

fact('the clock goes forward only, by whole seconds, and not beyond the time that ids can hold', async () => {
  for (const seconds of [0, -1, 1.5, 'soon', null]) assert.equal((await advance({ seconds })).status, 422, `${seconds}`);
  assert.equal((await advance({})).status, 422);
  for (const seconds of [4_000_000_000, Number.MAX_SAFE_INTEGER]) {
    const refused = await advance({ seconds });
    assert.equal(refused.status, 400);
    assert.match((await refused.json()).message, /2100/);
  }
  const foreign = await fetch(`${server.url}/dev/clock/advance`, {
    method: 'POST',
    headers: { origin: 'https://attacker.example', 'content-type': 'application/json' },
    body: '{"seconds":1}',
  });
  assert.equal(foreign.status, 403);
});

fact('a clock that was moved does not go back at a restart', async () => {
  const first = await startServer({ args: ['--dev'], keepDatabase: true });
  const { now } = (await (await advance({ seconds: 86_400 }, first)).json()).data;
  await first.stop();
  const second = await startServer({ args: ['--dev'], dataDir: first.dataDir, keepDatabase: true });
  try {
    const later = (await (await advance({ seconds: 1 }, second)).json()).data.now;
    assert.ok(Date.parse(later) > Date.parse(now), `${later} is not after ${now}`);
  } finally {
    await second.stop();
  }
});

fact('without dev mode there is no clock to move', async () => {
  const plain = await startServer();
  try {
    assert.equal((await advance({ seconds: 1 }, plain)).status, 404);
  } finally {
    await plain.stop();
  }
});
