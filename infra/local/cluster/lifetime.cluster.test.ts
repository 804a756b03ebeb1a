/** How long servers live: as long as their caller, or until somebody stops them by the name of their folder. */
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { isRunning, processTree } from './processes.mjs'
import { runningServers, startServers, stopServers } from './servers.mjs'

let folder: string

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'hitlake-servers-'))
})

afterEach(async () => {
  await stopServers({ folder })
  rmSync(folder, { recursive: true, force: true })
})

describe('servers left running', () => {
  it('are started once by two starts at once', async () => {
    const start = () => startServers({ folder, only: ['s3'], lifetime: 'machine' })
    const [first, second] = await Promise.all([start(), start()])
    expect(first.s3.pid).toBeDefined()
    expect(second.s3.pid).toBe(first.s3.pid)
    expect(second.env).toEqual(first.env)
    expect(runningServers({ folder })).toEqual({ running: ['s3'], env: first.env })
  })

  it('are taken over as they are, even while they answer nothing', async () => {
    const first = await startServers({ folder, only: ['s3'], lifetime: 'machine' })
    first.s3.pause()
    const second = await startServers({ folder, only: ['s3'], lifetime: 'machine' })
    expect(second.s3.pid).toBe(first.s3.pid)
    second.s3.resume()
    await second.s3.ready()
  })

  it('are stopped by the name of their folder, and come back with the same ports and keys', async () => {
    const first = await startServers({ folder, only: ['s3'], lifetime: 'machine' })
    expect(await stopServers({ folder })).toEqual(['s3'])
    expect(first.s3.pid).toBeUndefined()
    expect(await stopServers({ folder })).toEqual([])
    const second = await startServers({ folder, only: ['s3'], lifetime: 'machine' })
    expect(second.env).toEqual(first.env)
  })

  it('are never mistaken for a process that was given their pid later', async () => {
    const bystander = spawn('sleep', ['60'])
    try {
      await startServers({ folder, only: ['s3'], lifetime: 'machine' })
      await stopServers({ folder })
      const file = join(folder, 'state.json')
      const state = JSON.parse(readFileSync(file, 'utf8'))
      const boot = readFileSync('/proc/sys/kernel/random/boot_id', 'utf8').trim()
      state.processes.s3 = { pid: bystander.pid, startedTicks: 1, boot }
      writeFileSync(file, JSON.stringify(state))
      expect(await stopServers({ folder })).toEqual([])
      await sleep(100)
      expect(bystander.exitCode ?? bystander.signalCode).toBeNull()
    } finally {
      bystander.kill()
    }
  })
})

describe('servers of a caller', () => {
  it('die with it, even if it is killed', async () => {
    const script = `
      const { startServers } = await import(${JSON.stringify(new URL('./servers.mjs', import.meta.url).href)})
      await startServers({ folder: ${JSON.stringify(folder)}, only: ['s3', 'postgres'] })
      console.log('started')
      setInterval(() => {}, 1000)`
    const caller = spawn(process.execPath, ['--input-type=module', '-e', script], {
      stdio: ['ignore', 'pipe', 'inherit'],
    })
    try {
      await once(caller.stdout, 'data')
      expect(runningServers({ folder })?.running).toEqual(['postgres', 's3'])
      const postmaster = JSON.parse(readFileSync(join(folder, 'state.json'), 'utf8')).processes.postgres
      const tree = processTree(postmaster)
      expect(tree.length).toBeGreaterThan(3)
      caller.kill('SIGKILL')
      await expect.poll(() => runningServers({ folder })?.running, { timeout: 10_000 }).toEqual([])
      // Its backends notice that it has gone.
      await expect.poll(() => tree.filter(isRunning), { timeout: 10_000 }).toEqual([])
    } finally {
      caller.kill('SIGKILL')
    }
  })
})
