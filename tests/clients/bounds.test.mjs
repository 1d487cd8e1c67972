// Templates are written by tenants, and filled with what their customers send: whatever they do ends, with a clear error.
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { after } from 'node:test';
import { finished } from './harness/activity.mjs';
import { fact } from './harness/contract.mjs';
import { dataOf } from './harness/http.mjs';
import { sdk } from './harness/novu.mjs';
import { startServer } from './harness/server.mjs';
import { unique, world } from './harness/world.mjs';

const server = await startServer({ args: ['--dev'] });
after(() => server.stop());

const { api, ...make } = world(server);
const novu = sdk(server);
await make.integration({ providerId: 'sendgrid', channel: 'email' });

const loop = (body, last = 99999, name = 'i') => `{% for ${name} in (1..${last}) %}${body}{% endfor %}`;
const big = 'x'.repeat(1000);
const TEMPLATES = {
  'an endless loop': loop(loop(loop('', 99999, 'c'), 99999, 'b')),
  'a hundred megabytes': loop(big, 100_000),
  'a hundred megabytes in a variable': `{% capture all %}${loop(big, 100_000)}{% endcapture %}{{ all | size }}`,
  'a text that doubles': `{% assign s = 'xxxxxxxx' %}${loop('{% assign s = s | append: s %}', 60)}{{ s | size }}`,
  'a list that doubles': `{% assign l = 'a,b' | split: ',' %}${loop('{% assign l = l | concat: l %}', 60)}{{ l | size }}`,
  'a huge range': '{{ (1..99999999999) | size }}',
  'a replacement that explodes': `{% assign s = 'xxxxxxxxxxxxxxxx' %}${loop("{% assign s = s | replace: '', s %}", 6)}{{ s | size }}`,
  'sorting without end': `{% assign l = (1..100000) %}${loop('{% assign m = l | sort %}')}`,
  'an expression that names itself': "{% assign l = (1..2) %}{% capture e %}l | where_exp: 'i', e{% endcapture %}{{ l | where_exp: 'i', e }}",
  'lists in lists': `{% assign l = 1 %}${loop("{% assign m = '' | split: ',' %}{% assign l = m | push: l %}", 5000)}{{ l | json }}`,
  'what the payload repeats': loop('{{ payload.text | upcase | downcase | size }}', 9999),
};

const step = (type, body) => ({ type, name: type, stepId: 'step', controlValues: { subject: 'S', body, editorType: 'html' } });
const sent = async (workflow, payload = {}) => {
  const { result } = await novu.trigger({ workflowId: workflow.workflowId, to: { subscriberId: unique('ann'), email: 'ann@example.com' }, payload });
  return (await finished(api, result))[0];
};

/** The most memory that the server ever had, in megabytes. */
const peak = () => Number(/^VmHWM:\s+(\d+) kB$/m.exec(readFileSync(`/proc/${server.program.pid}/status`, 'utf8'))[1]) / 1024;

for (const [name, template] of Object.entries(TEMPLATES)) {
  fact(`${name} ends the step with a clear error, as a preview and as a message`, async () => {
    for (const type of ['in_app', 'email']) {
      const workflow = await make.workflow({ steps: [step(type, template)] });
      const story = await sent(workflow, { text: 'y'.repeat(50_000) });
      assert.deepEqual(story.statuses, ['failed']);
      assert.ok(story.details.includes('Message content could not be generated'), story.details);
      assert.match(story.raw, /limit exceeded, line:1, col:\d+/);
      if (type === 'email') continue;
      const { result } = await novu.workflows.steps.generatePreview({
        workflowId: workflow.workflowId, stepId: 'step', generatePreviewRequestDto: { previewPayload: { payload: { text: 'y'.repeat(50_000) } } },
      });
      assert.match(JSON.stringify(result), /limit exceeded, line:1, col:\d+/);
    }
  });
}

fact('templates cannot include others, nor nest without end, and are told so when they are stored', async () => {
  for (const [template, problem] of [
    ["{% include 'a' %}", /cannot load other templates/],
    ["{% render 'a' %}", /cannot load other templates/],
    ["{% layout 'a' %}", /cannot load other templates/],
    ['{% if a %}'.repeat(5000) + '{% endif %}'.repeat(5000), /nest/],
    [`{{ ${'a['.repeat(5000)}${']'.repeat(5000)} }}`, /nest/],
  ]) {
    const workflow = await make.workflow({ steps: [step('in_app', template)] });
    assert.match(JSON.stringify(workflow.steps[0].issues), problem);
    const story = await sent(workflow);
    assert.deepEqual(story.statuses, ['failed']);
    assert.match(story.raw, problem);
  }
});

const document = (...content) => JSON.stringify({ type: 'doc', content });
const text = (value) => ({ type: 'paragraph', content: [{ type: 'text', text: value }] });
const nested = (depth, inside) => (depth === 0 ? inside : { type: 'section', content: [nested(depth - 1, inside)] });
const repeat = (each, ...content) => ({ type: 'repeat', attrs: { each }, content });

fact('a mail of blocks is bounded: its loops, its depth, its conditions', async () => {
  const list = Array.from({ length: 300 }, (_, at) => ({ at, list: Array.from({ length: 300 }, (_, at) => at) }));
  const busy = `payload.list | ${Array.from({ length: 40 }, () => 'sort_natural').join(' | ')} | size`;
  for (const body of [
    document(repeat('payload.list', repeat('payload.list.list', text('x')))),
    document(nested(500, text('x'))),
    document(...Array.from({ length: 5000 }, () => ({ ...text('x'), attrs: { showIfKey: busy } }))),
    document(repeat('payload.list', text(loop(big, 9999)))),
  ]) {
    const workflow = await make.workflow({ steps: [{ ...step('email', body), controlValues: { subject: 'S', body, editorType: 'block' } }] });
    const story = await sent(workflow, { list });
    assert.deepEqual(story.statuses, ['failed'], body.slice(0, 200));
    assert.match(story.raw, /limit exceeded|more than|nested/);
  }
});

fact('after all that the server has not grown large, and answers', async () => {
  assert.ok(peak() < 700, `${peak()} MB`);
  const workflow = await make.workflow({ steps: [step('in_app', 'Hello {{payload.name}}')] });
  assert.deepEqual((await sent(workflow, { name: 'Ann' })).statuses, ['completed']);
  assert.equal(dataOf(await api.get('/v1/messages?limit=1'))[0].content, 'Hello Ann');
});
