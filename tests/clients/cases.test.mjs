// The cases of the original's own end-to-end suite, as far as they have a counterpart in today's API: what is given, and
// what must come of it. Left out are those of its older API (variants, tenants, filters and steps of the first version),
// of its cloud, and of what is not served here yet (bridge, feeds, waiting for an answer). Each has the number of its case.
import assert from 'node:assert/strict';
import { after } from 'node:test';
import { finished, messagesOf, notificationsOf, reaches } from './harness/activity.mjs';
import { fact } from './harness/contract.mjs';
import { assertInvalid, assertRefused, assertStatus, dataOf } from './harness/http.mjs';
import { sdk } from './harness/novu.mjs';
import { eventually } from './harness/process.mjs';
import { startServer } from './harness/server.mjs';
import { unique, world } from './harness/world.mjs';

const server = await startServer({ args: ['--dev'] });
after(() => server.stop());

const { api, ...make } = world(server);
const novu = sdk(server);
const sendgrid = await make.integration({ providerId: 'sendgrid', channel: 'email' });
await make.integration({ providerId: 'twilio', channel: 'sms' });

const step = (type, controlValues, stepId) => ({ type, name: type, ...(stepId && { stepId }), controlValues });
const inApp = (body = 'hello') => step('in_app', { body });
const email = (body = 'hello', rest = {}) => step('email', { subject: 'S', body, editorType: 'html', ...rest });
const sms = (body = 'hello') => step('sms', { body });
const delay = (controls) => step('delay', controls, 'wait');
const digest = (controls) => step('digest', controls, 'collect');
const throttle = (controls) => step('throttle', controls, 'brake');
const hours = (amount, rest = {}) => ({ type: 'regular', amount, unit: 'hours', ...rest });
const urgentOnly = { '==': [{ var: 'payload.kind' }, 'urgent'] };
const COUNT = 'total digested: {{ steps.collect.eventCount | default: 0 }}';

const person = (rest = {}) => make.subscriber({ email: `${unique('mail')}@example.com`, phone: '+15550100', ...rest });
const workflow = (steps, rest = {}) => make.workflow({ steps, ...rest });
const trigger = async (of, to, rest = {}) => (await novu.trigger({ workflowId: of.workflowId, to: to._id ? to.subscriberId : to, ...rest })).result;
const HOUR = 3600;
const advance = (seconds) =>
  fetch(`${server.url}/dev/clock/advance`, { method: 'POST', headers: { 'content-type': 'application/json' }, body: JSON.stringify({ seconds }) });
/** The end of an event's only notification, with its messages in the order in which they were made. */
async function ended(event) {
  const [told] = await finished(api, event);
  return { ...told, messages: (await messagesOf(api, event)).reverse() };
}
const sent = async (of, to, rest = {}) => ended(await trigger(of, to, rest));
const contents = async (event) => (await messagesOf(api, event)).reverse().map(({ content }) => content);
/** How many of these events' first steps have each status. */
async function standing(events, at = 0) {
  const counts = {};
  for (const event of events) {
    const [notification] = await notificationsOf(api, event);
    const status = notification?.jobs[at + 1]?.status ?? 'unplanned';
    counts[status] = (counts[status] ?? 0) + 1;
  }
  return counts;
}
const stand = (events, wanted) => eventually(async () => assert.deepEqual(await standing(events), wanted));
const explained = async (event, { subscriberId }) => dataOf(await api.get(`/v1/events/${event.transactionId}/explain?subscriberId=${subscriberId}`));
const outbox = async () => dataOf(await api.get('/dev/outbox'))[0];
const times = (count, make) => Promise.all(Array.from({ length: count }, (_, at) => make(at)));
const of = (details, detail) => details.filter((one) => one === detail).length;
const SKIPPED = 'Step was skipped based on steps conditions';

const cases = [
  // Trigger

  [1, 'a known workflow for a known subscriber is processed', async () => {
    const { status, acknowledged, transactionId } = await trigger(await workflow([inApp()]), await person());
    assert.deepEqual([status, acknowledged, typeof transactionId], ['processed', true, 'string']);
  }],
  [2, 'an unknown tenant is acknowledged as such', async () => {
    const { status } = await trigger(await workflow([inApp()]), await person(), { tenant: { identifier: 'nobody' } });
    assert.equal(status, 'no_tenant_found');
  }],
  [4, 'a workflow without steps is acknowledged as such', async () => {
    assert.equal((await trigger(await workflow([]), await person())).status, 'no_workflow_steps_defined');
  }],
  [5, 'an unknown subscriber is made with the profile that the trigger brings', async () => {
    const profile = { subscriberId: unique('new'), firstName: 'Ann', lastName: 'Lee', email: 'ann@example.com', locale: 'en_GB', data: { plan: 'pro' } };
    await sent(await workflow([inApp()]), profile);
    const stored = dataOf(await api.get(`/v2/subscribers/${profile.subscriberId}`));
    for (const [name, value] of Object.entries(profile)) assert.deepEqual(stored[name], value, name);
  }],
  [7, 'a second trigger without e-mail keeps the first one’s', async () => {
    const of = await workflow([inApp()]);
    const subscriberId = unique('new');
    await sent(of, { subscriberId, email: 'ann@example.com' });
    await sent(of, { subscriberId, firstName: 'Ann' });
    const { email: kept, firstName } = dataOf(await api.get(`/v2/subscribers/${subscriberId}`));
    assert.deepEqual([kept, firstName], ['ann@example.com', 'Ann']);
  }],
  [8, 'channels in a recipient become one entry with address and tokens', async () => {
    await make.integration({ providerId: 'slack' });
    const subscriberId = unique('new');
    const credentials = { webhookUrl: 'https://hooks.example.com/1', deviceTokens: ['1', '2'] };
    await sent(await workflow([inApp()]), { subscriberId, channels: [{ providerId: 'slack', credentials }] });
    const { channels } = dataOf(await api.get(`/v2/subscribers/${subscriberId}`));
    assert.equal(channels.length, 1);
    assert.deepEqual([channels[0].providerId, channels[0].credentials], ['slack', credentials]);
  }],
  [10, 'a recipient of the override gets the mail, and the subscriber stays as they are', async () => {
    const ann = await person();
    const { messages: [message], details } = await sent(await workflow([email()]), ann, { overrides: { email: { toRecipient: 'other@example.com' } } });
    assert.deepEqual([message.email, message.status], ['other@example.com', 'sent']);
    assert.equal(dataOf(await api.get(`/v2/subscribers/${ann.subscriberId}`)).email, ann.email);
    assert.ok(!details.some((detail) => /fail/i.test(detail)), details);
  }],
  [11, 'a workflow of two channels makes one notification and a message for each', async () => {
    const steps = [step('in_app', { body: 'Hi {{subscriber.firstName}}', redirect: { url: '/order/{{payload.id}}', target: '_self' } }), email()];
    const { messages, notification } = await sent(await workflow(steps), await person({ firstName: 'Ann' }), {
      payload: { id: 7, attachments: [{ name: 'a.txt', file: Buffer.from('a').toString('base64') }] },
    });
    assert.deepEqual(messages.map(({ channel }) => channel), ['in_app', 'email']);
    const [feed] = messages;
    assert.deepEqual([feed.content, feed.seen, feed.cta.data.url], ['Hi Ann', false, '/order/7']);
    assert.ok(!JSON.stringify(notification.payload).includes('"file"'));
  }],
  [13, 'the jobs of three steps count four: the trigger is one of them', async () => {
    const { notification } = await sent(await workflow([inApp(), email(), sms()]), await person());
    assert.deepEqual(notification.jobs.map(({ type }) => type), ['trigger', 'in_app', 'email', 'sms']);
  }],
  [14, 'jobs and messages name their provider', async () => {
    const { notification, messages } = await sent(await workflow([inApp(), email()]), await person());
    assert.deepEqual(notification.jobs.slice(1).map(({ providerId }) => providerId), ['novu', 'sendgrid']);
    assert.deepEqual(messages.map(({ providerId }) => providerId), ['novu', 'sendgrid']);
  }],
  [17, 'the subscriber’s name is in all channels', async () => {
    const body = 'Dear {{subscriber.lastName}}';
    const { messages } = await sent(await workflow([inApp(body), sms(body), email(body)]), await person({ lastName: 'Lee' }));
    for (const { content } of messages) assert.match(content, /Dear Lee/);
    assert.equal(messages.length, 3);
  }],
  [20, 'a provider that is made primary between two triggers sends the second', async () => {
    const of = await workflow([email()]);
    const first = await sent(of, await person());
    const mailgun = await make.integration({ providerId: 'mailgun', channel: 'email' });
    await novu.integrations.setAsPrimary(mailgun._id);
    const second = await sent(of, await person());
    await novu.integrations.setAsPrimary(sendgrid._id);
    assert.deepEqual([first, second].map(({ messages }) => messages[0].providerId), ['sendgrid', 'mailgun']);
  }],
  [23, 'a default of the payload’s schema is rendered', async () => {
    const payloadSchema = { type: 'object', properties: { name: { type: 'string', default: 'friend' } } };
    const of = await workflow([inApp('Hi {{payload.name}}')], { payloadSchema, validatePayload: true });
    assert.equal((await sent(of, await person())).messages[0].content, 'Hi friend');
  }],
  [34, 'the integration that an override names is used', async () => {
    const other = await make.integration({ providerId: 'postmark', channel: 'email' });
    const { messages: [message] } = await sent(await workflow([email()]), await person(), { overrides: { email: { integrationIdentifier: other.identifier } } });
    assert.equal(message.providerId, 'postmark');
  }],
  [40, 'a subscriberId that is a list is refused with a sentence', async () => {
    const { workflowId: name } = await workflow([inApp()]);
    const refused = await api.post('/v1/events/trigger', { name, to: { subscriberId: ['a', 'b'] } });
    assertStatus(refused, 422);
    assert.match(refused.text, /is type array, which is not allowed please make sure all subscribers ids are strings/);
  }],
  [41, 'contexts of each form are stored', async () => {
    const [plain, id, data] = [unique('c'), unique('c'), unique('c')];
    const event = await trigger(await workflow([inApp()]), await person(), { context: { one: plain, two: { id }, three: { id: data, data: { x: 1 } } } });
    await ended(event);
    const stored = async (type, id) => dataOf(await api.get(`/v2/contexts/${type}/${id}`)).data;
    assert.deepEqual([await stored('one', plain), await stored('two', id), await stored('three', data)], [{}, {}, { x: 1 }]);
  }],
  [43, 'malformed contexts, and six of them, are refused', async () => {
    const body = { name: (await workflow([inApp()])).workflowId, to: 'ann' };
    for (const context of [{ tenant: 7 }, { 'not a type': 'x' }, Object.fromEntries('abcdef'.split('').map((type) => [type, 'x']))]) {
      assertStatus(await api.post('/v1/events/trigger', { ...body, context }), 422);
    }
  }],
  [44, 'contextKeys are on notification and message', async () => {
    const of = await workflow([inApp()]);
    const keysOf = ({ notification, messages }) => [notification.contextKeys, messages[0].contextKeys];
    const tenant = unique('c');
    const within = keysOf(await sent(of, await person(), { context: { tenant } }));
    const without = keysOf(await sent(of, await person()));
    for (const keys of within) assert.deepEqual(keys, [`tenant:${tenant}`]);
    for (const keys of without) assert.deepEqual(keys, []);
  }],
  [46, 'a payload that fits its schema is processed, and one that does not is refused', async () => {
    const payloadSchema = { type: 'object', properties: { n: { type: 'number' } }, required: ['n'] };
    const of = await workflow([inApp()], { payloadSchema, validatePayload: true });
    assert.equal((await trigger(of, await person(), { payload: { n: 1 } })).status, 'processed');
    assertStatus(await api.post('/v1/events/trigger', { name: of.workflowId, to: 'ann', payload: { n: 'x' } }), 400);
  }],
  [47, 'without validation a payload that does not fit is processed', async () => {
    const payloadSchema = { type: 'object', properties: { n: { type: 'number' } }, required: ['n'] };
    const of = await workflow([inApp()], { payloadSchema, validatePayload: false });
    assert.equal((await trigger(of, await person(), { payload: { n: 'x' } })).status, 'processed');
  }],
  [49, 'values that are sent win over defaults', async () => {
    const payloadSchema = { type: 'object', properties: { name: { type: 'string', default: 'friend' } } };
    const of = await workflow([inApp('Hi {{payload.name}}')], { payloadSchema, validatePayload: true });
    assert.equal((await sent(of, await person(), { payload: { name: 'Ann' } })).messages[0].content, 'Hi Ann');
  }],

  // Conditions, delays and digests

  [50, 'a delay whose conditions are not met holds nothing', async () => {
    const { messages, details } = await sent(await workflow([inApp('1'), delay(hours(1, { skip: urgentOnly })), inApp('2')]), await person());
    assert.deepEqual([messages.length, of(details, SKIPPED)], [2, 1]);
  }],
  [52, 'a digest whose conditions are not met collects nothing', async () => {
    const { messages, details } = await sent(await workflow([inApp('1'), digest(hours(1, { skip: urgentOnly })), inApp('2')]), await person());
    assert.deepEqual([messages.length, of(details, SKIPPED)], [2, 1]);
  }],
  [53, 'two digests whose conditions are not met collect nothing', async () => {
    const skipped = (stepId) => ({ ...digest(hours(1, { skip: urgentOnly })), stepId });
    const { messages, details } = await sent(await workflow([skipped('one'), inApp('1'), skipped('two'), inApp('2')]), await person());
    assert.deepEqual([messages.length, of(details, SKIPPED)], [2, 2]);
  }],
  [55, 'two events for which the conditions are met are one message', async () => {
    const [flow, ann] = [await workflow([digest(hours(1, { skip: urgentOnly })), inApp(COUNT)]), await person()];
    const first = await trigger(flow, ann, { payload: { kind: 'urgent' } });
    await stand([first], { delayed: 1 });
    const second = await trigger(flow, ann, { payload: { kind: 'urgent' } });
    await stand([second], { merged: 1 });
    await advance(HOUR);
    assert.deepEqual((await ended(first)).messages.map(({ content }) => content), ['total digested: 2']);
    assert.deepEqual(await contents(second), []);
  }],
  [56, 'an event for which they are not met goes on alone', async () => {
    const [flow, ann] = [await workflow([digest(hours(1, { skip: urgentOnly })), inApp(COUNT)]), await person()];
    const first = await trigger(flow, ann, { payload: { kind: 'urgent' } });
    await stand([first], { delayed: 1 });
    const second = await sent(flow, ann, { payload: { kind: 'idle' } });
    await advance(HOUR);
    assert.deepEqual((await ended(first)).messages[0].content, 'total digested: 1');
    assert.deepEqual([second.messages[0].content, of(second.details, SKIPPED)], ['total digested: 0', 1]);
  }],
  [58, 'a shorter delay of the trigger counts', async () => {
    // The SDK leaves this override out.
    const event = await make.trigger(await workflow([delay(hours(5)), inApp()]), await person(), { overrides: { delay: { amount: 1, unit: 'minutes' } } });
    await reaches(api, event, ['delayed', 'pending']);
    await advance(61);
    assert.equal((await ended(event)).messages.length, 1);
  }],
  [59, 'a delay lasts until the time in the payload', async () => {
    const ann = await person();
    const now = Date.parse((await (await advance(1)).json()).data.now);
    const at = new Date(now + 7 * 24 * HOUR * 1000).toISOString();
    const event = await trigger(await workflow([delay({ type: 'dynamic', dynamicKey: 'payload.at' }), inApp()]), ann, { payload: { at } });
    await reaches(api, event, ['delayed', 'pending']);
    assert.equal((await explained(event, ann)).notification.steps[0].dueAt, at);
    await advance(7 * 24 * HOUR);
    assert.equal((await ended(event)).messages.length, 1);
  }],
  [61, 'two events that are delayed to the same instant are one digest', async () => {
    const ann = await person();
    const now = Date.parse((await (await advance(1)).json()).data.now);
    const payload = { at: new Date(now + HOUR * 1000).toISOString() };
    const flow = await workflow([delay({ type: 'dynamic', dynamicKey: 'payload.at' }), digest(hours(1)), inApp(COUNT)]);
    const events = await times(2, () => trigger(flow, ann, { payload }));
    await stand(events, { delayed: 2 });
    await advance(HOUR);
    await eventually(async () => assert.deepEqual(await standing(events, 1), { delayed: 1, merged: 1 }));
    await advance(HOUR);
    await eventually(async () => assert.deepEqual((await Promise.all(events.map(contents))).flat(), ['total digested: 2']));
  }],
  [62, 'a delay without its time in the payload has failed', async () => {
    const { statuses, details } = await sent(await workflow([delay({ type: 'dynamic', dynamicKey: 'payload.sendAt' }), inApp()]), await person());
    assert.deepEqual(statuses, ['failed', 'canceled']);
    assert.ok(details.includes('Invalid delay configuration'), details);
  }],
  [65, 'two events show as two in other channels', async () => {
    const [flow, ann] = [await workflow([digest(hours(1)), sms('{{steps.collect.countSummary}}')]), await person()];
    const events = await times(2, () => trigger(flow, ann));
    await stand(events, { delayed: 1, merged: 1 });
    await advance(HOUR);
    await eventually(async () => assert.deepEqual((await Promise.all(events.map(contents))).flat(), ['2 notifications']));
  }],
  ...[['postId', (postId) => ({ postId }), 67], ['nested.postId', (postId) => ({ nested: { postId } }), 68]].map(([digestKey, payload, number]) => [
    number, `the key ${digestKey} tells digests apart`, async () => {
      const [flow, ann] = [await workflow([digest(hours(1, { digestKey })), inApp(COUNT)]), await person()];
      const events = await Promise.all(['a', 'a', 'b', undefined, undefined].map((post) => trigger(flow, ann, { payload: payload(post) })));
      await stand(events, { delayed: 3, merged: 2 });
      const notifications = (await Promise.all(events.map((event) => notificationsOf(api, event)))).flat();
      assert.equal(notifications.flatMap(({ jobs }) => jobs).length, 15);
      await advance(HOUR);
      await eventually(async () => assert.deepEqual((await Promise.all(events.map(contents))).flat().sort(), ['total digested: 1', 'total digested: 2', 'total digested: 2']));
    },
  ]),
  [70, 'of seven events in a look-back the first goes at once, and six are a digest', async () => {
    const [flow, ann] = [await workflow([digest(hours(1, { lookBackWindow: { amount: 1, unit: 'hours' } })), inApp(COUNT)]), await person()];
    const events = [];
    for (let n = 0; n < 7; n += 1) events.push(await trigger(flow, ann));
    await stand(events, { skipped: 1, delayed: 1, merged: 5 });
    await advance(HOUR);
    await stand(events, { skipped: 1, completed: 1, merged: 5 });
    await eventually(async () => assert.deepEqual((await Promise.all(events.map(contents))).flat().sort(), ['total digested: 0', 'total digested: 6']));
  }],
  [71, 'of ten events at the same moment one is delayed and nine are merged', async () => {
    const [flow, ann] = [await workflow([digest(hours(1)), inApp(COUNT)]), await person()];
    await stand(await times(10, () => trigger(flow, ann)), { delayed: 1, merged: 9 });
  }],
  [73, 'a digest of a schedule has one delayed job and its follower', async () => {
    const [flow, ann] = [await workflow([digest({ type: 'timed', cron: '0 3 1 1 *' }), inApp(COUNT)]), await person()];
    const first = await trigger(flow, ann);
    await stand([first], { delayed: 1 });
    await stand([first, await trigger(flow, ann)], { delayed: 1, merged: 1 });
    assert.match((await explained(first, ann)).notification.steps[0].dueAt, /-01-01T03:00:00\.000Z$/);
  }],
  [74, 'of ten events at once in a look-back one goes at once, and nine are a digest', async () => {
    const [flow, ann] = [await workflow([digest(hours(1, { lookBackWindow: { amount: 1, unit: 'hours' } })), inApp(COUNT)]), await person()];
    const events = await times(10, () => trigger(flow, ann));
    await stand(events, { skipped: 1, delayed: 1, merged: 8 });
    await advance(HOUR);
    await eventually(async () => assert.deepEqual((await Promise.all(events.map(contents))).flat().sort(), ['total digested: 0', 'total digested: 9']));
  }],
  [76, 'the same with two keys', async () => {
    const controls = hours(1, { digestKey: 'key', lookBackWindow: { amount: 1, unit: 'hours' } });
    const [flow, ann] = [await workflow([digest(controls), inApp(COUNT)]), await person()];
    const events = await times(10, (at) => trigger(flow, ann, { payload: { key: at % 2 ? 'odd' : 'even' } }));
    await stand(events, { skipped: 2, delayed: 2, merged: 6 });
    await advance(HOUR);
    await eventually(async () => assert.deepEqual((await Promise.all(events.map(contents))).flat().sort(), [0, 0, 4, 4].map((n) => `total digested: ${n}`)));
  }],

  // Cancel

  [79, 'canceling an open digest leaves nothing pending', async () => {
    const event = await trigger(await workflow([digest(hours(1)), inApp()]), await person());
    await stand([event], { delayed: 1 });
    assert.equal((await novu.cancel(event.transactionId)).result, true);
    await reaches(api, event, ['canceled', 'canceled']);
  }],
  [80, 'canceling a delay of two subscribers cancels both', async () => {
    const people = [await person(), await person()].map(({ subscriberId }) => subscriberId);
    const event = await trigger(await workflow([delay(hours(1)), inApp()]), people);
    await eventually(async () => {
      const waiting = await notificationsOf(api, event);
      assert.deepEqual(waiting.map(({ jobs }) => jobs[1].status), ['delayed', 'delayed']);
    });
    await novu.cancel(event.transactionId);
    const stories = await finished(api, event, 2);
    assert.deepEqual(stories.map(({ statuses }) => statuses), [['canceled', 'canceled'], ['canceled', 'canceled']]);
  }],
  [82, 'the oldest other event goes on with a digest whose first is canceled', async () => {
    const [flow, ann] = [await workflow([digest(hours(1)), inApp("{{ steps.collect.events | map: 'payload' | map: 'n' | join: ',' }}")]), await person()];
    const events = [];
    for (let n = 1; n <= 2; n += 1) {
      events.push(await trigger(flow, ann, { payload: { n } }));
      await stand(events.slice(-1), { [n === 1 ? 'delayed' : 'merged']: 1 });
    }
    await novu.cancel(events[0].transactionId);
    events.push(await trigger(flow, ann, { payload: { n: 3 } }));
    await stand(events, { canceled: 1, delayed: 1, merged: 1 });
    await advance(HOUR);
    await eventually(async () => assert.deepEqual(await contents(events[1]), ['2,3']));
    await stand(events, { canceled: 1, completed: 1, merged: 1 });
  }],
  [83, 'the same again when the heir is canceled too', async () => {
    const [flow, ann] = [await workflow([digest(hours(1)), inApp("{{ steps.collect.events | map: 'payload' | map: 'n' | join: ',' }}")]), await person()];
    const events = [];
    for (let n = 1; n <= 4; n += 1) {
      events.push(await trigger(flow, ann, { payload: { n } }));
      await stand(events.slice(-1), { [n === 1 ? 'delayed' : 'merged']: 1 });
    }
    for (const { transactionId } of events.slice(0, 2)) await novu.cancel(transactionId);
    await advance(HOUR);
    await eventually(async () => assert.deepEqual(await contents(events[2]), ['3,4']));
    await stand(events, { canceled: 2, completed: 1, merged: 1 });
  }],

  // Bulk, topics, fan-out, preferences when it is sent

  [85, 'a bulk is answered in the order of its events', async () => {
    const { workflowId } = await workflow([inApp()]);
    const ids = ['1111', '2222', '3333'].map((id) => unique(id));
    const { result } = await novu.triggerBulk({ events: ids.map((transactionId) => ({ workflowId, to: 'ann', transactionId })) });
    assert.deepEqual(result.map(({ transactionId, status }) => [transactionId, status]), ids.map((id) => [id, 'processed']));
  }],
  [86, 'each subscriber of a bulk gets their own messages', async () => {
    const flows = [await workflow([inApp('one')]), await workflow([inApp('two')])];
    const people = [await person(), await person()];
    const { result } = await novu.triggerBulk({ events: flows.map(({ workflowId }, at) => ({ workflowId, to: people[at].subscriberId })) });
    await Promise.all(result.map((event) => finished(api, event)));
    for (const [at, { subscriberId }] of people.entries()) {
      const { result } = await novu.messages.retrieve({ subscriberId });
      assert.deepEqual(result.data.map(({ content }) => content), [['one', 'two'][at]]);
    }
  }],
  [88, 'an unknown workflow in a bulk is told in its place', async () => {
    const { workflowId } = await workflow([inApp()]);
    const { result } = await novu.triggerBulk({ events: ['none', workflowId, workflowId].map((workflowId) => ({ workflowId, to: 'ann' })) });
    assert.deepEqual(result.map(({ status, error }) => [status, error]), [['error', ['workflow_not_found']], ['processed', undefined], ['processed', undefined]]);
  }],
  [89, 'a topic reaches each subscriber in each channel', async () => {
    const people = await times(3, () => person());
    const topicKey = unique('topic');
    await novu.topics.subscriptions.create({ subscriberIds: people.map(({ subscriberId }) => subscriberId) }, topicKey);
    const event = await trigger(await workflow([inApp(), email()]), { type: 'Topic', topicKey });
    await finished(api, event, 3);
    const messages = await messagesOf(api, event);
    assert.deepEqual([messages.filter(({ channel }) => channel === 'in_app').length, messages.filter(({ channel }) => channel === 'email').length], [3, 3]);
  }],
  [91, 'the actor is left out of topics, unless they are named', async () => {
    const [ann, bob] = [await person(), await person()].map(({ subscriberId }) => subscriberId);
    const topicKey = unique('topic');
    await novu.topics.subscriptions.create({ subscriberIds: [ann, bob] }, topicKey);
    const flow = await workflow([inApp()]);
    const reached = async (to, count) => (await finished(api, await trigger(flow, to, { actor: ann }), count)).map(({ notification }) => notification.subscriber.subscriberId).sort();
    assert.deepEqual(await reached([{ type: 'Topic', topicKey }], 1), [bob]);
    assert.deepEqual(await reached([{ type: 'Topic', topicKey }, ann], 2), [ann, bob].sort());
  }],
  [95, 'who is in two topics and named besides is notified once', async () => {
    const people = (await times(3, () => person())).map(({ subscriberId }) => subscriberId);
    const keys = [unique('topic'), unique('topic')];
    for (const key of keys) await novu.topics.subscriptions.create({ subscriberIds: people }, key);
    const event = await trigger(await workflow([inApp()]), [...keys.map((topicKey) => ({ type: 'Topic', topicKey })), people[0], { subscriberId: people[0] }]);
    await finished(api, event, 3);
  }],
  [97, 'an unknown topic keeps nobody else from being notified', async () => {
    const ann = await person();
    const event = await trigger(await workflow([inApp()]), [{ type: 'Topic', topicKey: unique('none') }, ann.subscriberId]);
    assert.equal(event.status, 'processed');
    await finished(api, event);
  }],
  [100, 'a critical workflow goes through channels that are turned off', async () => {
    const ann = await person();
    await novu.subscribers.preferences.update({ channels: { inApp: false, email: false } }, ann.subscriberId);
    const critical = await workflow([inApp(), email()], { preferences: { user: null, workflow: { all: { enabled: true, readOnly: true } } } });
    assert.equal((await sent(critical, ann)).messages.length, 2);
    assert.equal((await sent(await workflow([inApp(), email()]), ann)).messages.length, 0);
  }],
  [101, 'without device tokens there is no push message', async () => {
    await make.integration({ providerId: 'fcm', channel: 'push' });
    await make.integration({ providerId: 'expo', channel: 'push' });
    assert.deepEqual((await sent(await workflow([step('push', { subject: 'S', body: 'B' })]), await person())).messages, []);
  }],

  // Preferences

  ...[
    ['in-app off', { all: { enabled: true }, channels: { in_app: { enabled: false } } }, 0],
    ['in-app on', { all: { enabled: true }, channels: { in_app: { enabled: true } } }, 1],
    ['all off and in-app on', { all: { enabled: false }, channels: { in_app: { enabled: true } } }, 1],
    ['all off', { all: { enabled: false } }, 0],
  ].map(([what, preferences, count]) => [112, `a workflow with ${what}`, async () => {
    const channels = Object.fromEntries(['email', 'sms', 'in_app', 'chat', 'push'].map((name) => [name, preferences.channels?.[name] ?? { enabled: preferences.all.enabled }]));
    const flow = await workflow([inApp()], { preferences: { user: null, workflow: { all: { readOnly: false, ...preferences.all }, channels } } });
    assert.equal((await sent(flow, await person())).messages.length, count);
  }]),
  [113, 'who turns a channel off gets what is read-only nevertheless', async () => {
    const flow = await workflow([inApp()], { preferences: { user: null, workflow: { all: { enabled: true, readOnly: true } } } });
    const ann = await person();
    await novu.subscribers.preferences.update({ channels: { inApp: false } }, ann.subscriberId);
    assert.equal((await sent(flow, ann)).messages.length, 1);
  }],
  [115, 'a global choice goes before the default of the workflow', async () => {
    const off = await workflow([inApp()], { preferences: { user: null, workflow: { all: { enabled: false, readOnly: false } } } });
    const [yes, no] = [await person(), await person()];
    await novu.subscribers.preferences.update({ channels: { inApp: true } }, yes.subscriberId);
    await novu.subscribers.preferences.update({ channels: { inApp: false } }, no.subscriberId);
    assert.deepEqual([(await sent(off, yes)).messages.length, (await sent(await workflow([inApp()]), no)).messages.length], [1, 0]);
  }],
  [116, 'a choice for the workflow goes before the global one', async () => {
    const flow = await workflow([inApp()]);
    const [yes, no] = [await person(), await person()];
    for (const [who, inApp] of [[yes, true], [no, false]]) {
      await novu.subscribers.preferences.update({ channels: { inApp: !inApp } }, who.subscriberId);
      await novu.subscribers.preferences.update({ workflowId: flow.workflowId, channels: { inApp } }, who.subscriberId);
    }
    assert.deepEqual([(await sent(flow, yes)).messages.length, (await sent(flow, no)).messages.length], [1, 0]);
  }],

  // Throttle and preferences

  [118, 'of three events two pass, and the third says why it did not', async () => {
    const [flow, ann] = [await workflow([throttle({ type: 'fixed', amount: 1, unit: 'hours', threshold: 2 }), inApp()]), await person()];
    const ends = [];
    for (let n = 0; n < 3; n += 1) ends.push(await sent(flow, ann));
    assert.deepEqual(ends.map(({ statuses }) => statuses[0]), ['completed', 'completed', 'skipped']);
    assert.match(ends[2].raw, /"throttled":true[^]*"threshold":2/);
  }],
  [119, 'of twenty at once one passes', async () => {
    const [flow, ann] = [await workflow([throttle({ type: 'fixed', amount: 1, unit: 'hours', threshold: 1 }), inApp()]), await person()];
    const ends = await Promise.all((await times(20, () => trigger(flow, ann))).map(ended));
    assert.equal(ends.filter(({ statuses }) => statuses[0] === 'completed').length, 1);
    assert.equal(ends.filter(({ statuses }) => statuses.join() === 'skipped,skipped').length, 19);
    assert.equal(ends.flatMap(({ messages }) => messages).length, 1);
  }],
  ...['a time', 'an amount and a unit'].map((what, at) => [121, `a window that the payload names by ${what}`, async () => {
    const [flow, ann] = [await workflow([throttle({ type: 'dynamic', dynamicKey: 'payload.until', threshold: 1 }), inApp()]), await person()];
    const now = Date.parse((await (await advance(1)).json()).data.now);
    const payload = () => ({ until: at === 0 ? new Date(now + HOUR * 1000).toISOString() : { amount: 1, unit: 'hours' } });
    const ends = [await sent(flow, ann, { payload: payload() }), await sent(flow, ann, { payload: payload() })];
    await advance(HOUR + 1);
    ends.push(await sent(flow, ann, { payload: { until: { amount: 1, unit: 'hours' } } }));
    assert.deepEqual(ends.map(({ statuses }) => statuses[0]), ['completed', 'skipped', 'completed']);
  }]),
  [127, 'a channel that is off for all is off in each workflow', async () => {
    const ann = await person();
    const { workflowId } = await workflow([inApp(), email()]);
    await novu.subscribers.preferences.update({ channels: { email: false } }, ann.subscriberId);
    const { result } = await novu.subscribers.preferences.list({ subscriberId: ann.subscriberId });
    const { channels } = result.workflows.find(({ workflow }) => workflow.identifier === workflowId);
    assert.deepEqual([channels.email, channels.inApp], [false, true]);
  }],
  [128, 'preferences of nobody and for nothing are a 404', async () => {
    const ann = await person();
    assertRefused(await api.patch(`/v2/subscribers/${unique('none')}/preferences`, { channels: { email: false } }), 404);
    assertRefused(await api.patch(`/v2/subscribers/${ann.subscriberId}/preferences`, { workflowId: unique('none'), channels: { email: false } }), 404);
  }],
  [130, 'a bulk of preferences is refused whole', async () => {
    const { subscriberId } = await person();
    const bulk = (who, preferences) => api.patch(`/v2/subscribers/${who}/preferences/bulk`, { preferences });
    const one = (workflowId) => ({ workflowId, channels: { email: false } });
    assertInvalid(await bulk(subscriberId, Array.from({ length: 101 }, () => one('x'))));
    assertRefused(await bulk(subscriberId, [one('no-such-one')]), 404, /Workflows with ids: no-such-one not found/);
    assertRefused(await bulk(unique('none'), [one((await workflow([inApp()])).workflowId)]), 404);
  }],
  [131, 'each set of contexts has its own preferences', async () => {
    const { subscriberId } = await person();
    const read = async (context) => (await novu.subscribers.preferences.list({ subscriberId, contextKeys: [`tenant:${context}`] })).result.global.channels.email;
    await workflow([email()]);
    const [a, b] = [unique('a'), unique('b')];
    await novu.subscribers.preferences.update({ channels: { email: false }, context: { tenant: a } }, subscriberId);
    await novu.subscribers.preferences.update({ channels: { email: true }, context: { tenant: b } }, subscriberId);
    assert.deepEqual([await read(a), await read(b)], [false, true]);
  }],

  // Idempotency

  [134, 'a key with another body is refused', async () => {
    const { workflowId: name } = await workflow([inApp()]);
    const headers = { 'idempotency-key': unique('key') };
    assertStatus(await api.post('/v1/events/trigger', { name, to: 'ann' }, headers), 201);
    assertStatus(await api.post('/v1/events/trigger', { name, to: 'bob' }, headers), 422);
  }],
  [136, 'a GET with a key is answered anew each time', async () => {
    const { headers } = await api.get('/v1/integrations', { 'idempotency-key': unique('key') });
    assert.equal(headers.get('idempotency-key'), null);
  }],
  [137, 'a refusal is repeated for its key', async () => {
    const headers = { 'idempotency-key': unique('key') };
    const body = { name: unique('none'), to: 'ann' };
    const answers = [await api.post('/v1/events/trigger', body, headers), await api.post('/v1/events/trigger', body, headers)];
    assert.deepEqual(answers.map(({ status }) => status), [422, 422]);
    assert.equal(answers[1].headers.get('idempotency-replay'), 'true');
  }],

  // Messages

  [149, 'messages are all, or those of one event', async () => {
    const { subscriberId } = await person();
    const flow = await workflow([inApp()]);
    const events = [await trigger(flow, subscriberId), await trigger(flow, subscriberId)];
    await Promise.all(events.map((event) => finished(api, event)));
    assert.equal((await novu.messages.retrieve({ subscriberId })).result.data.length, 2);
    assert.equal((await novu.messages.retrieve({ subscriberId, transactionId: [events[0].transactionId] })).result.data.length, 1);
  }],
  [151, 'messages of an event are deleted, of one channel or of all', async () => {
    const event = await trigger(await workflow([inApp(), email()]), await person());
    await finished(api, event);
    const path = `/v1/messages/transaction/${event.transactionId}`;
    assertStatus(await api.delete(`${path}?channel=email`), 204);
    assert.deepEqual((await messagesOf(api, event)).map(({ channel }) => channel), ['in_app']);
    assertStatus(await api.delete(path), 204);
    assertStatus(await api.delete(path), 404);
  }],

  // Recipients of a mail

  ...[
    [154, 'only who is in to', { replaceToRecipient: true, to: ['x@example.com'] }, () => ({ to: ['x@example.com'] })],
    [155, 'nobody in to, and somebody in bcc', { replaceToRecipient: true, to: [], bcc: ['b@example.com'] }, () => ({ to: [], bcc: ['b@example.com'] })],
    [157, 'who is in to, besides the subscriber', { replaceToRecipient: false, to: ['x@example.com'] }, (own) => ({ to: [own, 'x@example.com'] })],
  ].map(([number, what, override, wanted]) => [number, `a mail to ${what}`, async () => {
    const ann = await person();
    const { statuses } = await sent(await workflow([email()]), ann, { overrides: { email: override } });
    assert.deepEqual(statuses, ['completed']);
    const { endpoint } = (await outbox()).to;
    for (const [name, list] of Object.entries(wanted(ann.email))) assert.deepEqual(endpoint[name], list, name);
  }]),
  ...[{ replaceToRecipient: true }, { replaceToRecipient: true, to: [] }].map((override) => [158, `${JSON.stringify(override)} is nobody`, async () => {
    const { statuses } = await sent(await workflow([email()]), await person(), { overrides: { email: override } });
    assert.notEqual(statuses[0], 'completed');
  }]),

  // Overrides of providers

  [160, 'the overrides of a step go before those of the workflow, key by key', async () => {
    const flow = await workflow([{ ...email(), stepId: 'mail' }]);
    await sent(flow, await person(), {
      overrides: { providers: { sendgrid: { headers: { a: 'all', b: 'all' } } }, steps: { mail: { providers: { sendgrid: { headers: { b: 'step' } } } } } },
    });
    assert.deepEqual((await outbox()).request.body.overrides.headers, { a: 'all', b: 'step' });
  }],
  [161, 'overrides of another step or provider are ignored', async () => {
    const flow = await workflow([{ ...email(), stepId: 'mail' }]);
    await sent(flow, await person(), {
      overrides: { steps: { other: { providers: { sendgrid: { headers: { a: 'x' } } } } }, providers: { mailgun: { headers: { a: 'x' } } } },
    });
    assert.equal((await outbox()).request.body.overrides?.headers, undefined);
  }],
];

for (const [number, title, prove] of cases) fact(`case ${number}: ${title}`, prove);
