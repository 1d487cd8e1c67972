import assert from 'node:assert/strict';
import { after } from 'node:test';
import { finished, messagesOf } from './harness/activity.mjs';
import { covers, fact } from './harness/contract.mjs';
import { assertInvalid, assertRefused, assertStatus, dataOf } from './harness/http.mjs';
import { refusal, sdk } from './harness/novu.mjs';
import { startServer } from './harness/server.mjs';
import { unique, world } from './harness/world.mjs';

const server = await startServer({ args: ['--dev'] });
after(() => server.stop());

const { api, ...make } = world(server);
const novu = sdk(server);

await make.integration({ providerId: 'sendgrid', channel: 'email' });

const workflowOf = (rest = {}) => make.workflow({ isTranslationEnabled: true, ...rest });
const step = (type, controlValues) => ({ type, name: type, controlValues });
const put = (resource, locale, content, resourceType = 'workflow') =>
  novu.translations.create({ resourceId: resource, resourceType, locale, content });

/** The messages that one subscriber gets of a workflow, in the order of its steps, and the jobs of its steps. */
async function sent(workflow, subscriber, payload = {}) {
  const { result } = await novu.trigger({ workflowId: workflow.workflowId, to: { subscriberId: unique('reader'), ...subscriber }, payload });
  const [{ notification }] = await finished(api, result);
  const messages = await messagesOf(api, result);
  return { messages: messages.reverse(), jobs: notification.jobs.filter(({ type }) => type !== 'trigger') };
}

fact('texts are stored for a resource and a locale, read and deleted', covers(
  'TranslationController_createTranslationEndpoint', 'TranslationController_getSingleTranslation', 'TranslationController_deleteTranslationEndpoint',
), async () => {
  const workflow = await workflowOf();
  const content = { 'welcome.title': 'Welcome', nested: { deep: 'x' } };
  const made = await put(workflow.slug, 'en-us', content);
  assert.deepEqual([made.resourceId, made.resourceType, made.locale, made.content], [workflow.workflowId, 'workflow', 'en_US', content]);
  const read = await novu.translations.retrieve({ resourceType: 'workflow', resourceId: workflow.workflowId, locale: 'en_US' });
  assert.deepEqual(read, made);
  const changed = await put(workflow.workflowId, 'en_US', { a: 'b' });
  assert.deepEqual([changed.content, changed.createdAt], [{ a: 'b' }, made.createdAt]);
  await novu.translations.delete({ resourceType: 'workflow', resourceId: workflow.workflowId, locale: 'en_US' });
  for (const locale of ['en_US', 'de_DE', 'nonsense']) {
    assertRefused(await api.get(`/v2/translations/workflow/${workflow.workflowId}/${locale}`), 404, 'Translation not found');
    assertRefused(await api.delete(`/v2/translations/workflow/${workflow.workflowId}/${locale}`), 404, 'Translation not found');
  }
});

fact('a group tells its locales, and which of them are older than the default one', covers(
  'TranslationController_getTranslationGroupEndpoint', 'TranslationController_deleteTranslationGroupEndpoint',
), async () => {
  const workflow = await workflowOf({ name: 'Grouped' });
  for (const locale of ['en_US', 'fr_FR', 'de_DE']) await put(workflow.workflowId, locale, { a: locale });
  const group = () => novu.translations.groups.retrieve('workflow', workflow.workflowId);
  const fresh = await group();
  assert.deepEqual([fresh.resourceName, fresh.locales, fresh.outdatedLocales], ['Grouped', ['de_DE', 'en_US', 'fr_FR'], undefined]);
  await put(workflow.workflowId, 'en_US', { a: 'en_US' });
  assert.equal((await group()).outdatedLocales, undefined, 'the same texts are no change');
  assertStatus(await api.post('/dev/clock/advance', { seconds: 1 }), 200);
  await put(workflow.workflowId, 'en_US', { a: 'changed' });
  assert.deepEqual((await group()).outdatedLocales, ['de_DE', 'fr_FR']);
  await novu.translations.groups.delete('workflow', workflow.workflowId);
  const error = await refusal(novu.translations.groups.retrieve('workflow', workflow.workflowId));
  assert.deepEqual([error.statusCode, /Translation group not found/.test(error.body ?? error.message)], [404, true]);
  assertRefused(await api.delete(`/v2/translations/workflow/${workflow.workflowId}`), 404, 'Translation group not found');
});

fact('all texts of a locale are one document, which is read, imported and uploaded', covers(
  'TranslationController_getMasterJsonEndpoint', 'TranslationController_importMasterJsonEndpoint', 'TranslationController_uploadMasterJsonEndpoint',
), async () => {
  const workflow = await workflowOf();
  const layout = dataOf(await api.post('/v2/layouts', { layoutId: unique('layout'), name: 'L', isTranslationEnabled: true }), 201);
  const masterJson = { workflows: { [workflow.workflowId]: { a: 'A' }, missing: { a: 'A' } }, layouts: { [layout.layoutId]: { b: 'B' } } };
  const result = await novu.translations.master.import({ locale: 'es_ES', masterJson });
  assert.deepEqual([result.success, result.successful, result.failed], [false, [workflow.workflowId, layout.layoutId], ['missing']]);
  const read = await novu.translations.master.retrieve('es_ES');
  assert.deepEqual([read.workflows[workflow.workflowId], read.layouts[layout.layoutId]], [{ a: 'A' }, { b: 'B' }]);
  const content = new Blob([JSON.stringify({ workflows: { [workflow.workflowId]: { a: 'uploaded' } } })]);
  const uploaded = await novu.translations.master.upload({ file: { fileName: 'es_ES.json', content } });
  assert.deepEqual([uploaded.success, uploaded.successful], [true, [workflow.workflowId]]);
  const again = await novu.translations.master.retrieve('es_ES');
  assert.deepEqual([again.workflows[workflow.workflowId], again.layouts[layout.layoutId]], [{ a: 'uploaded' }, { b: 'B' }]);
});

fact('files are uploaded, and those that cannot be read are told', covers('TranslationController_uploadTranslationFiles'), async () => {
  const workflow = await workflowOf();
  const files = [['de_DE.json', '{"a":"Ä"}'], ['fr_FR.json', '{"a":'], ['french.json', '{}']];
  const result = await novu.translations.upload({
    resourceId: workflow.workflowId, resourceType: 'workflow', files: files.map(([fileName, text]) => ({ fileName, content: new Blob([text]) })),
  });
  assert.deepEqual([result.totalFiles, result.successfulUploads, result.failedUploads], [3, 1, 2]);
  assert.match(result.errors[0], /^Invalid JSON in file: fr_FR\.json/);
  assert.match(result.errors[1], /french\.json/);
  const stored = dataOf(await api.get(`/v2/translations/workflow/${workflow.workflowId}/de_DE`));
  assert.deepEqual(stored.content, { a: 'Ä' });
});

fact('what cannot be stored is refused by its name', async () => {
  const workflow = await workflowOf();
  const good = { resourceId: workflow.workflowId, resourceType: 'workflow', locale: 'en_US', content: {} };
  assertInvalid(await api.post('/v2/translations', { ...good, locale: 'english' }), /^locale /);
  assertInvalid(await api.post('/v2/translations', { ...good, resourceType: 'step' }), /^resourceType /);
  assertInvalid(await api.post('/v2/translations', { ...good, content: [] }), /^content /);
  assertRefused(await api.post('/v2/translations', { ...good, resourceId: 'nowhere' }), 404, /nowhere/);
  assertRefused(await api.get('/v2/translations/step/x/en_US'), 400, /^resourceType /);
  assertRefused(await api.post('/v2/translations/master-json', { locale: 'en_US', masterJson: { flows: {} } }), 400, /^masterJson /);
  for (const path of ['/v2/translations/upload', '/v2/translations/master-json/upload']) {
    assert.equal((await api.post(path)).status, 422, path);
    assertStatus(await api.post(path, { a: 1 }), 415);
    for (const type of ['multipart/form-data', 'multipart/form-data; boundary=x']) {
      assertRefused(await api.send('POST', path, 'no parts', { 'content-type': type }), 400);
    }
  }
});

fact('a message has the texts of its reader, else those of the default locale, else their keys', async () => {
  const workflow = await workflowOf({
    steps: [
      step('in_app', { subject: '{{t.title}}', body: '{{ t.body.text | upcase }} {{t.only.english}} {{t.nowhere}}' }),
      step('email', { subject: '{{t.title}}', body: '<p>{{t.body.text}} {{ payload.n | pluralize: \'t.one\', \'t.many\' }}</p>', editorType: 'html' }),
    ],
  });
  await put(workflow.workflowId, 'en_US', { title: 'Hello {{subscriber.firstName}}', body: { text: 'text' }, 'only.english': 'English', one: 'day', many: 'days' });
  await put(workflow.workflowId, 'de_DE', { title: 'Hallo {{subscriber.firstName}}', 'body.text': 'Text für {{payload.n}}', one: 'Tag', many: 'Tage' });
  const reader = { firstName: 'Ann "A"', email: 'ann@example.com' };
  const german = await sent(workflow, { ...reader, locale: 'de_DE' }, { n: 2 });
  assert.deepEqual(german.messages.map(({ subject }) => subject), ['Hallo Ann "A"', 'Hallo Ann "A"']);
  assert.equal(german.messages[0].content, 'TEXT FÜR 2 English [Translation missing: nowhere]');
  assert.match(german.messages[1].content, /Text für 2 2 Tage/);
  assert.ok(german.jobs[0].executionDetails.some(({ detail }) => /Translations are missing/.test(detail)));
  for (const locale of ['fr_FR', undefined]) {
    const { messages } = await sent(workflow, { ...reader, locale }, { n: 1 });
    assert.deepEqual([messages[0].subject, messages[0].content], ['Hello Ann "A"', 'TEXT English [Translation missing: nowhere]']);
    assert.match(messages[1].content, /text 1 day/);
  }
  // What changes is seen by the next event.
  await put(workflow.workflowId, 'de_DE', { title: 'Servus', 'body.text': 'x' });
  assert.equal((await sent(workflow, { ...reader, locale: 'de_DE' }, { n: 1 })).messages[0].subject, 'Servus');
});

fact('a layout has texts of its own, and blocks show them', async () => {
  const body = '<html><head></head><body><h1>{{t.head}}</h1>{{content}}</body></html>';
  const { layoutId } = dataOf(await api.post('/v2/layouts', { layoutId: unique('layout'), name: 'L', isTranslationEnabled: true }), 201);
  const change = { name: 'L', isTranslationEnabled: true, controlValues: { email: { body, editorType: 'html' } } };
  assert.equal(dataOf(await api.put(`/v2/layouts/${layoutId}`, change)).isTranslationEnabled, true);
  await put(layoutId, 'en_US', { head: 'Head' }, 'layout');
  await put(layoutId, 'de_DE', { head: 'Kopf {{subscriber.firstName}}' }, 'layout');
  const blocks = JSON.stringify({ type: 'doc', content: [{ type: 'paragraph', content: [{ type: 'variable', attrs: { id: 't.head' } }, { type: 'text', text: ' and {{t.head}}' }] }] });
  const workflow = await workflowOf({ steps: [step('email', { subject: 'S', body: blocks, editorType: 'block', layoutId })] });
  await put(workflow.workflowId, 'en_US', { head: 'of the step' });
  const { messages: [message] } = await sent(workflow, { email: 'a@example.com', firstName: 'Ann', locale: 'de_DE' });
  assert.match(message.content, /<h1>Kopf Ann<\/h1>[^]*of the step and of the step/);
  // The previews show the same.
  const previewPayload = { subscriber: { firstName: 'Ann', locale: 'de_DE' } };
  const preview = dataOf(await api.post(`/v2/workflows/${workflow.workflowId}/step/${workflow.steps[0].stepId}/preview`, { previewPayload }), 201);
  assert.match(preview.result.preview.body, /<h1>Kopf Ann<\/h1>[^]*of the step and of the step/);
  const framed = dataOf(await api.post(`/v2/layouts/${layoutId}/preview`, { previewPayload }), 201);
  assert.match(framed.result.preview.body, /<h1>Kopf Ann<\/h1>/);
});

fact('a preview shows which texts are missing', async () => {
  const workflow = await workflowOf({ steps: [step('in_app', { body: '{{t.gone}}' })] });
  const { result } = await novu.workflows.steps.generatePreview({ workflowId: workflow.workflowId, stepId: workflow.steps[0].stepId, generatePreviewRequestDto: {} });
  assert.equal(result.result.preview.body, '[Translation missing: gone]');
});

fact('texts and layouts go where their workflow goes, and end with it', async () => {
  const { result: staging } = await novu.environments.create({ name: unique('Staging'), color: '#3498db' });
  const { api: inside } = world(server, { secretKey: staging.apiKeys[0].key });
  const layout = dataOf(await api.post('/v2/layouts', { layoutId: unique('layout'), name: 'Frame', isTranslationEnabled: true }), 201);
  await put(layout.layoutId, 'en_US', { a: 'of the layout' }, 'layout');
  const workflow = await workflowOf({ steps: [step('email', { subject: '{{t.a}}', body: '<p>x</p>', editorType: 'html', layoutId: layout._id })] });
  await put(workflow.workflowId, 'en_US', { a: 'A' });
  await put(workflow.workflowId, 'de_DE', { a: 'Ä' });
  const body = { sourceEnvironmentId: dataOf(await api.get('/v1/environments'))[0]._id };
  const at = `/v2/environments/${staging.id}`;
  const diff = dataOf(await api.post(`${at}/diff`, body), 200).resources.find(({ sourceResource }) => sourceResource.id === workflow.workflowId);
  assert.deepEqual(diff.dependencies, [
    { resourceType: 'layout', resourceId: layout.layoutId, resourceName: 'Frame', isBlocking: true, reason: 'LAYOUT_REQUIRED_FOR_WORKFLOW' },
  ]);
  const { result: synced } = await novu.workflows.sync({ targetEnvironmentId: staging.id }, workflow.workflowId);
  assert.ok(synced.lastPublishedAt);
  assert.ok(dataOf(await api.get(`/v2/workflows/${workflow.workflowId}`)).lastPublishedAt);
  const path = `/v2/translations/workflow/${workflow.workflowId}`;
  assert.deepEqual(dataOf(await inside.get(`${path}/de_DE`)).content, { a: 'Ä' });
  assert.deepEqual(dataOf(await inside.get(`/v2/translations/layout/${layout.layoutId}/en_US`)).content, { a: 'of the layout' });
  assert.equal(dataOf(await inside.get(`/v2/workflows/${workflow.workflowId}`)).steps[0].controls.values.layoutId, layout.layoutId);
  // From now on only the texts differ.
  assertStatus(await api.delete(`${path}/de_DE`), 204);
  await put(workflow.workflowId, 'en_US', { a: 'B' });
  const resources = [{ resourceType: 'workflow', resourceId: workflow.workflowId }];
  const published = dataOf(await api.post(`${at}/publish`, { ...body, resources }), 200);
  assert.deepEqual(published.results.flatMap(({ successful }) => successful.map(({ resourceId, action }) => [resourceId, action])), [[workflow.workflowId, 'updated']]);
  assert.deepEqual(dataOf(await inside.get(`${path}/en_US`)).content, { a: 'B' });
  assertStatus(await inside.get(`${path}/de_DE`), 404);
  const left = dataOf(await api.post(`${at}/diff`, body), 200).resources.map(({ sourceResource }) => sourceResource?.id);
  assert.ok(!left.includes(workflow.workflowId) && !left.includes(layout.layoutId));
  // The workflow takes its texts with it.
  assertStatus(await api.delete(`/v2/workflows/${workflow.workflowId}`), 204);
  assert.ok(!(workflow.workflowId in dataOf(await api.get('/v2/translations/master-json')).workflows));
  dataOf(await api.post(`${at}/publish`, body), 200);
  assertStatus(await inside.get(`${path}/en_US`), 404);
});

fact('a step that names a layout which is not there is refused', async () => {
  const steps = [step('email', { subject: 'S', body: 'B', editorType: 'html', layoutId: 'nowhere' })];
  const refused = await api.post('/v2/workflows', { workflowId: unique('w'), name: 'W', steps });
  assertRefused(refused, 400, /^steps\.0\.controlValues\.layoutId: there is no layout nowhere$/);
  const workflow = await make.workflow();
  const change = { name: 'W', steps, preferences: {}, origin: 'novu-cloud' };
  assertRefused(await api.put(`/v2/workflows/${workflow.workflowId}`, change), 400, /layoutId/);
});

fact('a copy has the texts of what it was copied from', async () => {
  const workflow = await workflowOf();
  const layout = dataOf(await api.post('/v2/layouts', { layoutId: unique('layout'), name: 'L', isTranslationEnabled: true }), 201);
  await put(workflow.workflowId, 'en_US', { a: 'A' });
  await put(layout.layoutId, 'en_US', { b: 'B' }, 'layout');
  const copy = dataOf(await api.post(`/v2/workflows/${workflow.workflowId}/duplicate`, {}), 201);
  const frame = dataOf(await api.post(`/v2/layouts/${layout.layoutId}/duplicate`, { name: 'Copy' }), 201);
  assert.deepEqual(dataOf(await api.get(`/v2/translations/workflow/${copy.workflowId}/en_US`)).content, { a: 'A' });
  assert.deepEqual(dataOf(await api.get(`/v2/translations/layout/${frame.layoutId}/en_US`)).content, { b: 'B' });
  assert.deepEqual([copy.isTranslationEnabled, frame.isTranslationEnabled], [true, true]);
});
