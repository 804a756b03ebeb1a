/**
 * Trino with the catalog `lake`: Iceberg tables in S3, what is current of each in PostgreSQL's database `catalog`.
 * Started as its launcher starts it, but as one process of ours.
 */
import { randomUUID } from 'node:crypto'
import { mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { postgresUser } from './postgres.mjs'
import { s3Bucket, s3Region } from './s3.mjs'

export const trinoReadyLimitMs = 240_000
export const trinoCatalog = 'lake'

/**
 * @param {{ folder: string, log: string, port: number, postgresPort: number, s3Port: number, keys: { access: string, secret: string }, lifetime: 'caller' | 'machine', installed: import('./servers.d.mts').Installed['trino'] }} options
 * @returns {import('./server.mjs').Definition}
 */
export function defineTrino({ folder, log, port, postgresPort, s3Port, keys, lifetime, installed }) {
  const configuration = join(folder, 'config.properties')
  const catalogs = join(folder, 'catalog')
  return {
    name: 'trino',
    port,
    log,
    cwd: folder,
    command: [
      installed.java,
      '-cp',
      join(installed.home, 'lib', '*'),
      ...jvmOptions,
      ...(lifetime === 'caller' ? shortLifeOptions : ['-XX:+UseG1GC']),
      `-Dconfig=${configuration}`,
      'io.trino.server.TrinoServer',
    ],
    readyLimitMs: trinoReadyLimitMs,
    async prepare() {
      mkdirSync(catalogs, { recursive: true })
      // Holds the keys of the object store.
      writeFileSync(join(catalogs, `${trinoCatalog}.properties`), catalogProperties({ postgresPort, s3Port, keys }), {
        mode: 0o600,
      })
      writeFileSync(join(catalogs, 'tpch.properties'), 'connector.name=tpch\n')
      writeFileSync(configuration, serverProperties({ port, catalogs, home: installed.home }))
    },
    probe: () => askTrino(port),
    async populate() {},
  }
}

const jvmOptions = [
  '-server',
  '-Xmx2G',
  '-XX:ReservedCodeCacheSize=256M',
  '-XX:+ExitOnOutOfMemoryError',
  '-Djdk.attach.allowAttachSelf=true',
  '-Djdk.nio.maxCachedBufferSize=2000000',
  '--add-modules=jdk.incubator.vector',
  '--enable-native-access=ALL-UNNAMED',
  '--sun-misc-unsafe-memory-access=allow',
]

// Only the quick compiler. In the minutes that a test run takes, each query's own code is seldom run often enough to be worth the
// other one, which took a third of Trino's processor time (CPU seconds of one suite: 71 with it, 34 without). And a collector that
// needs no threads of its own (two suites: 256 with G1, 201 with this one).
const shortLifeOptions = ['-XX:TieredStopAtLevel=1', '-XX:+UseSerialGC']

// `task.info.max-age`: tasks that have ended are kept so long (5 min by default), and five times a second Trino 476 makes the
// statistics of each anew (mended later, trinodb/trino#27118): an eighth of its processor time in a suite of small statements.
/** @param {{ port: number, catalogs: string, home: string }} options */
function serverProperties({ port, catalogs, home }) {
  return `node.environment=local
node.id=${randomUUID()}
node.bind-ip=127.0.0.1
node.internal-address=127.0.0.1
coordinator=true
node-scheduler.include-coordinator=true
http-server.http.port=${port}
http-server.log.enabled=false
discovery.uri=http://127.0.0.1:${port}
catalog.config-dir=${catalogs}
plugin.dir=${join(home, 'plugin')}
query.max-memory=1GB
query.max-memory-per-node=1GB
memory.heap-headroom-per-node=384MB
query.max-length=64000000
query.max-history=20
query.min-expire-age=1m
task.info.max-age=10s
`
}

/** @param {{ postgresPort: number, s3Port: number, keys: { access: string, secret: string } }} options */
function catalogProperties({ postgresPort, s3Port, keys }) {
  // The two retentions of 0 s are for tests, which cannot wait a week to see files removed.
  return `connector.name=iceberg
iceberg.catalog.type=jdbc
iceberg.jdbc-catalog.driver-class=org.postgresql.Driver
iceberg.jdbc-catalog.connection-url=jdbc:postgresql://127.0.0.1:${postgresPort}/catalog
iceberg.jdbc-catalog.connection-user=${postgresUser}
iceberg.jdbc-catalog.connection-password=trusted-on-loopback
iceberg.jdbc-catalog.catalog-name=${trinoCatalog}
iceberg.jdbc-catalog.default-warehouse-dir=s3://${s3Bucket}/warehouse
iceberg.register-table-procedure.enabled=true
iceberg.expire-snapshots.min-retention=0s
iceberg.remove-orphan-files.min-retention=0s
fs.native-s3.enabled=true
s3.endpoint=http://127.0.0.1:${s3Port}
s3.region=${s3Region}
s3.path-style-access=true
s3.aws-access-key=${keys.access}
s3.aws-secret-key=${keys.secret}
`
}

const probeQuery = 'SELECT count(*) FROM tpch.tiny.region'

/**
 * Up, and able to scan a table. Trino 476 answers queries for up to 5 s before it counts its own node among those that
 * have its catalogs; until then constants, the information schema and system tables can be read, but a table ends with
 * NO_NODES_AVAILABLE. There may be no table in `lake` yet, so the generated ones of the `tpch` catalog stand in.
 * @param {number} port
 */
async function askTrino(port) {
  const info = await getJson(`http://127.0.0.1:${port}/v1/info`, {})
  if (info.starting !== false) throw new Error('it says that it is starting')
  const headers = { 'X-Trino-User': 'ready' }
  let page = await getJson(`http://127.0.0.1:${port}/v1/statement`, { method: 'POST', body: probeQuery, headers })
  while (page.nextUri) page = await getJson(page.nextUri, { headers })
  if (page.error) throw new Error(page.error.message)
}

/**
 * @param {string} url
 * @param {RequestInit} request
 */
async function getJson(url, request) {
  const response = await fetch(url, { ...request, signal: AbortSignal.timeout(4_000) })
  if (!response.ok) throw new Error(`${url} answered HTTP ${response.status}`)
  return await response.json()
}
