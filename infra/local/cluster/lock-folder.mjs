/**
 * One process at a time, by a directory that only one can make. The owner's identity is inside, so the lock of a
 * process that died is taken over.
 */
import { mkdirSync, readFileSync, renameSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { identify, isRunning } from './processes.mjs'

/** How long to wait for another process: a first installation over a slow network. */
export const lockLimitMs = 15 * 60_000
/** A lock without an owner in it is younger than this, or its maker died in between. */
export const lockWithoutOwnerMs = 5_000
const pollMs = 200

/**
 * Runs `work` while no other process (nor another caller in this one) holds the same lock.
 * @template T
 * @param {string} lock path of the directory; its parent exists
 * @param {() => Promise<T>} work
 * @param {{ limitMs: number }} [options] how long to wait for it
 * @returns {Promise<T>}
 * @throws {Error} when it is not free in time
 */
export async function withLock(lock, work, { limitMs } = { limitMs: lockLimitMs }) {
  for (let waitedMs = 0; !tryLock(lock); waitedMs += pollMs) {
    if (waitedMs >= limitMs) {
      throw new Error(`another process has held ${lock} for ${limitMs / 1000} s: see ${join(lock, 'owner.json')}`)
    }
    await sleep(pollMs)
  }
  try {
    return await work()
  } finally {
    rmSync(lock, { recursive: true, force: true })
  }
}

/** @param {string} lock */
function tryLock(lock) {
  try {
    mkdirSync(lock)
  } catch (error) {
    if (error.code !== 'EEXIST') throw error
    if (isAbandoned(lock)) removeAbandoned(lock)
    return false
  }
  writeFileSync(join(lock, 'owner.json'), JSON.stringify(identify(process.pid)))
  return true
}

/** @param {string} lock */
function isAbandoned(lock) {
  try {
    return !isRunning(JSON.parse(readFileSync(join(lock, 'owner.json'), 'utf8')))
  } catch {
    const made = statSync(lock, { throwIfNoEntry: false })
    return made !== undefined && Date.now() - made.mtimeMs > lockWithoutOwnerMs
  }
}

/**
 * Two waiters may find the same lock abandoned, and the slower one then moves a new lock away. Both work then, which
 * costs a second download and no more: installations are renamed into place whole.
 * @param {string} lock
 */
function removeAbandoned(lock) {
  const aside = `${lock}.abandoned-${process.pid}`
  try {
    renameSync(lock, aside)
  } catch (error) {
    if (error.code !== 'ENOENT') throw error
    return
  }
  rmSync(aside, { recursive: true, force: true })
}
