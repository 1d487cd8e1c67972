import assert from 'node:assert/strict';
import { after } from 'node:test';
import { covers, fact } from './harness/contract.mjs';
import { assertInvalid, assertRefused, assertStatus, dataOf } from './harness/http.mjs';
import { refusal, sdk } from './harness/novu.mjs';
import { startServer } from './harness/server.mjs';
import { oneByOne, unique, world } from './harness/world.mjs';

const server = await startServer();
after(() => server.stop());

const { api, ...make } = world(server);
const novu = sdk(server);

const HTML = '<html><head><title>T</title></head><body><main>{{content}}</main></body></html>';
const made = (rest = {}) => {
  const layoutId = unique('layout');
  return novu.layouts.create({ layoutId, name: layoutId, ...rest }).then(({ result }) => result);
};
const controlsOf = (body, editorType) => ({ email: { body, editorType } });

// The environment's first layout: all other facts make later ones.
const first = await made({ name: 'The first' });

fact('the first layout of an environment is its default, later ones are not', covers('LayoutsController_create'), async () => {
  assert.equal(first.isDefault, true);
  const second = await made();
  assert.equal(second.isDefault, false);
  assert.equal(second.slug, `${second.layoutId}_lt_${second.slug.slice(-16)}`);
  assert.equal(second.controls.values.email.editorType, 'block');
  assert.match(second.controls.values.email.body, /"id":"content"/);
});

fact('twenty first layouts at once make one default', async () => {
  const production = world(server, { secretKey: server.keys.production }).api;
  await Promise.all(Array.from({ length: 20 }, (_, at) => production.post('/v2/layouts', { layoutId: `first-${at}`, name: 'First' })));
  const { layouts } = dataOf(await production.get('/v2/layouts?limit=100'));
  assert.equal(layouts.filter(({ isDefault }) => isDefault).length, 1);
});

fact('a layout is found by id, identifier and slug', covers('LayoutsController_get'), async () => {
  const layout = await made();
  for (const name of [layout.id, layout.layoutId, layout.slug, `anything_lt_${layout.slug.slice(-16)}`]) {
    assert.equal((await novu.layouts.retrieve(name)).result.id, layout.id, name);
  }
  const error = await refusal(novu.layouts.retrieve('nowhere'));
  assert.equal(error.statusCode, 404);
});

fact('a taken identifier gets a suffix, a bad one is refused', async () => {
  const layout = await made();
  const again = dataOf(await api.post('/v2/layouts', { layoutId: layout.layoutId, name: 'Again' }), 201);
  assert.match(again.layoutId, new RegExp(`^${layout.layoutId}-.{4}$`));
  assertInvalid(await api.post('/v2/layouts', { layoutId: 'has space', name: 'x' }), /^layoutId /);
  assertInvalid(await api.post('/v2/layouts', { layoutId: unique('x') }), /^name /);
});

fact('control values are replaced, kept when absent, emptied by null', covers('LayoutsController_update'), async () => {
  const layout = await made();
  const updated = await novu.layouts.update({ name: 'Renamed', controlValues: controlsOf(HTML, 'html') }, layout.layoutId);
  assert.equal(updated.result.name, 'Renamed');
  assert.equal(updated.result.controls.values.email.body, HTML);
  const kept = dataOf(await api.put(`/v2/layouts/${layout.layoutId}`, { name: 'Again' }));
  assert.equal(kept.controls.values.email.body, HTML);
  const emptied = dataOf(await api.put(`/v2/layouts/${layout.layoutId}`, { name: 'Again', controlValues: null }));
  assert.deepEqual(emptied.controls.values, {});
});

fact('a body that is no page, no document or has no content is refused and changes nothing', async () => {
  const layout = await made();
  const put = (body, editorType) => api.put(`/v2/layouts/${layout.layoutId}`, { name: layout.name, controlValues: controlsOf(body, editorType) });
  assertRefused(await put('<p>{{content}}</p>', 'html'), 400, 'Content must be a valid HTML content');
  assertRefused(await put('not json', 'block'), 400, 'Content must be a valid Maily JSON content');
  const answer = await put('<html><body>nothing</body></html>', 'html');
  assertStatus(answer, 400);
  assert.equal(answer.body.ctx.controls['email.body'][0].message, 'The layout body should contain the "content" variable');
  assert.deepEqual((await novu.layouts.retrieve(layout.layoutId)).result, layout);
});

fact('a list is paged, sorted and searched', covers('LayoutsController_list'), async () => {
  const mark = unique('Searched');
  await oneByOne(3, (number) => made({ name: `${mark} ${number}` }));
  const names = async (query) => (await novu.layouts.list({ query: mark.toLowerCase(), ...query })).result.layouts.map(({ name }) => name.slice(-1));
  assert.deepEqual(await names({}), ['3', '2', '1']);
  assert.deepEqual(await names({ orderBy: 'name', orderDirection: 'ASC' }), ['1', '2', '3']);
  assert.deepEqual(await names({ limit: 1, offset: 1 }), ['2']);
  assert.equal((await novu.layouts.list({ query: mark, limit: 1 })).result.totalCount, 3);
  assertInvalid(await api.get('/v2/layouts?limit=101'), /^limit must not be greater than 100/);
});

fact('a copy has the body of the original and is not the default', covers('LayoutsController_duplicate'), async () => {
  await novu.layouts.update({ name: 'The first', controlValues: controlsOf(HTML, 'html') }, first.layoutId);
  const { result } = await novu.layouts.duplicate({ name: 'A Copy' }, first.layoutId);
  assert.deepEqual([result.layoutId, result.name, result.isDefault], ['a-copy', 'A Copy', false]);
  assert.equal(result.controls.values.email.body, HTML);
});

fact('usage names the workflows, and deleting takes the layout out of their steps', covers('LayoutsController_getUsage', 'LayoutsController__delete'), async () => {
  const layout = await made();
  const mail = (layoutId) => ({ type: 'email', name: 'Mail', controlValues: { subject: 'S', body: 'B', editorType: 'html', layoutId } });
  const workflow = await make.workflow({ steps: [mail(layout.layoutId), mail(first.layoutId)] });
  const used = (await novu.layouts.usage(layout.layoutId)).result.workflows;
  assert.deepEqual(used.map(({ workflowId }) => workflowId), [workflow.workflowId]);
  await novu.layouts.delete(layout.layoutId);
  assert.equal((await refusal(novu.layouts.retrieve(layout.layoutId))).statusCode, 404);
  const { steps } = dataOf(await api.get(`/v2/workflows/${workflow.workflowId}`));
  assert.deepEqual(steps.map(({ controls }) => controls.values.layoutId), [undefined, first.layoutId]);
});

fact('the default layout cannot be deleted', async () => {
  assertRefused(await api.delete(`/v2/layouts/${first.layoutId}`), 409, `Layout with id ${first.id} is being used as a default layout, it can not be deleted`);
});

fact('a preview shows the layout with example data, or with the caller’s', covers('LayoutsController_generatePreview'), async () => {
  const layout = await made();
  const body = '<html><body>Dear {{subscriber.firstName}}<script>x()</script>{{content}}</body></html>';
  const { result } = await novu.layouts.generatePreview({ controlValues: controlsOf(body, 'html'), previewPayload: { subscriber: { firstName: 'Ada' } } }, layout.layoutId);
  assert.equal(result.result.type, 'email');
  assert.match(result.result.preview.body, /^<html><body>Dear Ada<p>/);
  assert.equal(result.previewPayloadExample.subscriber.firstName, 'Ada');
  const stored = dataOf(await api.post(`/v2/layouts/${layout.layoutId}/preview`, {}), 201);
  assert.match(stored.result.preview.body, /^<!DOCTYPE html/);
  const broken = await api.post(`/v2/layouts/${layout.layoutId}/preview`, { controlValues: controlsOf('<html><body>{{content</body></html>', 'html') });
  assertStatus(broken, 400);
});
