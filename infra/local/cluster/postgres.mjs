/**
 * PostgreSQL with two databases: `hitlake` (the control store; empty) and `catalog` (the two tables in which Trino's
 * Iceberg JDBC catalog keeps what is current). Anyone on loopback is let in.
 */
import { execFile, execFileSync } from 'node:child_process'
import { chmodSync, chownSync, existsSync, mkdirSync, renameSync, rmSync, statSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { promisify } from 'node:util'

export const postgresReadyLimitMs = 60_000
export const postgresMaxConnections = 100
export const postgresUser = 'hitlake'
const toolLimitMs = 60_000

/**
 * @param {{ folder: string, log: string, port: number, lifetime: 'caller' | 'machine', installed: import('./servers.d.mts').Installed['postgres'] }} options
 * @returns {import('./server.mjs').Definition}
 */
export function definePostgres({ folder, log, port, lifetime, installed }) {
  const data = join(folder, 'data')
  const user = unprivilegedUser()
  /**
   * @param {string} tool
   * @param {string[]} args
   */
  const run = (tool, args) =>
    promisify(execFile)(join(installed.bin, tool), args, {
      cwd: folder,
      env: { PATH: process.env.PATH, HOME: folder, LANG: 'C.UTF-8', TZ: 'UTC' },
      timeout: toolLimitMs,
      ...user,
    })
  /**
   * @param {string} database
   * @param {string} sql
   */
  const query = async (database, sql) => {
    const where = ['-h', '127.0.0.1', '-p', String(port), '-U', postgresUser, '-d', database]
    const { stdout } = await run('psql', [...where, '-X', '-At', '-v', 'ON_ERROR_STOP=1', '-c', sql])
    return stdout.trim()
  }
  const settings = [
    'listen_addresses=127.0.0.1',
    `port=${port}`,
    // No socket file: its path may be at most 107 bytes long, and folders of tests are longer.
    'unix_socket_directories=',
    `max_connections=${postgresMaxConnections}`,
    // What a killed server wrote the kernel still has; only a machine's power would take it, and with it the test run.
    `fsync=${lifetime === 'caller' ? 'off' : 'on'}`,
  ].flatMap((setting) => ['-c', setting])
  return {
    name: 'postgres',
    port,
    log,
    cwd: folder,
    command: [join(installed.bin, 'postgres'), '-D', data, ...settings],
    ...(user && { user }),
    readyLimitMs: postgresReadyLimitMs,
    async prepare() {
      mkdirSync(folder, { recursive: true })
      if (user) letIn(user, folder)
      if (existsSync(data)) return
      const unfinished = join(folder, 'data.partial')
      rmSync(unfinished, { recursive: true, force: true })
      const sync = lifetime === 'caller' ? ['--no-sync'] : []
      const settled = ['-U', postgresUser, '-A', 'trust', '-E', 'UTF8', '--locale=C.UTF-8']
      await run('initdb', ['-D', unfinished, ...settled, ...sync])
      renameSync(unfinished, data)
    },
    async probe() {
      await run('pg_isready', [
        '-q',
        '-h',
        '127.0.0.1',
        '-p',
        String(port),
        '-U',
        postgresUser,
        '-d',
        'postgres',
        '-t',
        '2',
      ])
    },
    async populate() {
      const databases = (await query('postgres', 'SELECT datname FROM pg_database')).split('\n')
      for (const database of ['hitlake', 'catalog']) {
        if (!databases.includes(database)) await query('postgres', `CREATE DATABASE ${database}`)
      }
      await query('catalog', catalogTables)
    },
  }
}

// As Iceberg's JdbcCatalog defines them (schema version 1); Trino does not make them.
const catalogTables = `
CREATE TABLE IF NOT EXISTS iceberg_tables (
  catalog_name varchar(255) NOT NULL,
  table_namespace varchar(255) NOT NULL,
  table_name varchar(255) NOT NULL,
  metadata_location varchar(1000),
  previous_metadata_location varchar(1000),
  iceberg_type varchar(5),
  PRIMARY KEY (catalog_name, table_namespace, table_name)
);
CREATE TABLE IF NOT EXISTS iceberg_namespace_properties (
  catalog_name varchar(255) NOT NULL,
  namespace varchar(255) NOT NULL,
  property_key varchar(255) NOT NULL,
  property_value varchar(1000),
  PRIMARY KEY (catalog_name, namespace, property_key)
);`

/** PostgreSQL refuses to run as root; the distribution's package made a user for it. */
function unprivilegedUser() {
  if (process.getuid?.() !== 0) return undefined
  const id = (/** @type {string} */ which) => Number(execFileSync('id', [which, 'postgres'], { encoding: 'utf8' }))
  return { uid: id('-u'), gid: id('-g') }
}

/**
 * Gives the folder to that user, and lets it pass through the one above, which as a test's temporary folder is closed
 * to all but its owner.
 * @param {{ uid: number, gid: number }} user
 * @param {string} folder
 */
function letIn({ uid, gid }, folder) {
  chownSync(folder, uid, gid)
  const above = dirname(folder)
  chmodSync(above, statSync(above).mode | 0o011)
  for (let each = dirname(above); each !== dirname(each); each = dirname(each)) {
    if ((statSync(each).mode & 0o001) === 0) {
      throw new Error(
        `the user postgres cannot reach ${folder}: ${each} lets nobody through (chmod o+x ${each}, or choose another folder with HITLAKE_SERVERS)`,
      )
    }
  }
}
