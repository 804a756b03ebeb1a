import { describe, expect, it } from 'vitest'
import { dayMs, hourMs } from '../../core/event-time.ts'
import type { MerchantId } from '../../core/ids.ts'
import type { TableView } from '../../core/ports/lake.ts'
import type { DerivedRange } from '../../core/ports/maintenance-store.ts'
import type { TableName } from '../../core/tables.ts'
import { piecesOf, readPieces } from './cells-pieces.ts'

const range = (start: number, end: number, publish = 1): DerivedRange => ({ start, end, publish })
const show = (pieces: ReturnType<typeof piecesOf>) =>
  pieces.map(({ bucket, start, end, stored }) => `${bucket}: ${start}-${end} ${stored ?? 'base'}`)

describe('the pieces of buckets', () => {
  // bucket 0             bucket 1
  //   [0 --------------- 30)[30 ------------ 60)
  //      [10 - 20)     [25 ----- 35)[40 - 50)
  it('are stored where a unit lies wholly inside a bucket, and the base table elsewhere', () => {
    const buckets = [
      { start: 0, end: 30 },
      { start: 30, end: 60 },
    ]
    expect(show(piecesOf(buckets, [range(10, 20), range(25, 35), range(40, 50)], 'whole'))).toEqual([
      '0: 0-10 base',
      '0: 10-20 1',
      '0: 20-30 base',
      '1: 30-40 base',
      '1: 40-50 1',
      '1: 50-60 base',
    ])
  })

  it('are one for units of one publication that touch', () => {
    const ranges = [range(0, 10), range(10, 20), range(20, 30, 2), range(30, 40, 2), range(50, 60, 2)]
    expect(show(piecesOf([{ start: 0, end: 60 }], ranges, 'whole'))).toEqual([
      '0: 0-20 1',
      '0: 20-40 2',
      '0: 40-50 base',
      '0: 50-60 2',
    ])
    expect(
      show(
        piecesOf(
          [
            { start: 0, end: 10 },
            { start: 10, end: 20 },
          ],
          ranges,
          'whole',
        ),
      ),
    ).toEqual(['0: 0-10 1', '1: 10-20 1'])
  })

  it('are no more than their limit: beyond it all is read from the base table', () => {
    const buckets = [{ start: 0, end: 40 }]
    const ranges = [range(0, 10), range(20, 30, 2)]
    expect(piecesOf(buckets, ranges, 'whole', 4)).toHaveLength(4)
    expect(show(piecesOf(buckets, ranges, 'whole', 3))).toEqual(['0: 0-40 base'])
  })

  it('take the part of a unit that can be divided', () => {
    const buckets = [
      { start: 0, end: 30 },
      { start: 30, end: 60 },
      { start: 90, end: 95 },
    ]
    expect(
      show(piecesOf(buckets, [range(10, 20), range(20, 40), range(40, 50, 2), range(80, 100)], 'divisible')),
    ).toEqual(['0: 0-10 base', '0: 10-30 1', '1: 30-40 1', '1: 40-50 2', '1: 50-60 base', '2: 90-95 1'])
  })

  it('never take a unit of a gap between buckets', () => {
    const buckets = [
      { start: 0, end: 10 },
      { start: 30, end: 40 },
    ]
    expect(show(piecesOf(buckets, [range(10, 20), range(20, 30), range(30, 40, 3)], 'whole'))).toEqual([
      '0: 0-10 base',
      '1: 30-40 3',
    ])
  })
})

describe('what a question reads', () => {
  function storeOf(snapshots: readonly string[], ranges: readonly DerivedRange[]) {
    const asked: string[] = []
    let at = 0
    return {
      asked,
      async tableView(table: TableName): Promise<TableView> {
        asked.push(table)
        const derived = table === 'daily' || table === 'sessions'
        const snapshot = derived ? (snapshots[Math.min(at++, snapshots.length - 1)] ?? null) : 'base'
        return { table, snapshot, pending: [] }
      },
      erasedOf: async () => new Map(),
      async derivedRanges() {
        asked.push('ranges')
        return ranges
      },
    }
  }
  const merchant = 'a' as MerchantId
  const day = [{ start: 0, end: dayMs }]
  const daily = { merchant, derived: 'daily', mayBeStored: true, buckets: day } as const

  it('are units and the snapshot that holds them: read again where a derivation landed in between', async () => {
    const store = storeOf(['1', '2', '2'], [range(0, dayMs, 9)])
    const read = await readPieces(store, daily)
    expect(read).toMatchObject({ derived: { snapshot: '2' }, base: { table: 'hourly' }, pieces: [{ stored: 9 }] })
    expect(store.asked).toEqual(['daily', 'ranges', 'daily', 'ranges', 'daily', 'hourly'])
  })

  it('is the base table alone where derivations land all the time', async () => {
    const store = storeOf(['1', '2', '3', '4', '5'], [range(0, dayMs)])
    expect(await readPieces(store, daily)).toMatchObject({ derived: { snapshot: null }, pieces: [{ stored: null }] })
  })

  it('asks for no units where none can lie in the buckets, or none may be used', async () => {
    for (const question of [
      { ...daily, buckets: [{ start: 0, end: hourMs }] },
      { ...daily, mayBeStored: false },
    ]) {
      const store = storeOf(['1'], [range(0, dayMs)])
      expect((await readPieces(store, question)).pieces).toMatchObject([{ stored: null }])
      expect(store.asked).toEqual(['hourly'])
    }
  })
})
