import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { folderObjectStore } from '../../../core/adapters/folder-object-store.ts'
import { memoryObjectStore } from '../../../core/adapters/memory/memory-object-store.ts'
import { nodeDisk } from '../../../core/adapters/node/node-disk.ts'
import { nodeSyncReader } from '../../adapters/local/node-sync-reader.ts'
import { mergedSource } from './merge-segments.ts'
import { RecentTable } from './recent-table.ts'
import type { Segment, SegmentStorage } from './segment.ts'
import { sourceOf, writeSegment } from './segment-writer.ts'

type Entry = readonly [hi: number, lo: number, time: number]

async function segmentOf(storage: SegmentStorage, name: string, entries: readonly Entry[]): Promise<Segment> {
  const table = new RecentTable(4_096)
  for (const [hi, lo, time] of entries) table.add(hi, lo, time)
  const sorted = table.sorted(Number.NEGATIVE_INFINITY)
  if (sorted === undefined) throw new Error('a segment has entries')
  return writeSegment(storage, name, 0, sourceOf(sorted))
}
const inMemory = (): SegmentStorage => ({ objects: memoryObjectStore(), reader: undefined, heldMaxEntries: 0 })
const sameHigh = Array.from({ length: 1_000 }, (_, i): Entry => [7, 2 * i, 100 + i])

describe('a segment', () => {
  it('finds every entry and no other where all of them share their high word across blocks', async () => {
    const objects = memoryObjectStore()
    const reader = nodeSyncReader()
    for (const heldMaxEntries of [0, 1_000]) {
      const segment = await segmentOf({ objects, reader, heldMaxEntries }, `s-${heldMaxEntries}`, sameHigh)
      for (const [hi, lo, time] of sameHigh) {
        expect(segment.timeOf(hi, lo)).toBe(time)
        expect(segment.timeOf(hi, lo + 1)).toBeUndefined()
      }
    }
    reader.close()
    await objects.cleanup()
  })

  it('does not trust what a failed read left in its buffer', async () => {
    let failing = false
    const objects = memoryObjectStore()
    const files = nodeSyncReader()
    const reader = {
      readAt(path: string, into: Uint8Array, at: number) {
        if (failing) into.fill(0)
        return failing ? 0 : files.readAt(path, into, at)
      },
      forget: files.forget,
    }
    const segment = await segmentOf({ objects, reader, heldMaxEntries: 0 }, 's', sameHigh)
    expect(segment.timeOf(7, 0)).toBe(100)
    failing = true
    expect(() => segment.timeOf(7, 1_998)).toThrow(/not all there/)
    failing = false
    expect(segment.timeOf(7, 0)).toBe(100)
    files.close()
    await objects.cleanup()
  })

  it('reads the file of its name as it is now, not one that had the name before', async () => {
    const folder = mkdtempSync(join(tmpdir(), 'hitlake-segment-'))
    const reader = nodeSyncReader()
    const storage = { objects: await folderObjectStore(nodeDisk(folder), 'objects'), reader, heldMaxEntries: 0 }
    expect((await segmentOf(storage, 's', [[1, 1, 50]])).timeOf(1, 1)).toBe(50)
    const again = await segmentOf(storage, 's', [
      [1, 1, 60],
      [2, 2, 80],
    ])
    expect(again.timeOf(1, 1)).toBe(60)
    expect(again.timeOf(2, 2)).toBe(80)
    reader.close()
    rmSync(folder, { recursive: true })
  })
})

describe('merged segments', () => {
  const entry = fc.tuple(fc.nat({ max: 2 }), fc.nat({ max: 9 }), fc.integer({ min: 0, max: 99 }))
  const part = fc.uniqueArray(entry, { minLength: 1, maxLength: 30, selector: ([hi, lo]) => `${hi} ${lo}` })

  it('hold the newest time of each entry, and none that is expired', async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.array(part, { minLength: 1, maxLength: 5 }),
        fc.integer({ min: -1, max: 98 }),
        async (parts, after) => {
          const model = new Map<string, number>()
          for (const [hi, lo, time] of parts.flat()) {
            if (time > Math.max(after, model.get(`${hi} ${lo}`) ?? after)) model.set(`${hi} ${lo}`, time)
          }
          fc.pre(model.size > 0)
          const storage = inMemory()
          const inputs = await Promise.all(parts.map((entries, i) => segmentOf(storage, `in-${i}`, entries)))
          const merged = await writeSegment(storage, 'out', 1, mergedSource(storage.objects, inputs, after))
          expect(merged.content.count).toBe(model.size)
          for (const [hi, lo] of parts.flat()) expect(merged.timeOf(hi, lo)).toBe(model.get(`${hi} ${lo}`))
        },
      ),
    )
  })

  it('keep times that lie further from an expired entry than 32 bits reach', async () => {
    const storage = inMemory()
    const now = 2 ** 33
    const inputs = [await segmentOf(storage, 'old', [[1, 1, 10]]), await segmentOf(storage, 'new', [[2, 2, now]])]
    const merged = await writeSegment(storage, 'out', 1, mergedSource(storage.objects, inputs, now - 5))
    expect(merged.timeOf(1, 1)).toBeUndefined()
    expect(merged.timeOf(2, 2)).toBe(now)
  })
})
