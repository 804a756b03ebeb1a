import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { afterEach, describe, expect, it } from 'vitest'
import { endProcess, identify, isRunning, processTree, signalProcess, takenAwayLimitMs } from './processes.mjs'
import type { ProcessIdentity } from './servers.mjs'

const spawned: ChildProcess[] = []

afterEach(() => {
  for (const child of spawned.splice(0)) child.kill('SIGKILL')
})

// Everything here reads /proc.
describe.runIf(process.platform === 'linux')('processes', () => {
  it('are known by their start, so a pid that was given again is another process', async () => {
    const identity = await run('exec sleep 60')
    expect(isRunning(identity)).toBe(true)
    expect(isRunning({ ...identity, startedTicks: identity.startedTicks - 1 })).toBe(false)
    expect(isRunning({ ...identity, boot: 'another' })).toBe(false)
  })

  it('get no signal that was meant for an earlier process of their pid', async () => {
    const identity = await run('exec sleep 60')
    const earlier = { ...identity, startedTicks: identity.startedTicks - 1 }
    signalProcess(earlier, 'SIGKILL')
    await endProcess(earlier, 'SIGKILL')
    expect(isRunning(identity)).toBe(true)
  })

  it('do not run once they have ended', async () => {
    const identity = await run('exec sleep 60')
    await endProcess(identity, 'SIGTERM')
    expect(isRunning(identity)).toBe(false)
    expect(identify(identity.pid)).toBeUndefined()
    expect(processTree(identity)).toEqual([])
  })

  it('end with all below them, in sessions of their own too', async () => {
    const identity = await run('setsid sh -c "sleep 60; true" & sleep 60 & wait')
    await expect.poll(() => processTree(identity).length).toBe(4)
    const tree = processTree(identity)
    expect(tree[0]).toEqual(identity)
    await endProcess(identity, 'SIGKILL')
    expect(tree.filter(isRunning)).toEqual([])
  })

  it('end though they stand still', async () => {
    const identity = await run('exec sleep 60')
    signalProcess(identity, 'SIGSTOP')
    await endProcess(identity, 'SIGTERM')
    expect(isRunning(identity)).toBe(false)
  })

  it('are killed when they have not ended in their time', async () => {
    const identity = await run('trap "" TERM; while :; do sleep 1; done')
    const child = spawned.at(-1)
    // With its child it is past the trap; a signal before would end it.
    await expect.poll(() => processTree(identity).length).toBe(2)
    await endProcess(identity, 'SIGTERM', { stopMs: 200 })
    expect(isRunning(identity)).toBe(false)
    await expect.poll(() => child?.signalCode).toBe('SIGKILL')
  })

  it('leave their number free once their parent has taken note', async () => {
    const identity = await runBelow(parentBusyForMs(500))
    await endProcess(identity, 'SIGKILL')
    expect(() => process.kill(identity.pid, 0)).toThrow('ESRCH')
  })

  it('whose parent takes no note in time are left to it', async () => {
    const identity = await runBelow(parentBusyForMs(takenAwayLimitMs + 60_000))
    await endProcess(identity, 'SIGKILL')
    expect(isRunning(identity)).toBe(false)
    process.kill(identity.pid, 0)
  })
})

/** A process that starts another and then sees nothing of it for so long. */
function parentBusyForMs(ms: number): string {
  return `const { pid } = require('node:child_process').spawn('sleep', ['60'])
require('node:fs').writeSync(1, String(pid))
for (const end = Date.now() + ${ms}; Date.now() < end; ) Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 10)
setTimeout(() => {}, 60_000)`
}

/** Runs Node with a script that writes the number of a process below it; gives that one. */
async function runBelow(script: string): Promise<ProcessIdentity> {
  const child = spawn(process.execPath, ['-e', script], { stdio: ['ignore', 'pipe', 'ignore'] })
  spawned.push(child)
  const [pid] = await once(child.stdout, 'data')
  const identity = identify(Number(pid))
  if (identity === undefined) throw new Error('it ended at once')
  return identity
}

/** Runs a script that says so once it runs. */
async function run(script: string): Promise<ProcessIdentity> {
  const child = spawn('sh', ['-c', `echo started; ${script}`], { stdio: ['ignore', 'pipe', 'ignore'] })
  spawned.push(child)
  await once(child.stdout, 'data')
  const identity = identify(child.pid ?? 0)
  if (identity === undefined) throw new Error('it ended at once')
  return identity
}
