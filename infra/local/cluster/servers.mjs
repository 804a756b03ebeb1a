/**
 * Kafka, PostgreSQL, S3 and Trino on loopback, over one folder: for tests, and for `npm run cluster:up`. The folder
 * remembers ports, keys and data, so the same servers come back when it is started again.
 *
 * <folder>/state.json   ports, keys, processes          <folder>/logs/<server>.log
 * <folder>/kafka, postgres, s3, trino                    each server's configuration and data
 */
import { mkdirSync } from 'node:fs'
import { join, resolve } from 'node:path'
import { installServers } from './install.mjs'
import { defineKafka } from './kafka.mjs'
import { withLock } from './lock-folder.mjs'
import { definePostgres, postgresUser } from './postgres.mjs'
import { endProcess, identify, isRunning } from './processes.mjs'
import { defineS3, s3Bucket, s3Region } from './s3.mjs'
import { makeServer, stopSignals } from './server.mjs'
import { openState, readState, writeState } from './state.mjs'
import { defineTrino, trinoCatalog } from './trino.mjs'

/** @type {readonly import('./servers.d.mts').ServerName[]} */
export const allServers = ['kafka', 'postgres', 's3', 'trino']

/** @type {typeof import('./servers.d.mts').startServers} */
export async function startServers({ folder, only = allServers, lifetime = 'caller' }) {
  const root = resolve(folder)
  const names = withNeeded(only)
  mkdirSync(join(root, 'logs'), { recursive: true })
  const installed = await installServers({ only: names })
  return await withLock(join(root, 'start.lock'), async () => {
    const state = await openState(root)
    const all = names.map((name) => {
      const definition = define[name](root, installed, { ...state, lifetime })
      const running = state.processes[name]
      const record = recorder(root, name)
      const server = makeServer(definition, { lifetime, running, record })
      const served = () => record({ ...identify(server.pid), served: true })
      return { definition, server, served, hasServed: running?.served === true }
    })
    const ours = all.filter(({ server }) => server.pid === undefined)
    const starts = await Promise.allSettled(all.map(bringUp))
    const failures = starts.filter(({ status }) => status === 'rejected').map(({ reason }) => reason)
    if (failures.length > 0) {
      await Promise.all(ours.map(({ server }) => server.stop()))
      throw failures.length === 1 ? failures[0] : new AggregateError(failures, failures.map(messageOf).join('\n\n'))
    }
    return {
      ...Object.fromEntries(all.map(({ server }) => [server.name, server])),
      folder: root,
      env: environment(state, names),
      stop: async () => void (await Promise.all(all.map(({ server }) => server.stop()))),
    }
  })
}

/** @type {typeof import('./servers.d.mts').stopServers} */
export async function stopServers({ folder }) {
  const root = resolve(folder)
  if (readState(root) === undefined) return []
  return await withLock(join(root, 'start.lock'), async () => {
    const { processes } = readState(root)
    const running = allServers.filter((name) => isRunning(processes[name]))
    await Promise.all(running.map((name) => endProcess(processes[name], stopSignals[name])))
    for (const name of allServers) recorder(root, name)(undefined)
    return running
  })
}

/** @type {typeof import('./servers.d.mts').runningServers} */
export function runningServers({ folder }) {
  const state = readState(resolve(folder))
  if (state === undefined) return undefined
  const names = allServers.filter((name) => isRunning(state.processes[name]))
  return { running: names, env: environment(state, names) }
}

/**
 * One that runs and has served before is taken as it is: it may be busy, or of an older configuration, and is in use.
 * @param {{ definition: import('./server.mjs').Definition, server: import('./servers.d.mts').Server, served: () => void, hasServed: boolean }} one
 */
async function bringUp({ definition, server, served, hasServed }) {
  if (server.pid === undefined) {
    await definition.prepare()
    await server.start()
  } else {
    if (hasServed) return
    await server.ready()
  }
  await definition.populate()
  served()
}

const define = {
  kafka: (root, { kafka }, { ports, lifetime }) =>
    defineKafka({
      ...place(root, 'kafka'),
      port: ports.kafka,
      controllerPort: ports.kafkaController,
      lifetime,
      installed: kafka,
    }),
  postgres: (root, { postgres }, { ports, lifetime }) =>
    definePostgres({ ...place(root, 'postgres'), port: ports.postgres, lifetime, installed: postgres }),
  s3: (root, { s3 }, { ports, keys }) => defineS3({ ...place(root, 's3'), port: ports.s3, keys, installed: s3 }),
  trino: (root, { trino }, { ports, keys, lifetime }) =>
    defineTrino({
      ...place(root, 'trino'),
      port: ports.trino,
      postgresPort: ports.postgres,
      s3Port: ports.s3,
      keys,
      lifetime,
      installed: trino,
    }),
}

function place(root, name) {
  return { folder: join(root, name), log: join(root, 'logs', `${name}.log`) }
}

/** Trino is nothing without its catalog and its files. */
function withNeeded(names) {
  return allServers.filter(
    (name) => names.includes(name) || (names.includes('trino') && (name === 'postgres' || name === 's3')),
  )
}

function recorder(root, name) {
  return (running) => {
    const state = readState(root)
    // A test may have removed the folder before it lets go of its servers.
    if (state === undefined) return
    const { [name]: _, ...others } = state.processes
    writeState(root, { ...state, processes: running ? { ...others, [name]: running } : others })
  }
}

/** The settings of Hitlake that name these servers. */
function environment({ ports, keys }, names) {
  const http = (port) => `http://127.0.0.1:${port}`
  const ofServer = {
    kafka: { HITLAKE_KAFKA_BROKERS: `127.0.0.1:${ports.kafka}` },
    postgres: { HITLAKE_POSTGRES_URL: `postgres://${postgresUser}@127.0.0.1:${ports.postgres}/hitlake` },
    s3: {
      HITLAKE_OBJECTS_URI: `s3://${s3Bucket}/hitlake`,
      HITLAKE_S3_ENDPOINT: http(ports.s3),
      HITLAKE_S3_REGION: s3Region,
      HITLAKE_S3_ACCESS_KEY: keys.access,
      HITLAKE_S3_SECRET_KEY: keys.secret,
    },
    trino: { HITLAKE_TRINO_URL: http(ports.trino), HITLAKE_TRINO_CATALOG: trinoCatalog },
  }
  return Object.assign({ HITLAKE_MODE: 'cluster' }, ...names.map((name) => ofServer[name]))
}

function messageOf(error) {
  return error.message
}
