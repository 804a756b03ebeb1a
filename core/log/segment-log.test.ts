import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { ManualClock } from '../adapters/memory/manual-clock.ts'
import { MemoryDisk } from '../adapters/memory/memory-disk.ts'
import { nodeDisk } from '../adapters/node/node-disk.ts'
import type { Offset } from '../ids.ts'
import { hitLogContract } from '../ports/hit-log.contract.ts'
import type { HitLog } from '../ports/hit-log.ts'
import { appendGroups, fileBytes, logFolder, openSmallLog, payload, readAll, until } from './log-under-test.ts'
import { frameHeaderBytes, headerBytes, segmentName } from './segment-format.ts'
import { defaultReopenDelayMs, type LogEvent } from './segment-log-options.ts'

hitLogContract('the segment log over MemoryDisk', async () => {
  const disk = new MemoryDisk()
  return { open: () => openSmallLog(disk), read: (log) => readAll(disk, log), cleanup: async () => undefined }
})

hitLogContract('the segment log over nodeDisk', async () => {
  const root = await mkdtemp(join(tmpdir(), 'hitlake-log-'))
  const disk = nodeDisk(root)
  return {
    open: () => openSmallLog(disk),
    read: (log) => readAll(disk, log),
    cleanup: () => rm(root, { recursive: true }),
  }
})

const frame = (number: number) => frameHeaderBytes + payload(number).length

describe('the segment log', () => {
  it('answers as a list does, for any sequence of appends, stops, restarts, trims and reads', async () => {
    type Step =
      | { readonly kind: 'append'; readonly count: number }
      | { readonly kind: 'reopen' }
      | { readonly kind: 'crash'; readonly seed: number }
      | { readonly kind: 'trim' | 'read'; readonly share: number }
    const share = fc.double({ min: 0, max: 1, noNaN: true })
    const step: fc.Arbitrary<Step> = fc.oneof(
      {
        weight: 4,
        arbitrary: fc.record({ kind: fc.constant('append' as const), count: fc.integer({ min: 1, max: 9 }) }),
      },
      fc.record({ kind: fc.constant('reopen' as const) }),
      fc.record({ kind: fc.constant('crash' as const), seed: fc.nat() }),
      fc.record({ kind: fc.constantFrom('trim' as const, 'read' as const), share }),
    )
    await fc.assert(
      fc.asyncProperty(fc.array(step, { maxLength: 40 }), async (steps) => {
        let disk = new MemoryDisk()
        let log = await openSmallLog(disk)
        const model: string[] = []
        for (const one of steps) {
          if (one.kind === 'append') {
            const numbers = Array.from({ length: one.count }, (_, i) => model.length + i)
            expect(await Promise.all(numbers.map((number) => log.append(payload(number))))).toEqual(numbers)
            model.push(...numbers.map((number) => payload(number).toString()))
          } else if (one.kind === 'reopen' || one.kind === 'crash') {
            const { id, oldest } = log
            if (one.kind === 'reopen') await log.close()
            else disk = disk.crash({ seed: one.seed })
            log = await openSmallLog(disk)
            expect(log).toMatchObject({ id, oldest, next: model.length, durable: model.length, state: 'open' })
          } else {
            const place = Math.floor(one.share * (model.length + 1)) as Offset
            if (one.kind === 'trim') {
              await log.trim(place)
              expect(log.oldest).toBeLessThanOrEqual(place)
            } else if (place >= log.oldest) {
              expect((await readAll(disk, log, place)).map(String)).toEqual(model.slice(place))
            } else await expect(readAll(disk, log, place)).rejects.toMatchObject({ code: 'LOG_OFFSET_TRIMMED' })
          }
        }
        expect((await readAll(disk, log)).map(String)).toEqual(model.slice(log.oldest))
        await log.close()
        const sizes = await Promise.all((await disk.list(logFolder)).map((name) => disk.size(`${logFolder}/${name}`)))
        expect(log.bytes).toBe(sizes.reduce<number>((sum, size) => sum + (size ?? 0), 0))
      }),
      { numRuns: 150 },
    )
  })

  it('syncs appends that wait together once', async () => {
    const disk = new MemoryDisk()
    const log = await openSmallLog(disk, { segmentMaxBytes: 1_000_000 })
    let syncs = 0
    disk.fault = ({ kind }) => {
      if (kind === 'datasync') syncs++
      return undefined
    }
    const first = log.append(payload(1))
    await Promise.resolve()
    await Promise.resolve()
    await Promise.all([first, ...Array.from({ length: 100 }, (_, i) => log.append(payload(i)))])
    expect(syncs).toBe(2)
  })

  it('seals a segment that reached its size and goes on in one named by the next offset', async () => {
    const disk = new MemoryDisk()
    const log = await openSmallLog(disk, { segmentMaxBytes: headerBytes + frame(1) + frame(2) })
    await appendGroups(log, [[1], [2], [3]])
    expect(await disk.list(logFolder)).toEqual([segmentName(0), segmentName(2)])
    expect(await disk.size(`${logFolder}/${segmentName(0)}`)).toBe(headerBytes + frame(1) + frame(2))
  })

  it('never trims the segment that is written to, nor one that holds a record still wanted', async () => {
    const disk = new MemoryDisk()
    const log = await openSmallLog(disk, { segmentMaxBytes: headerBytes + 1 })
    await appendGroups(log, [[1], [2], [3]])
    await log.trim(1 as Offset)
    expect(log.oldest).toBe(1)
    await log.trim(1 as Offset)
    await log.trim(3 as Offset)
    expect(log.oldest).toBe(3)
    await log.trim(1_000 as Offset)
    expect(await disk.list(logFolder)).toEqual([segmentName(3)])
    const reopened = await openSmallLog(disk.crash('drop'))
    expect(reopened).toMatchObject({ id: log.id, oldest: 3, next: 3 })
  })

  it('puts on disk what a killed process left in the page cache, before it gives anybody those records', async () => {
    const before = new MemoryDisk()
    const first = await openSmallLog(before)
    await appendGroups(first, [[1], [7, 13]])
    const bytes = await fileBytes(before, `${logFolder}/${segmentName(0)}`)
    // The same bytes and name, seen by everybody, none of them synced.
    const disk = new MemoryDisk()
    await disk.makeFolder(logFolder)
    const file = await disk.open(`${logFolder}/${segmentName(0)}`, 'create')
    await file.write(bytes, 0)
    const found = await openSmallLog(disk)
    expect(found.durable).toBe(3)
    expect(await openSmallLog(disk.crash('drop'))).toMatchObject({ id: first.id, durable: 3 })
  })

  it('leaves no gap where a trim was not synced and the machine stops in the next one', async () => {
    for (let seed = 0; seed < 20; seed++) {
      const disk = new MemoryDisk()
      const log = await openSmallLog(disk, { segmentMaxBytes: headerBytes + 1 })
      await appendGroups(log, [[1], [2], [3], [4]])
      let refused = false
      disk.fault = ({ kind }) => (kind === 'syncFolder' && !refused ? 'EIO' : undefined)
      await expect(log.trim(1 as Offset)).rejects.toMatchObject({ code: 'EIO' })
      refused = true
      let removed = false
      disk.fault = ({ kind }) => {
        const stands = removed && kind === 'syncFolder'
        removed ||= kind === 'remove'
        return stands ? 'EIO' : undefined
      }
      await expect(log.trim(3 as Offset)).rejects.toMatchObject({ code: 'EIO' })
      const after = await openSmallLog(disk.crash({ seed }))
      expect(after.next).toBe(4)
      expect(after.oldest).toBeGreaterThan(0)
    }
  })

  it('begins a new log in an empty folder, and removes what a stop while a segment was made left', async () => {
    const disk = new MemoryDisk()
    await disk.makeFolder(logFolder)
    await (await disk.open(`${logFolder}/${segmentName(0)}.new`, 'create')).close()
    const log = await openSmallLog(disk)
    expect(log).toMatchObject({ oldest: 0, next: 0, durable: 0, bytes: headerBytes, state: 'open' })
    expect(log.id).toMatch(/^[0-9a-f]{32}$/)
    await (await disk.open(`${logFolder}/${segmentName(7)}.new`, 'create')).close()
    const again = await openSmallLog(disk)
    expect(await disk.list(logFolder)).toEqual([segmentName(0)])
    expect(again.id).toBe(log.id)
  })
})

describe('the limits of the segment log', () => {
  const full = { name: 'LogUnavailableError', code: 'log_unavailable', reason: 'full' }

  it('refuse a record over recordMaxBytes, and take one of exactly that', async () => {
    const disk = new MemoryDisk()
    const log = await openSmallLog(disk, { recordMaxBytes: 1_000 })
    await expect(log.append(Buffer.alloc(1_001))).rejects.toThrow('recordMaxBytes')
    expect(await log.append(Buffer.alloc(1_000, 'a'))).toBe(0)
    expect(await log.append(Buffer.alloc(0))).toBe(1)
    expect((await readAll(disk, log)).map((bytes) => bytes.length)).toEqual([1_000, 0])
  })

  it('refuse what would wait beyond queueMaxBytes, and take it when the queue is written', async () => {
    const disk = new MemoryDisk()
    const log = await openSmallLog(disk, { queueMaxBytes: frame(1) + frame(2), segmentMaxBytes: 1_000_000 })
    const waiting = [log.append(payload(1))]
    // The first group is being written: it counts until it is on disk.
    await Promise.resolve()
    waiting.push(log.append(payload(2)))
    await expect(log.append(Buffer.alloc(0))).rejects.toMatchObject(full)
    expect(await Promise.all(waiting)).toEqual([0, 1])
    expect(await log.append(payload(2))).toBe(2)
  })

  it('refuse appends at maxBytes until trim makes room, the only segment included', async () => {
    const disk = new MemoryDisk()
    const events: string[] = []
    const maxBytes = headerBytes + frame(1) + frame(2)
    const log = await openSmallLog(disk, {
      maxBytes,
      segmentMaxBytes: 1_000_000,
      onEvent: ({ kind }) => events.push(kind),
    })
    await appendGroups(log, [[1], [2]])
    expect(log).toMatchObject({ bytes: maxBytes, state: 'open' })
    await expect(log.append(Buffer.alloc(0))).rejects.toMatchObject(full)
    expect(log).toMatchObject({ next: 2, durable: 2, state: 'full' })
    await until(() => log.bytes > maxBytes)
    await log.trim(1 as Offset)
    await expect(log.append(Buffer.alloc(0))).rejects.toMatchObject(full)
    await log.trim(2 as Offset)
    expect(log).toMatchObject({ oldest: 2, bytes: headerBytes, state: 'open' })
    expect(await log.append(payload(3))).toBe(2)
    expect(events).toEqual(['unavailable', 'available'])
  })

  it('refuse small records too once a large one met maxBytes, so that `state` says what append does', async () => {
    const disk = new MemoryDisk()
    const maxBytes = 2 * headerBytes + frame(1) + frame(7)
    const log = await openSmallLog(disk, { maxBytes, segmentMaxBytes: 1_000_000 })
    await appendGroups(log, [[1]])
    await expect(log.append(payload(2))).rejects.toMatchObject(full)
    await until(() => log.bytes === 2 * headerBytes + frame(1))
    await expect(log.append(payload(7))).rejects.toMatchObject(full)
    await log.trim(log.durable)
    expect(await log.append(payload(7))).toBe(1)
  })

  it('refuse appends while more than diskMaxShare of the disk is in use, and look again', async () => {
    const disk = new MemoryDisk({ capacityBytes: 100_000 })
    const timers = new ManualClock()
    const events: LogEvent[] = []
    const open = () => openSmallLog(disk, { timers, diskMaxShare: 0.5, onEvent: (event) => events.push(event) })
    await (await open()).close()
    disk.resize(2 * headerBytes - 1)
    const log = await open()
    expect(log.state).toBe('full')
    await expect(log.append(payload(1))).rejects.toMatchObject(full)
    timers.advance(defaultReopenDelayMs)
    await until(() => timers.pendingTimers === 1)
    expect(log.state).toBe('full')
    disk.resize(100_000)
    timers.advance(defaultReopenDelayMs)
    await until(() => log.state === 'open')
    expect(await log.append(payload(1))).toBe(0)
    expect(timers.pendingTimers).toBe(0)
  })

  it('notice a disk that fills while hits come, every few megabytes', async () => {
    const mib = 1024 * 1024
    const disk = new MemoryDisk({ capacityBytes: 20 * mib })
    const log = await openSmallLog(disk, { diskMaxShare: 0.5, segmentMaxBytes: 64 * mib })
    let stored = 0
    const refusal = await (async () => {
      for (;;) {
        await log.append(Buffer.alloc(mib))
        stored++
      }
    })().catch((error) => error)
    expect(refusal).toMatchObject(full)
    expect(stored).toBeGreaterThanOrEqual(10)
    expect(stored).toBeLessThanOrEqual(14)
    expect(log.durable).toBe(stored)
  })
})

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
