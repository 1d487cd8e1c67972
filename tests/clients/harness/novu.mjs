import { Novu } from '@novu/api';
import { operations } from '../operations.mjs';
import { witness } from './contract.mjs';

const operationOf = new Map(operations.map(({ sdk, id }) => [sdk, id]));

/** Lets every call through and notes the operation when the SDK accepted the answer. */
function observed(target, path = []) {
  return new Proxy(target, {
    get(object, name) {
      const value = Reflect.get(object, name, object);
      if (typeof name === 'symbol') return value;
      const here = [...path, name];
      if (typeof value === 'function') {
        return async (...args) => {
          const answer = await value.apply(object, args);
          witness(operationOf.get(here.join('.')));
          return answer;
        };
      }
      return typeof value === 'object' && value !== null ? observed(value, here) : value;
    },
  });
}

/** The official SDK against one server, as an application would build it; its retries are off unless asked for. */
export function sdk(server, { secretKey = server.keys.development, ...options } = {}) {
  return observed(
    new Novu({ serverURL: server.url, secretKey, retryConfig: { strategy: 'none' }, ...options }),
  );
}

/** Awaits the refusal of an SDK call and returns the error that the SDK made of it. */
export async function refusal(call) {
  let answer;
  try {
    answer = await call;
  } catch (error) {
    return error;
  }
  throw new Error(`expected a refusal, got ${JSON.stringify(answer)}`);
}
