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
  const psql = (statement) => run('psql', ['--no-psqlrc', '--quiet', '--dbname', server, '--command', statement]);
  await psql(`CREATE DATABASE ${name}`);
  const url = new URL(server);
  url.pathname = `/${name}`;
  return { url: url.href, drop: () => psql(`DROP DATABASE IF EXISTS ${name} WITH (FORCE)`) };
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
  const { program, url } = launched;
  const stop = async () => {
    const end = await program.stop();
    await database?.drop();
    return end;
  };
  try {
    await eventually(async () => {
      if (program.hasEnded) return;
      const ready = await fetch(`${url}/readyz`);
      await ready.text();
      if (!ready.ok) throw new Error(`/readyz answers ${ready.status}`);
    });
    if (program.hasEnded) throw new Error(`the server left at its start:\n${program.output()}`);
  } catch (reason) {
    await stop();
    throw reason;
  }
  return { ...launched, dataDir, output: program.output, stop };
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
