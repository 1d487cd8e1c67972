// The things that most tests need, made through the API.
import { dataOf, http } from './http.mjs';

let counter = 0;

/** A name that no other test of this file uses. */
export const unique = (prefix) => `${prefix}-${(counter += 1)}`;

/** Makes `count` things one after the other, no two of them in the same millisecond. */
export async function oneByOne(count, make) {
  const made = [];
  for (let number = 1; number <= count; number += 1) {
    made.push(await make(number));
    const now = Date.now();
    while (Date.now() === now) await new Promise(setImmediate);
  }
  return made;
}

/** Makers bound to one server and key. Each takes what should differ from an ordinary one. */
export function world(server, options) {
  const api = http(server, options);

  const create = async (path, body) => dataOf(await api.post(path, body), 201);

  return {
    api,

    integration: ({ providerId = 'slack', channel = 'chat', ...rest } = {}) => {
      const name = unique(providerId);
      return create('/v1/integrations', { providerId, channel, name, identifier: name, active: true, check: false, ...rest });
    },

    subscriber: (rest = {}) => create('/v2/subscribers', { subscriberId: unique('subscriber'), ...rest }),

    connection: ({ integration, subscriber, ...rest }) =>
      create('/v1/channel-connections', {
        integrationIdentifier: integration.identifier,
        ...(subscriber && { subscriberId: subscriber.subscriberId }),
        workspace: { id: 'T0001', name: 'Acme' },
        auth: { accessToken: unique('xoxb-token') },
        ...rest,
      }),

    endpoint: ({ integration, subscriber, connection, type = 'webhook', ...rest }) =>
      create('/v1/channel-endpoints', {
        integrationIdentifier: integration.identifier,
        subscriberId: subscriber.subscriberId,
        ...(connection && { connectionIdentifier: connection.identifier }),
        type,
        ...rest,
      }),

    /** An active workflow of chat steps, one for each body. */
    workflow: ({ bodies = ['Hello {{payload.name}}'], steps, ...rest } = {}) => {
      const workflowId = unique('workflow');
      return create('/v2/workflows', {
        workflowId,
        name: workflowId,
        active: true,
        steps: steps ?? bodies.map((body, at) => ({ type: 'chat', name: `Chat ${at + 1}`, controlValues: { body } })),
        ...rest,
      });
    },

    trigger: (workflow, to, rest = {}) =>
      create('/v1/events/trigger', { name: workflow.workflowId, to: to.subscriberId ?? to, ...rest }),
  };
}
