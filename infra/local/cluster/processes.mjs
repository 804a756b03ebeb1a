/**
 * Processes by what they are, not by their number alone: a pid is given again after its process ends, so whoever
 * signals one later (a second `up`, `down`, a test that restarts a server) compares its start as well.
 * Reads /proc, so Linux only.
 */
import { readdirSync, readFileSync } from 'node:fs'
import { setTimeout as sleep } from 'node:timers/promises'

/** How long a process may take to end by itself before it is killed. */
export const stopLimitMs = 30_000
/** How long the kernel may take to end a killed process. */
export const killLimitMs = 10_000
/** How long the parent of one that ended may take to take note of it; none need ever do so. */
export const takenAwayLimitMs = 2_000
const pollMs = 25

/**
 * @typedef {import('./servers.d.mts').ProcessIdentity} ProcessIdentity
 */

/**
 * @param {number} pid
 * @returns {ProcessIdentity | undefined} undefined when no such process runs (one that ended and waits for its parent does not run)
 */
export function identify(pid) {
  const stat = readStat(pid)
  return stat && !stat.hasEnded ? { pid, startedTicks: stat.startedTicks, boot: bootId() } : undefined
}

/** @param {ProcessIdentity | undefined} identity */
export function isRunning(identity) {
  if (identity === undefined) return false
  const found = identify(identity.pid)
  return found !== undefined && found.startedTicks === identity.startedTicks && found.boot === identity.boot
}

/**
 * The process and all below it, parents first. A signal to the process group would not do: every PostgreSQL backend
 * leads a session of its own.
 * @param {ProcessIdentity} root
 * @returns {ProcessIdentity[]}
 */
export function processTree(root) {
  if (!isRunning(root)) return []
  const childrenOf = new Map()
  for (const name of readdirSync('/proc')) {
    const stat = /^\d+$/.test(name) ? readStat(Number(name)) : undefined
    if (stat === undefined || stat.hasEnded) continue
    const siblings = childrenOf.get(stat.parent) ?? []
    childrenOf.set(stat.parent, siblings)
    siblings.push(Number(name))
  }
  const tree = [root.pid]
  for (let i = 0; i < tree.length; i++) tree.push(...(childrenOf.get(tree[i]) ?? []))
  return tree.map(identify).filter((identity) => identity !== undefined)
}

/**
 * Sends a signal if it is still that process.
 * @param {ProcessIdentity} identity
 * @param {NodeJS.Signals} signal
 */
export function signalProcess(identity, signal) {
  if (!isRunning(identity)) return
  try {
    process.kill(identity.pid, signal)
  } catch (error) {
    if (error.code !== 'ESRCH') throw error
  }
}

/**
 * Ends a process and everything below it; kills what has not gone after `stopMs`. Nothing of it runs afterwards, and where
 * its parent takes note of its end in time, its number is free.
 * @param {ProcessIdentity} root
 * @param {NodeJS.Signals} signal what the process ends by; with SIGKILL all below it gets the same
 * @param {{ stopMs: number }} [limits]
 */
export async function endProcess(root, signal, { stopMs } = { stopMs: stopLimitMs }) {
  const tree = processTree(root)
  const toSignal = signal === 'SIGKILL' ? tree : [root]
  for (const each of toSignal) signalProcess(each, signal)
  // A stopped process handles no signal but SIGKILL until it is continued.
  for (const each of tree) signalProcess(each, 'SIGCONT')
  if (!(await noneIs(isRunning, tree, signal === 'SIGKILL' ? killLimitMs : stopMs))) {
    for (const each of tree) signalProcess(each, 'SIGKILL')
    if (!(await noneIs(isRunning, tree, killLimitMs))) {
      const left = tree.filter(isRunning).map(({ pid }) => pid)
      throw new Error(`processes ${left.join(', ')} still run ${killLimitMs} ms after SIGKILL`)
    }
  }
  await noneIs(isListed, [root], takenAwayLimitMs)
}

/**
 * Whether the process is there in any way: also one that ended and waits for its parent, which PostgreSQL, started again,
 * takes for a server that runs.
 * @param {ProcessIdentity} identity
 */
function isListed({ pid, startedTicks }) {
  return readStat(pid)?.startedTicks === startedTicks
}

/**
 * @param {(identity: ProcessIdentity) => boolean} is
 * @param {ProcessIdentity[]} processes
 * @param {number} limitMs
 */
async function noneIs(is, processes, limitMs) {
  for (let waitedMs = 0; ; waitedMs += pollMs) {
    if (!processes.some(is)) return true
    if (waitedMs >= limitMs) return false
    await sleep(pollMs)
  }
}

/** @param {number} pid */
function readStat(pid) {
  let text
  try {
    text = readFileSync(`/proc/${pid}/stat`, 'latin1')
  } catch {
    return undefined
  }
  // proc(5): the second field is the name in parentheses and may hold anything, so count from its end:
  // state (3), ppid (4), … num_threads (20), … starttime (22).
  const fields = text.slice(text.lastIndexOf(')') + 2).split(' ')
  const [state, parent, threads, startedTicks] = [fields[0], Number(fields[1]), Number(fields[17]), Number(fields[19])]
  // A zombie only waits for its parent, unless other threads are still on their way out: those hold ports and files.
  return { parent, startedTicks, hasEnded: state === 'X' || (state === 'Z' && threads <= 1) }
}

function bootId() {
  return readFileSync('/proc/sys/kernel/random/boot_id', 'latin1').trim()
}
