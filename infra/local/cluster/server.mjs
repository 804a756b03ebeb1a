/**
 * One server: a process started over a folder and a port that stay the same, so it can be stopped, killed, paused and
 * started again under the feet of its clients.
 */
import { spawn } from 'node:child_process'
import { closeSync, existsSync, openSync, readFileSync } from 'node:fs'
import { setTimeout as sleep } from 'node:timers/promises'
import { endProcess, identify, isRunning, processTree, signalProcess } from './processes.mjs'

/**
 * What each ends by in good order. For PostgreSQL "fast": ends what clients do; SIGTERM would wait until they have gone.
 * @type {Record<import('./servers.d.mts').ServerName, NodeJS.Signals>}
 */
export const stopSignals = { kafka: 'SIGTERM', postgres: 'SIGINT', s3: 'SIGTERM', trino: 'SIGTERM' }

const pollMs = 100
const probeLimitMs = 5_000
const shownLogLines = 20

/**
 * @typedef {import('./servers.d.mts').ProcessIdentity} ProcessIdentity
 *
 * What a server is, said by `kafka.mjs`, `postgres.mjs`, `s3.mjs` and `trino.mjs`.
 * @typedef {object} Definition
 * @property {import('./servers.d.mts').ServerName} name
 * @property {number} port
 * @property {string} log file that takes what the process prints
 * @property {string[]} command file and arguments of the process, which stays in the foreground
 * @property {string} cwd
 * @property {Record<string, string>} [env] added to the little that servers get of ours
 * @property {{ uid: number, gid: number }} [user] whom it runs as, if not as us
 * @property {number} readyLimitMs how long a start may take
 * @property {() => Promise<void>} prepare makes its folder and configuration; repeatable
 * @property {() => Promise<void>} probe throws while it does not serve yet
 * @property {() => Promise<void>} populate what is there from the first start on (databases, buckets); repeatable
 */

/**
 * @param {Definition} definition
 * @param {object} options
 * @param {'caller' | 'machine'} options.lifetime `caller`: it dies with the process that started it, however that ends
 * @param {ProcessIdentity | undefined} options.running a process started earlier; taken over if it still runs
 * @param {(running: ProcessIdentity | undefined) => void} options.record told of each start and stop
 */
export function makeServer(definition, { lifetime, running, record }) {
  let current = running

  async function start() {
    if (isRunning(current)) return
    const child = spawnServer(definition, lifetime)
    let failure
    child.on('error', (error) => {
      failure = error
    })
    current = child.pid === undefined ? undefined : identify(child.pid)
    record(current)
    child.unref()
    await waitUntilReady(() => failure)
  }

  /** @param {() => Error | undefined} failure why the process never came to be */
  async function waitUntilReady(failure = () => undefined) {
    const until = Date.now() + definition.readyLimitMs
    for (;;) {
      try {
        await withinLimit(definition.probe())
        if (isRunning(current)) return
      } catch (error) {
        if (Date.now() >= until) {
          throw trouble(`is not ready after ${definition.readyLimitMs} ms (${error.message})`)
        }
      }
      if (!isRunning(current)) throw trouble(`ended before it was ready${failure() ? ` (${failure()?.message})` : ''}`)
      await sleep(pollMs)
    }
  }

  /** @param {string} what */
  function trouble(what) {
    const text = existsSync(definition.log) ? readFileSync(definition.log, 'utf8').trimEnd() : ''
    const lines = text.split('\n').slice(-shownLogLines).join('\n')
    return new Error(
      `${definition.name} on port ${definition.port} ${what}; read ${definition.log}, which ends with:\n${lines}`,
    )
  }

  /** @param {NodeJS.Signals} signal */
  async function end(signal) {
    if (current !== undefined) await endProcess(current, signal)
    current = undefined
    record(undefined)
  }

  return {
    name: definition.name,
    port: definition.port,
    log: definition.log,
    get pid() {
      return isRunning(current) ? current?.pid : undefined
    },
    start,
    stop: (signal = stopSignals[definition.name]) => end(signal),
    kill: () => end('SIGKILL'),
    pause() {
      // Parents first: one that runs would start again what it sees standing still.
      if (current !== undefined) for (const each of processTree(current)) signalProcess(each, 'SIGSTOP')
    },
    resume() {
      if (current !== undefined) for (const each of processTree(current).reverse()) signalProcess(each, 'SIGCONT')
    },
    ready: () => waitUntilReady(),
  }
}

/**
 * @param {Definition} definition
 * @param {'caller' | 'machine'} lifetime
 */
function spawnServer({ command, cwd, env, user, log }, lifetime) {
  // The kernel's parent-death signal holds when a test run is killed and can clean up nothing any more.
  const [file, ...args] = lifetime === 'caller' ? ['setpriv', '--pdeathsig', 'KILL', '--', ...command] : command
  const output = openSync(log, 'a')
  try {
    return spawn(file, args, {
      cwd,
      env: { PATH: process.env.PATH, HOME: cwd, LANG: 'C.UTF-8', TZ: 'UTC', ...env },
      stdio: ['ignore', output, output],
      // A session of its own: Ctrl-C in the terminal is for the caller, who stops servers in order.
      detached: true,
      ...user,
    })
  } finally {
    closeSync(output)
  }
}

/** @param {Promise<void>} probe */
async function withinLimit(probe) {
  const limit = new AbortController()
  try {
    await Promise.race([
      probe,
      sleep(probeLimitMs, undefined, { signal: limit.signal }).then(() => {
        throw new Error(`no answer within ${probeLimitMs} ms`)
      }),
    ])
  } finally {
    limit.abort()
  }
}
