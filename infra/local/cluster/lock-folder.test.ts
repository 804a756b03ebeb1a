import { mkdirSync, mkdtempSync, readdirSync, rmSync, utimesSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { lockWithoutOwnerMs, withLock } from './lock-folder.mjs'
import { identify } from './processes.mjs'

let folder: string
let lock: string

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'hitlake-lock-'))
  lock = join(folder, 'a.lock')
})

afterEach(() => rmSync(folder, { recursive: true, force: true }))

// The owner's identity is read from /proc.
describe.runIf(process.platform === 'linux')('a lock folder', () => {
  it('lets one in at a time', async () => {
    let inside = 0
    let most = 0
    const work = async () => {
      most = Math.max(most, ++inside)
      await sleep(30)
      return inside--
    }
    await Promise.all([withLock(lock, work), withLock(lock, work), withLock(lock, work)])
    expect(most).toBe(1)
    expect(readdirSync(folder)).toEqual([])
  })

  it('is given back when the work fails', async () => {
    await expect(withLock(lock, () => Promise.reject(new Error('no luck')))).rejects.toThrow('no luck')
    expect(await withLock(lock, async () => 'next')).toBe('next')
  })

  it('is taken over from an owner that died', async () => {
    const us = identify(process.pid)
    ownedBy({ ...us, startedTicks: 1 })
    expect(await withLock(lock, async () => 'taken over')).toBe('taken over')
  })

  it('is not taken from an owner that runs: it gives up after its limit and names the file to look at', async () => {
    ownedBy(identify(process.pid))
    await expect(withLock(lock, async () => 'never', { limitMs: 400 })).rejects.toThrow(
      `another process has held ${lock} for 0.4 s: see ${join(lock, 'owner.json')}`,
    )
  })

  it('without an owner is left to whoever just made it, and taken over when that is long ago', async () => {
    mkdirSync(lock)
    await expect(withLock(lock, async () => 'too early', { limitMs: 400 })).rejects.toThrow('another process')
    const longAgo = (Date.now() - lockWithoutOwnerMs - 1_000) / 1_000
    utimesSync(lock, longAgo, longAgo)
    expect(await withLock(lock, async () => 'taken over')).toBe('taken over')
  })
})

function ownedBy(owner: object | undefined): void {
  mkdirSync(lock)
  writeFileSync(join(lock, 'owner.json'), JSON.stringify(owner))
}
