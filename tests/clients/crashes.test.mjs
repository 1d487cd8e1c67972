// What a process that is killed leaves behind of what it had under way: the real binary and SIGKILL, at many moments.
// Nothing that was accepted is lost, and nothing is planned twice.
import assert from 'node:assert/strict';
import { after } from 'node:test';
import { setTimeout as pause } from 'node:timers/promises';
import { fact } from './harness/contract.mjs';
import { startReceiver } from './harness/fake-receiver.mjs';
import { assertStatus, dataOf } from './harness/http.mjs';
import { outlive } from './harness/outlive.mjs';
import { eventually } from './harness/process.mjs';
import { onPostgres, startServer } from './harness/server.mjs';
import { unique, world } from './harness/world.mjs';

const receiver = await startReceiver();
after(() => receiver.stop());
const server = await startServer({
  // Dev mode has a clock to move, on SQLite alone.
  args: onPostgres ? [] : ['--dev'],
  settings: { CAMPANILE_ALLOW_PRIVATE_NETWORKS: onPostgres ? 'true' : null },
});
after(() => server.stop());

const { api, ...make } = world(server);
const inApp = (body) => ({ type: 'in_app', name: 'In-app', controlValues: { body } });

async function crowd(count) {
  const ids = Array.from({ length: count }, () => unique('member'));
  for (let from = 0; from < count; from += 500) {
    assertStatus(await api.post('/v1/subscribers/bulk', { subscribers: ids.slice(from, from + 500).map((subscriberId) => ({ subscriberId })) }), 201);
  }
  return ids;
}

/** All messages of an event. */
async function messages({ transactionId }) {
  const all = [];
  for (let page = 0; ; page += 1) {
    const { data, hasMore } = (await api.get(`/v1/messages?transactionId=${transactionId}&limit=1000&page=${page}`)).body;
    all.push(...data);
    if (!hasMore) return all;
  }
}

/** Dies without a warning and comes back, with time for nobody else to have noticed. */
async function dies() {
  await server.kill();
  await server.startAgain();
}

fact('a process that is killed during a fan-out is followed by one that goes on where it was', async () => {
  const members = await crowd(1500);
  const topicKey = unique('topic');
  for (let from = 0; from < members.length; from += 100) {
    assertStatus(await api.post(`/v2/topics/${topicKey}/subscriptions`, { subscriberIds: members.slice(from, from + 100) }), 201);
  }
  const workflow = await make.workflow({ steps: [inApp('hello')] });
  const event = await make.trigger(workflow, { type: 'Topic', topicKey });
  let deaths = 0;
  let planned = 0;
  while (planned < members.length) {
    const before = planned;
    planned = await eventually(async () => {
      const { length } = await messages(event);
      assert.ok(length > before);
      return length;
    });
    if (planned === members.length) break;
    await dies();
    await outlive(server);
    deaths += 1;
    planned = (await messages(event)).length;
    assert.ok(planned >= before, 'what was committed is still there');
  }
  const reached = (await messages(event)).map(({ subscriber }) => subscriber.subscriberId);
  assert.equal(reached.length, members.length);
  assert.deepEqual([...new Set(reached)].sort(), members.sort());
  assert.ok(deaths > 0, 'it was planned before it could be killed');
});

fact('a process that is killed while digests close sends each of them once, whole', async () => {
  const people = await crowd(60);
  // Long enough for all to be collected before it is over.
  const seconds = onPostgres ? 8 : 3600;
  const collect = { type: 'digest', name: 'Digest', stepId: 'collect', controlValues: { type: 'regular', amount: seconds, unit: 'seconds' } };
  const workflow = await make.workflow({ steps: [collect, inApp('{{steps.collect.eventCount}}')] });
  const stand = ({ transactionId }, status) =>
    eventually(async () => {
      for (const [page, count] of [[0, 50], [1, people.length - 50]]) {
        const { data } = (await api.get(`/v1/notifications?transactionId=${transactionId}&limit=50&page=${page}`)).body;
        assert.equal(data.filter(({ jobs }) => jobs[1].status === status).length, count);
      }
    });
  const first = await make.trigger(workflow, people);
  await stand(first, 'delayed');
  const second = await make.trigger(workflow, people);
  await stand(second, 'merged');
  if (!onPostgres) assertStatus(await api.post('/dev/clock/advance', { seconds }), 200);
  for (const wait of [0, 3, 9, 20, 40]) {
    const { length } = await eventually(async () => {
      const sent = await messages(first);
      assert.ok(sent.length > 0);
      return sent;
    });
    if (length === people.length) break;
    await pause(wait);
    await dies();
    await outlive(server);
  }
  const sent = await eventually(async () => {
    const sent = await messages(first);
    assert.equal(sent.length, people.length);
    return sent;
  });
  assert.deepEqual([...new Set(sent.map(({ content }) => content))], ['2']);
  assert.equal(new Set(sent.map(({ subscriber }) => subscriber.subscriberId)).size, people.length);
  assert.equal((await messages(second)).length, 0);
});

fact('a process that is killed between what it accepted, rendered and sent loses no message and plans none twice', async () => {
  const integration = await make.integration({ providerId: 'chat-webhook' });
  const subscriber = await make.subscriber();
  const path = `/${unique('hook')}`;
  await make.endpoint({ integration, subscriber, endpoint: { url: receiver.url + path } });
  const workflow = await make.workflow({ bodies: ['{{payload.text}}', 'then {{payload.text}}'] });
  const accepted = [];
  for (const wait of [0, 2, 5, 10, 20, 35, 60]) {
    const triggers = Array.from({ length: 12 }, async () => {
      const text = unique('text');
      const event = await make.trigger(workflow, subscriber, { payload: { text } }).catch(() => undefined);
      // What was not answered may or may not have been accepted.
      if (event) accepted.push({ ...event, text });
    });
    await pause(wait);
    await dies();
    await Promise.all(triggers);
    await outlive(server);
  }
  assert.ok(accepted.length > 0);
  for (const event of accepted) {
    const made = await eventually(async () => {
      const made = await messages(event);
      assert.deepEqual(made.map(({ status }) => status), ['sent', 'sent']);
      return made;
    });
    assert.deepEqual(made.map(({ content }) => content).sort(), [event.text, `then ${event.text}`]);
  }
  const arrived = receiver.requests(path).map(({ json }) => JSON.stringify(json));
  for (const { text } of accepted) {
    assert.ok(arrived.some((one) => one.includes(`"${text}"`)), `${text} arrived`);
    assert.ok(arrived.some((one) => one.includes(`"then ${text}"`)), `then ${text} arrived`);
  }
});
