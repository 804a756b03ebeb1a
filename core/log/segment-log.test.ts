import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { MemoryDisk } from '../adapters/memory/memory-disk.ts'
import { nodeDisk } from '../adapters/node/node-disk.ts'
import type { Offset } from '../ids.ts'
import { hitLogContract } from '../ports/hit-log.contract.ts'
import { appendGroups, fileBytes, logFolder, openSmallLog, payload, readAll } from './log-under-test.ts'
import { frameHeaderBytes, headerBytes, segmentName } from './segment-format.ts'

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
            const place = Math.floor(one.share * model.length) as Offset
            if (one.kind === 'trim') {
              const before = log.oldest
              await log.trim(place)
              expect(log.oldest).toBeLessThanOrEqual(Math.max(before, place))
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
