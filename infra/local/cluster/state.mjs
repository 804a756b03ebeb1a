/** What is remembered of a folder of servers: their ports, keys and processes. Holds the keys, so only its owner may read it. */
import { randomBytes, randomInt } from 'node:crypto'
import { existsSync, readFileSync, renameSync, writeFileSync } from 'node:fs'
import { createServer } from 'node:net'
import { join } from 'node:path'
import { isRunning } from './processes.mjs'

// Below the range from which Linux gives ports to outgoing connections: a server that is stopped for a while must find its port free again.
const firstPort = 20_000
const lastPort = 29_999
/** How often another port is tried before giving up. */
export const portAttempts = 200

/** Which ports a set of servers has, and whose process holds each. */
const holders = { kafka: 'kafka', kafkaController: 'kafka', postgres: 'postgres', s3: 's3', trino: 'trino' }

/**
 * @typedef {object} State
 * @property {1} version
 * @property {Record<keyof typeof holders, number>} ports
 * @property {{ access: string, secret: string }} keys of the object store
 * @property {Partial<Record<import('./servers.d.mts').ServerName, import('./servers.d.mts').ProcessIdentity & { served?: true }>>} processes
 *   `served`: it was ready once, with what it needs in it
 */

/** @param {string} folder */
export function readState(folder) {
  const file = join(folder, 'state.json')
  return existsSync(file) ? /** @type {State} */ (JSON.parse(readFileSync(file, 'utf8'))) : undefined
}

/**
 * @param {string} folder
 * @param {State} state
 */
export function writeState(folder, state) {
  const file = join(folder, 'state.json')
  writeFileSync(`${file}.partial`, `${JSON.stringify(state, undefined, 2)}\n`, { mode: 0o600 })
  renameSync(`${file}.partial`, file)
}

/**
 * The folder's state; keys and ports stay as they were, unless somebody else took a port meanwhile.
 * @param {string} folder
 * @returns {Promise<State>}
 */
export async function openState(folder) {
  const known = readState(folder)
  const ports = /** @type {State['ports']} */ ({})
  for (const [name, holder] of Object.entries(holders)) {
    const before = known?.ports[name]
    const keep = before !== undefined && (isRunning(known?.processes[holder]) || (await isFree(before)))
    ports[name] = keep ? before : await freePort(Object.values(ports))
  }
  const keys = known?.keys ?? {
    access: randomBytes(10).toString('hex'),
    secret: randomBytes(20).toString('hex'),
  }
  const state = { version: /** @type {const} */ (1), ports, keys, processes: known?.processes ?? {} }
  writeState(folder, state)
  return state
}

/** @param {number[]} taken */
async function freePort(taken) {
  for (let attempt = 0; attempt < portAttempts; attempt++) {
    const port = randomInt(firstPort, lastPort + 1)
    if (!taken.includes(port) && (await isFree(port))) return port
  }
  throw new Error(`no free port between ${firstPort} and ${lastPort} in ${portAttempts} attempts`)
}

/** @param {number} port */
function isFree(port) {
  return new Promise((resolve) => {
    const server = createServer()
    server.once('error', () => resolve(false))
    server.listen(port, '127.0.0.1', () => server.close(() => resolve(true)))
  })
}
