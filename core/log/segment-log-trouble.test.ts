import { describe, expect, it } from 'vitest'
import { ManualClock } from '../adapters/memory/manual-clock.ts'
import { MemoryDisk } from '../adapters/memory/memory-disk.ts'
import type { HitLog } from '../ports/hit-log.ts'
import { appendGroups, logFolder, openSmallLog, payload, readAll, until } from './log-under-test.ts'
import { frameHeaderBytes, segmentName } from './segment-format.ts'
import { defaultReopenDelayMs, type LogEvent } from './segment-log-options.ts'

const frame = (number: number) => frameHeaderBytes + payload(number).length

describe('the segment log on a disk in trouble', () => {
  async function inTrouble(code: string) {
    const disk = new MemoryDisk()
    const timers = new ManualClock()
    const events: LogEvent[] = []
    const log = await openSmallLog(disk, {
      timers,
      onEvent: (event) => events.push(event),
      segmentMaxBytes: 1_000_000,
      // Just what will wait: where a refused group went on counting, the next append would be refused too.
      queueMaxBytes: frame(2) + frame(3),
    })
    await appendGroups(log, [[1]])
    let broken = true
    disk.fault = ({ kind }) => (broken && kind === 'datasync' ? code : undefined)
    const outcomes = Promise.allSettled([log.append(payload(2)), log.append(payload(3))])
    const repair = () => {
      broken = false
      timers.advance(defaultReopenDelayMs)
      return until(() => log.state === 'open')
    }
    return { disk, log, timers, events, outcomes: await outcomes, repair }
  }

  it.each([
    ['EIO', 'failed'],
    ['ENOSPC', 'full'],
    ['EDQUOT', 'full'],
  ])('refuses all that waited (%s: %s), at once what comes, and uses the offsets again', async (code, reason) => {
    const { disk, log, events, outcomes, repair } = await inTrouble(code)
    for (const outcome of outcomes) expect(outcome).toMatchObject({ status: 'rejected', reason: { reason } })
    expect(log).toMatchObject({ state: reason, next: 1, durable: 1 })
    expect((await readAll(disk, log)).map(String)).toEqual([payload(1).toString()])
    await expect(log.append(payload(4))).rejects.toMatchObject({ reason })
    await repair()
    expect(await log.append(payload(5))).toBe(1)
    expect((await readAll(disk, log)).map(String)).toEqual([payload(1), payload(5)].map(String))
    expect(events).toMatchObject([{ kind: 'unavailable', reason, cause: { code } }, { kind: 'available' }])
    // The failed segment keeps its durable record; what follows is in a new one.
    expect(await disk.list(logFolder)).toEqual([segmentName(0), segmentName(1)])
    const after = await openSmallLog(disk.crash('drop'))
    expect(after.next).toBe(2)
  })

  it('has on disk what a new process found in the failed pages, when the old one died before it mended them', async () => {
    // A full disk has to wait for room: meanwhile the process is killed.
    const { disk } = await inTrouble('ENOSPC')
    disk.fault = undefined
    const second = await openSmallLog(disk)
    await appendGroups(second, [[4]])
    const found = (await readAll(disk, second)).map(String)
    expect(found.at(-1)).toBe(String(payload(4)))
    const left = disk.crash('drop')
    expect((await readAll(left, await openSmallLog(left))).map(String)).toEqual(found)
  })

  it('never syncs the failed pages again: a disk that then says yes to everything has lost nothing acknowledged', async () => {
    const { disk, log, repair } = await inTrouble('EIO')
    await repair()
    await appendGroups(log, [[4], [7]])
    const left = disk.crash('drop')
    const after = await openSmallLog(left)
    expect((await readAll(left, after)).map(String)).toEqual([payload(1), payload(4), payload(7)].map(String))
  })

  it('closes while it is in trouble, and keeps no timer', async () => {
    const { disk, log, timers } = await inTrouble('EIO')
    await log.close()
    expect(log.state).toBe('closed')
    expect(timers.pendingTimers).toBe(0)
    disk.fault = undefined
    const again: HitLog = await openSmallLog(disk)
    expect((await readAll(disk, again)).map(String)).toContain(payload(1).toString())
  })
})
