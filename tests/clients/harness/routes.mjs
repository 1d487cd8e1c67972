// The routes of a running server, taken from the document that it publishes.

const METHODS = ['get', 'post', 'put', 'patch', 'delete'];

export async function routesOf(server) {
  const document = await (await fetch(`${server.url}/openapi.json`)).json();

  const resolve = (schema) => (schema?.$ref ? document.components.schemas[schema.$ref.split('/').at(-1)] : (schema ?? {}));
  /** What a query parameter takes: its types, and whether only listed words. */
  const queryOf = ({ name, schema }) => {
    const outer = resolve(schema);
    const { type, enum: words } = outer.items ? resolve(outer.items) : outer;
    return { name, types: [type].flat(), closed: words !== undefined };
  };

  return Object.entries(document.paths).flatMap(([path, methods]) =>
    Object.entries(methods)
      .filter(([method]) => METHODS.includes(method))
      .map(([method, operation]) => ({
        id: operation.operationId,
        method: method.toUpperCase(),
        path,
        query: [...(methods.parameters ?? []), ...(operation.parameters ?? [])].filter((each) => each.in === 'query').map(queryOf),
        isOpen: operation.security?.length === 0,
        // Bodies with files are tested where they are: what is said of JSON is not true of them.
        hasBody: operation.requestBody?.content['application/json'] !== undefined,
        bodyLimit: operation['x-campanile-body-limit'],
      })),
  );
}

export const fill = (path, values) =>
  path.replace(/\{([^}]+)\}/g, (_, name) => {
    if (!(name in values)) throw new Error(`no value for {${name}} of ${path}: add it to harness/inhabited.mjs`);
    return encodeURIComponent(values[name]);
  });
