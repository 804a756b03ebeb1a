import { describe, expect, it } from 'vitest'
import { EngineUnavailableError } from '../../core/errors.ts'
import { dayMs, hourMs } from '../../core/event-time.ts'
import type { MerchantId } from '../../core/ids.ts'
import { merchantOf } from '../../core/ports/control-store.contract.ts'
import type { TableView } from '../../core/ports/lake.ts'
import type { DerivedRange } from '../../core/ports/maintenance-store.ts'
import type { GenerationChange } from '../../core/ports/rerun-store.ts'
import type { TableName } from '../../core/tables.ts'
import { piecesOf, readPieces, requireZones } from './cells-pieces.ts'
import { ZonesChangedError } from './stored-hours.ts'
import { knownGenerations } from './versions.ts'

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
  function storeOf(
    snapshots: readonly string[],
    ranges: readonly DerivedRange[],
    changes: readonly GenerationChange[] = [],
  ) {
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
      async versionsSince() {
        asked.push('map')
        return { commit: 0, changes: [], reset: false, positions: [], generations: changes }
      },
      async derivedRanges() {
        asked.push('ranges')
        return ranges
      },
    }
  }
  const merchant = 'a' as MerchantId
  const day = [{ start: 0, end: dayMs }]
  const generations = knownGenerations([])
  const daily = { merchant, derived: 'daily', mayBeStored: true, buckets: day, generations } as const

  it('are units and the snapshot that holds them: read again where a derivation landed in between', async () => {
    const store = storeOf(['1', '2', '2'], [range(0, dayMs, 9)])
    const read = await readPieces(store, daily)
    expect(read).toMatchObject({ derived: { snapshot: '2' }, base: { table: 'hourly' }, pieces: [{ stored: 9 }] })
    expect(store.asked).toEqual(['daily', 'ranges', 'daily', 'ranges', 'daily', 'map', 'hourly'])
  })

  it('are of no use where they are right for another generation map than the question is asked by', async () => {
    const place = { merchant: null, from: null, to: null }
    const change = { ...place, rerun: 1, sink: 'hourly', generation: 2, answers: true, order: 1, version: 7 } as const
    const read = await readPieces(storeOf(['1'], [range(0, dayMs)], [change]), daily)
    expect(read).toMatchObject({ derived: { snapshot: null }, pieces: [{ stored: null }] })
    const known = { ...daily, generations: knownGenerations([change]) }
    expect(await readPieces(storeOf(['1'], [range(0, dayMs)], [change]), known)).toMatchObject({
      pieces: [{ stored: 1 }],
    })
    const promotedAgain = [{ ...change, order: 2, version: 9 }]
    expect(await readPieces(storeOf(['1'], [range(0, dayMs)], promotedAgain), known)).toMatchObject({
      pieces: [{ stored: null }],
    })
  })

  it('are of use while the merchant has the zones of the question, and no others', async () => {
    const moved = { timeZone: 'Asia/Kolkata', formerZones: [{ timeZone: 'UTC', until: 7 }] }
    const store = { ...storeOf([], []), merchant: async () => ({ ...merchantOf('a'), ...moved }) }
    await expect(requireZones(store, { ...daily, zones: moved })).resolves.toBeUndefined()
    await expect(requireZones(store, daily)).resolves.toBeUndefined()
    const before = requireZones(store, { ...daily, zones: { timeZone: 'UTC' } })
    await expect(before).rejects.toThrow(ZonesChangedError)
    await expect(before).rejects.toMatchObject({ zones: moved })
    const away = { ...store, merchant: () => Promise.reject(new Error('away')) }
    await expect(requireZones(away, { ...daily, zones: moved })).rejects.toThrow(EngineUnavailableError)
  })

  it('is the base table alone where derivations land all the time', async () => {
    const store = storeOf(['1', '2', '3', '4', '5'], [range(0, dayMs)])
    expect(await readPieces(store, daily)).toMatchObject({ derived: { snapshot: null }, pieces: [{ stored: null }] })
  })

  it('are hits without those erased, also where the erasure is done just when the view was read', async () => {
    const erased = { merchant, subject: { kind: 'visitor', value: 'v1' }, through: 5 } as const
    const store = storeOf([], [])
    let open = new Map([[merchant, [erased]]])
    const closing = {
      ...store,
      tableView: (table: TableName) => {
        open = new Map()
        return store.tableView(table)
      },
      erasedOf: async (merchants: readonly MerchantId[]) => new Map([...open].filter(([id]) => merchants.includes(id))),
    }
    const visits = { ...daily, derived: 'sessions', mayBeStored: false } as const
    expect((await readPieces(closing, visits)).erased).toEqual([erased])
    expect((await readPieces(closing, { ...visits, merchant: 'b' as MerchantId })).erased).toEqual([])
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
