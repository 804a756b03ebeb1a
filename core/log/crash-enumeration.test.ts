import { describe, expect, it } from 'vitest'
import { ManualClock } from '../adapters/memory/manual-clock.ts'
import { type CrashPolicy, MemoryDisk } from '../adapters/memory/memory-disk.ts'
import { LogUnavailableError } from '../errors.ts'
import type { Offset } from '../ids.ts'
import type { HitLog } from '../ports/hit-log.ts'
import { openSmallLog, payload, readAll, until } from './log-under-test.ts'
import { defaultReopenDelayMs } from './segment-log-options.ts'

const policies: readonly CrashPolicy[] = [
  'drop',
  'keep',
  'names',
  'bytes',
  ...Array.from({ length: 12 }, (_, i) => ({ seed: i + 1 })),
]

/** What somebody outside the log knows: what was sent, what was acknowledged, what may be gone. */
class Witness {
  readonly sent = new Set<string>()
  readonly acknowledged = new Map<number, Buffer>()
  trimmedBefore = 0

  async append(log: HitLog, number: number): Promise<void> {
    const bytes = payload(number)
    this.sent.add(bytes.toString())
    const offset = await log.append(bytes)
    // An offset is given out once.
    expect(this.acknowledged.has(offset)).toBe(false)
    this.acknowledged.set(offset, bytes)
  }

  async checks(disk: MemoryDisk, log: HitLog): Promise<readonly Buffer[]> {
    const found = await readAll(disk, log)
    expect(log.oldest).toBeLessThanOrEqual(this.trimmedBefore)
    expect(log.next).toBe(log.oldest + found.length)
    for (const [offset, bytes] of this.acknowledged) {
      if (offset >= log.oldest) expect(found[offset - log.oldest]?.equals(bytes), `record ${offset}`).toBe(true)
    }
    // Nothing that nobody sent, and nothing twice.
    const texts = found.map((bytes) => bytes.toString())
    expect(new Set(texts).size).toBe(texts.length)
    for (const text of texts) expect(this.sent.has(text)).toBe(true)
    return found
  }
}

/** Groups of one and of several records, a burst behind a running sync, rotations, and two trims. */
async function workload(log: HitLog, witness: Witness, from: number): Promise<PromiseSettledResult<unknown>[]> {
  const results: Promise<unknown>[] = []
  let number = from
  const burst = (count: number) => Promise.allSettled(Array.from({ length: count }, () => add()))
  const add = () => {
    const stored = witness.append(log, number++)
    results.push(stored)
    return stored
  }
  await burst(1)
  await burst(3)
  const running = add().catch(() => undefined)
  await Promise.resolve()
  await burst(4)
  await running
  const trim = async () => {
    witness.trimmedBefore = Math.max(witness.trimmedBefore, log.durable - 2)
    const trimmed = log.trim((log.durable - 2) as Offset)
    results.push(trimmed)
    await trimmed.catch(() => undefined)
  }
  await trim()
  await Promise.all([burst(5), trim()])
  for (const count of [2, 1, 6, 1, 3]) await burst(count)
  await Promise.all([trim(), burst(2)])
  await burst(1)
  return Promise.allSettled(results)
}

async function operationsOfAWholeRun(): Promise<number> {
  const disk = new MemoryDisk()
  const witness = new Witness()
  const log = await openSmallLog(disk)
  await workload(log, witness, 0)
  await log.close()
  expect(witness.acknowledged.size).toBe(30)
  expect(log.oldest).toBeGreaterThan(0)
  return disk.operations
}

describe('the log, when the machine stops', () => {
  it('keeps every acknowledged record and invents none, at any operation and whatever of the unsynced survives', async () => {
    const operations = await operationsOfAWholeRun()
    expect(operations).toBeGreaterThan(60)
    for (let stop = 1; stop <= operations + 1; stop++) {
      const disk = new MemoryDisk()
      const witness = new Witness()
      disk.stopAt(stop)
      await openSmallLog(disk).then(
        (log) => workload(log, witness, 0),
        () => undefined,
      )
      for (const policy of policies) {
        const left = disk.crash(policy)
        const log = await openSmallLog(left)
        const found = await witness.checks(left, log)
        // What was found is on disk: a second stop changes nothing, not even before the log is closed.
        const again = left.crash('drop')
        const second = await openSmallLog(again)
        expect((await readAll(again, second)).map(String)).toEqual(found.map(String))
        expect([second.id, second.oldest, second.next]).toEqual([log.id, log.oldest, log.next])
        // And it goes on.
        await witness.append(second, 1_000)
        await second.close()
        const third = await openSmallLog(again.crash('drop'))
        expect(third.next).toBe(second.next)
        witness.acknowledged.delete(second.next - 1)
      }
    }
  })

  it('does so when it stops again at any operation of the recovery', async () => {
    const operations = await operationsOfAWholeRun()
    for (let stop = 1; stop <= operations; stop += 3) {
      const disk = new MemoryDisk()
      const witness = new Witness()
      disk.stopAt(stop)
      await openSmallLog(disk).then(
        (log) => workload(log, witness, 0),
        () => undefined,
      )
      for (const policy of ['names', 'keep', { seed: stop }] satisfies CrashPolicy[]) {
        for (let recovery = 1; recovery < 10; recovery++) {
          const left = disk.crash(policy)
          left.stopAt(recovery)
          await openSmallLog(left).catch(() => undefined)
          for (const second of ['drop', { seed: recovery }] satisfies CrashPolicy[]) {
            const rest = left.crash(second)
            await witness.checks(rest, await openSmallLog(rest))
          }
        }
      }
    }
  })
})

describe('the log, when the disk refuses one operation', () => {
  it.each(['EIO', 'ENOSPC'])(
    'loses nothing acknowledged, says so, and mends itself (%s at every operation)',
    async (code) => {
      const operations = await operationsOfAWholeRun()
      let refusals = 0
      for (let fail = 1; fail <= operations; fail++) {
        const disk = new MemoryDisk()
        const witness = new Witness()
        const timers = new ManualClock()
        disk.failAt(fail, code)
        const log = await openSmallLog(disk, { timers }).catch(async (error) => {
          expect(error).toMatchObject({ name: 'DiskError', code })
          return openSmallLog(disk, { timers })
        })
        for (const result of await workload(log, witness, 0)) {
          if (result.status === 'fulfilled') continue
          refusals++
          // Appends have an error that tells the client to come again; trim has the disk's own.
          if (result.reason instanceof LogUnavailableError) {
            expect(result.reason).toMatchObject({ code: 'log_unavailable', reason: code === 'EIO' ? 'failed' : 'full' })
            expect((result.reason.cause as { code?: string } | undefined)?.code ?? code).toBe(code)
          } else expect(result.reason).toMatchObject({ name: 'DiskError', code })
        }
        await witness.checks(disk, log)
        timers.advance(defaultReopenDelayMs)
        await until(() => log.state === 'open')
        await workload(log, witness, 100)
        expect(log.state).toBe('open')
        await witness.checks(disk, log)
        for (const policy of ['drop', 'keep', { seed: fail }] satisfies CrashPolicy[]) {
          const left = disk.crash(policy)
          await witness.checks(left, await openSmallLog(left))
        }
        await log.close()
      }
      expect(refusals).toBeGreaterThan(operations / 2)
    },
  )

  it('loses nothing acknowledged when mending fails too, or the machine stops meanwhile', async () => {
    const operations = await operationsOfAWholeRun()
    for (let fail = 3; fail <= operations; fail++) {
      for (const width of [2, 3, 4, 6]) {
        const disk = new MemoryDisk()
        const witness = new Witness()
        const timers = new ManualClock()
        disk.fault = ({ number }) => (number >= fail && number < fail + width ? 'EIO' : undefined)
        const open = () => openSmallLog(disk, { timers })
        let log: HitLog | undefined
        while (!log) log = await open().catch(() => undefined)
        await workload(log, witness, 0)
        const left = disk.crash({ seed: fail })
        await witness.checks(left, await openSmallLog(left))
        for (let i = 0; i < 500; i++) {
          timers.advance(defaultReopenDelayMs)
          await Promise.resolve()
        }
        expect(log.state).toBe('open')
        await workload(log, witness, 100)
        const after = disk.crash('drop')
        await witness.checks(after, await openSmallLog(after))
      }
    }
  })
})
