import assert from 'node:assert/strict';
import { after } from 'node:test';
import { finished } from './harness/activity.mjs';
import { covers, fact } from './harness/contract.mjs';
import { dataOf } from './harness/http.mjs';
import { sdk } from './harness/novu.mjs';
import { eventually } from './harness/process.mjs';
import { startServer } from './harness/server.mjs';
import { unique, world } from './harness/world.mjs';

const server = await startServer();
after(() => server.stop());

const { api, ...make } = world(server);
const novu = sdk(server);

const inApp = (body) => ({ type: 'in_app', name: 'In-app', controlValues: { body } });
const digest = (controls) => ({ type: 'digest', name: 'Digest', stepId: 'collect', controlValues: controls });
const stories = async ({ transactionId }) => dataOf(await api.get(`/v1/notifications?transactionId=${transactionId}`));
const statuses = ({ jobs }) => jobs.slice(1).map(({ type, status }) => `${type} ${status}`);
const waitsFor = (event, wanted) => eventually(async () => {
  const [story] = await stories(event);
  assert.deepEqual(statuses(story), wanted);
  return story;
});
const contents = async (event) => dataOf(await api.get(`/v1/messages?transactionId=${event.transactionId}`)).map(({ content }) => content);

fact('a delay holds the steps after it, and then they run', async () => {
  const workflow = await make.workflow({ steps: [{ type: 'delay', name: 'Delay', controlValues: { type: 'regular', amount: 1, unit: 'seconds' } }, inApp('late')] });
  const event = await make.trigger(workflow, await make.subscriber());
  await waitsFor(event, ['delay delayed', 'in_app pending']);
  await waitsFor(event, ['delay completed', 'in_app completed']);
  assert.deepEqual(await contents(event), ['late']);
});

fact('events that come while a digest is open are in it, once', async () => {
  const workflow = await make.workflow({ steps: [digest({ type: 'regular', amount: 3, unit: 'seconds' }), inApp("{{ steps.collect.eventCount }}: {{ steps.collect.events | map: 'payload' | map: 'n' | join: ',' }}")] });
  const subscriber = await make.subscriber();
  const first = await make.trigger(workflow, subscriber, { payload: { n: 1 } });
  await waitsFor(first, ['digest delayed', 'in_app pending']);
  const second = await make.trigger(workflow, subscriber, { payload: { n: 2 } });
  const merged = await waitsFor(second, ['digest merged', 'in_app merged']);
  const opener = await waitsFor(first, ['digest completed', 'in_app completed']);
  assert.deepEqual([merged._digestedNotificationId, opener._digestedNotificationId], [opener._id, undefined]);
  assert.deepEqual(await contents(first), ['2: 1,2']);
  assert.deepEqual(await contents(second), []);
});

fact('a throttle lets so many through and no more, however many come at once', async () => {
  const workflow = await make.workflow({ steps: [{ type: 'throttle', name: 'Throttle', controlValues: { type: 'fixed', amount: 1, unit: 'hours', threshold: 2 } }, inApp('through')] });
  const subscriber = await make.subscriber();
  const events = await Promise.all(Array.from({ length: 10 }, () => make.trigger(workflow, subscriber)));
  const ends = await Promise.all(events.map(async (event) => {
    const [{ notification }] = await finished(api, event);
    return statuses(notification).join();
  }));
  assert.equal(ends.filter((end) => end === 'throttle completed,in_app completed').length, 2);
  assert.equal(ends.filter((end) => end === 'throttle skipped,in_app skipped').length, 8);
});

fact('what waits of an event is cancelled, and nothing else', covers('EventsController_cancel'), async () => {
  const workflow = await make.workflow({ steps: [{ type: 'delay', name: 'Delay', controlValues: { type: 'regular', amount: 1, unit: 'days' } }, inApp('never')] });
  const event = await make.trigger(workflow, await make.subscriber());
  await waitsFor(event, ['delay delayed', 'in_app pending']);
  assert.equal((await novu.cancel(event.transactionId)).result, true);
  await waitsFor(event, ['delay canceled', 'in_app canceled']);
  assert.equal((await novu.cancel(event.transactionId)).result, false);
  assert.equal((await novu.cancel(unique('unknown'))).result, false);
});

fact('when the event that opened a digest is cancelled, the oldest of the others goes on with it', async () => {
  const workflow = await make.workflow({ steps: [digest({ type: 'regular', amount: 4, unit: 'seconds' }), inApp("{{ steps.collect.events | map: 'payload' | map: 'n' | join: ',' }}")] });
  const subscriber = await make.subscriber();
  const first = await make.trigger(workflow, subscriber, { payload: { n: 1 } });
  await waitsFor(first, ['digest delayed', 'in_app pending']);
  const second = await make.trigger(workflow, subscriber, { payload: { n: 2 } });
  await waitsFor(second, ['digest merged', 'in_app merged']);
  const third = await make.trigger(workflow, subscriber, { payload: { n: 3 } });
  await waitsFor(third, ['digest merged', 'in_app merged']);
  assert.equal((await novu.cancel(first.transactionId)).result, true);
  await waitsFor(first, ['digest canceled', 'in_app canceled']);
  await waitsFor(second, ['digest completed', 'in_app completed']);
  assert.deepEqual(await contents(second), ['2,3']);
  assert.deepEqual(statuses((await stories(third))[0]), ['digest merged', 'in_app merged']);
});
