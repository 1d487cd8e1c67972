import { execFile } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { join, resolve } from 'node:path';
import { promisify } from 'node:util';
import { eventually, freePort, launch, temporaryFolder } from './process.mjs';

const run = promisify(execFile);

export const onPostgres = process.env.TEST_ENGINE === 'postgres';

function binary() {
  if (!process.env.TEST_BINARY) throw new Error('Set TEST_BINARY to the campanile binary that is to be tested.');
  return resolve(process.env.TEST_BINARY);
}

const hex = (bytes) => randomBytes(bytes).toString('hex');

/** A database of its own on the server that TEST_POSTGRES_URL names. */
async function postgresDatabase() {
  const server = process.env.TEST_POSTGRES_URL;
  if (!server) throw new Error('Set TEST_POSTGRES_URL to run on PostgreSQL.');
  const name = `clients_${hex(6)}`;
  const psql = (dbname, statement) => run('psql', ['--no-psqlrc', '--quiet', '--dbname', dbname, '--command', statement]);
  await psql(server, `CREATE DATABASE ${name}`);
  const url = new URL(server);
  url.pathname = `/${name}`;
  return {
    url: url.href,
    /** Changes what is stored behind the server's back, where a test has no other way. */
    execute: (statement) => psql(url.href, statement),
    drop: () => psql(server, `DROP DATABASE IF EXISTS ${name} WITH (FORCE)`),
  };
}

/** Waits until a server that was launched answers. */
async function isReady({ program, url }) {
  await eventually(async () => {
    if (program.hasEnded) return;
    const ready = await fetch(`${url}/readyz`);
    await ready.text();
    if (!ready.ok) throw new Error(`/readyz answers ${ready.status}`);
  });
  if (program.hasEnded) throw new Error(`the server left at its start:\n${program.output()}`);
}

/**
 * Starts the real binary on a fresh database and waits until it is ready.
 * `settings` are further CAMPANILE_ variables (null removes one); `dataDir` continues with an existing folder.
 */
export async function startServer({ args = [], settings = {}, dataDir = temporaryFolder(), keepDatabase = false } = {}) {
  const database = onPostgres && !keepDatabase ? await postgresDatabase() : undefined;
  const launched = await launchServer({
    args,
    dataDir,
    settings: {
      ...(database && { CAMPANILE_DATABASE_URL: database.url, CAMPANILE_ENCRYPTION_KEY: hex(32) }),
      ...settings,
    },
  });
  let { program } = launched;
  let earlier = '';
  const others = [];
  const stop = async () => {
    await Promise.all(others.map((other) => other.stop()));
    const end = await program.stop();
    await database?.drop();
    return end;
  };
  try {
    await isReady(launched);
  } catch (reason) {
    await stop();
    throw reason;
  }
  return {
    ...launched,
    dataDir,
    database,
    output: () => earlier + program.output(),
    stop,
    /** Ends it in the middle of whatever it does. */
    kill: () => program.kill(),
    /** Starts it again, after it was killed, on what it has written and at the same address. */
    async startAgain() {
      earlier += program.output();
      program = launch(binary(), ['serve', ...args], { env: launched.env, cwd: dataDir });
      await isReady({ program, url: launched.url });
    },
    /** Starts one more node on the same database, which leaves with this one. */
    async join() {
      const { CAMPANILE_LISTEN, CAMPANILE_DATA_DIR, HOME, ...shared } = launched.env;
      const node = await launchServer({ args, settings: shared });
      others.push(node.program);
      await isReady(node);
      return { ...node, keys: launched.keys, identifiers: launched.identifiers, kill: () => node.program.kill() };
    },
  };
}

/** Starts the real binary and returns at once, for starts that are to be refused. */
export async function launchServer({ args = [], settings = {}, dataDir = temporaryFolder() } = {}) {
  const port = await freePort();
  const keys = { development: hex(16), production: hex(16) };
  const identifiers = { development: hex(6), production: hex(6) };
  const env = {
    PATH: process.env.PATH,
    HOME: dataDir,
    CAMPANILE_LISTEN: `127.0.0.1:${port}`,
    CAMPANILE_DATA_DIR: join(dataDir, 'data'),
    CAMPANILE_LOG_FORMAT: 'json',
    CAMPANILE_BOOTSTRAP_SECRET_KEY: keys.development,
    CAMPANILE_BOOTSTRAP_APPLICATION_IDENTIFIER: identifiers.development,
    CAMPANILE_BOOTSTRAP_PRODUCTION_SECRET_KEY: keys.production,
    CAMPANILE_BOOTSTRAP_PRODUCTION_APPLICATION_IDENTIFIER: identifiers.production,
    ...settings,
  };
  for (const [name, value] of Object.entries(env)) if (value === null) delete env[name];
  const program = launch(binary(), ['serve', ...args], { env, cwd: dataDir });
  return { program, url: `http://127.0.0.1:${port}`, keys, identifiers, env, dataDir };
}
