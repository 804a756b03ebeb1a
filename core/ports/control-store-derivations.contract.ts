/** The contract of derivations, changed days and rewrites; registered by `controlStoreContract`. */
import { describe, expect, it } from 'vitest'
import { CommitConflictError, PublicationOpenError, StaleLeaseError } from '../errors.ts'
import { dayMs } from '../event-time.ts'
import { firstGenerations } from '../generations.ts'
import { type ControlStoreUnderTest, merchantId } from './control-store.contract.ts'
import type { ControlStore, EpochCommit } from './control-store.ts'
import { epochOf, fileOf } from './control-store-epochs.contract.ts'
import { rangesModelContract } from './control-store-ranges.contract.ts'
import type { DerivedTable, DerivedUnit } from './maintenance-store.ts'

/** So long that what a test takes does not matter where the store's clock is a real one. */
const ttlMs = 100_000

export const touch = (merchant: string, day: number) => ({ merchant: merchantId(merchant), day })

/** The UTC day of a merchant. */
export function unit(merchant: string, day: number): DerivedUnit {
  return { merchant: merchantId(merchant), start: day * dayMs, end: (day + 1) * dayMs }
}

const noReach = { daysBefore: 0, daysAfter: 0 }

/** A store with a lease on maintenance, and what a test does to it. */
export async function setUpDerivations(under: ControlStoreUnderTest, options: { readonly maxVersions?: number } = {}) {
  const store = await under.open(options)
  const lease = (await store.acquireLease('maintain', 'me', ttlMs, 0))?.fence ?? 0
  const { fence } = await store.acquirePartitions('hits', 'feed-1', 'me', [0])
  let next = 0
  return {
    store,
    lease,
    async commit(more: Partial<EpochCommit> = {}): Promise<number> {
      const from = next++
      return (await store.commitEpoch(epochOf(fence, from, from + 1, more))).commit
    },
    async publish(table: 'hits' | 'hourly' = 'hits', snapshot = 'published'): Promise<void> {
      const names = (await store.unpublished(table)).map(({ name }) => name)
      const { id } = await store.beginPublication(table, 'maintain', lease, names)
      await store.finishPublication(table, 'maintain', lease, id, snapshot)
    },
    begin: (units: readonly DerivedUnit[], more: Partial<Parameters<ControlStore['beginDerivation']>[3]> = {}) =>
      store.beginDerivation('daily', 'maintain', lease, { units, reads: 'pending', idAbove: 0, ...more }),
    /** Derives at once. */
    async derive(units: readonly DerivedUnit[], table: DerivedTable = 'daily'): Promise<number> {
      const work = { units, reads: 'pending', idAbove: 0 } as const
      const { id } = await store.beginDerivation(table, 'maintain', lease, work)
      await store.finishDerivation(table, 'maintain', lease, id, `s${id}`)
      return id
    },
    /** First days of the ranges that are right, with the derivation of each. */
    async right(
      merchant: string,
      question: Partial<Parameters<ControlStore['derivedRanges']>[0]> = {},
    ): Promise<readonly (readonly [number, number])[]> {
      const all = { from: -1_000 * dayMs, to: 1_000 * dayMs, table: 'daily', reach: noReach } as const
      const ranges = await store.derivedRanges({ ...all, merchant: merchantId(merchant), ...question })
      return ranges.map(({ start, publish }) => [start / dayMs, publish] as const)
    },
  }
}

export function derivationsContract(under: ControlStoreUnderTest): void {
  describe('derivations', () => derivationLife(under))
  describe('derived ranges', () => {
    rangesContract(under)
    rangesModelContract(under)
  })
  describe('changed days', () => changedDaysContract(under))
  describe('rewrites', () => rewritesContract(under))
  describe('imports', () => importsContract(under))
}

function derivationLife(under: ControlStoreUnderTest): void {
  it('is fixed when it begins: its units, what it reads and its id, above what the lake holds', async () => {
    const { store, commit, begin, publish, lease } = await setUpDerivations(under)
    await commit({ staged: [fileOf('a', { table: 'hourly' }), fileOf('h')] })
    await publish('hourly', 's1')
    const newest = await commit({ staged: [fileOf('b', { table: 'hourly' })] })
    const units = [unit('a', 3), unit('b', -1)]
    const begun = await begin(units, { idAbove: 41 })
    const pending = [fileOf('b', { table: 'hourly' })]
    expect(begun).toEqual({
      table: 'daily',
      id: 42,
      erased: [],
      generations: firstGenerations,
      units,
      view: { table: 'hourly', snapshot: 's1', pending },
      through: newest,
    })
    await commit({ staged: [fileOf('c', { table: 'hourly' })] })
    expect(await store.openDerivation('daily')).toEqual(begun)
    expect(await store.openDerivation('sessions')).toBeUndefined()
    await store.finishDerivation('daily', 'maintain', lease, 42, 'd1')
    expect(await store.openDerivation('daily')).toBeUndefined()
    expect(await store.tableView('daily')).toEqual({ table: 'daily', snapshot: 'd1', pending: [] })
    expect((await begin(units, { idAbove: 7 })).id).toBe(43)
  })

  it('reads hits for sessions and rollups for days', async () => {
    const { store, commit, lease, begin } = await setUpDerivations(under)
    await commit({ staged: [fileOf('h'), fileOf('r', { table: 'hourly' })] })
    const work = { units: [unit('a', 1)], reads: 'pending', idAbove: 0 } as const
    const sessions = await store.beginDerivation('sessions', 'maintain', lease, work)
    expect(sessions.view).toMatchObject({ table: 'hits', pending: [fileOf('h')] })
    expect((await begin([unit('a', 1)])).view).toMatchObject({ table: 'hourly', pending: [{ name: 'r' }] })
  })

  // commits      1: hits   2: hourly   3: hourly   4: hits
  // published       x                                          -> reads hourly through 1
  it('that reads what is published knows that it reads no further than the oldest file that waits', async () => {
    const { commit, begin, publish, store, lease } = await setUpDerivations(under)
    await commit({ staged: [fileOf('a')] })
    const second = await commit({ staged: [fileOf('b', { table: 'hourly' })] })
    await commit({ staged: [fileOf('c', { table: 'hourly' })] })
    await commit({ staged: [fileOf('d')] })
    await publish('hits', 'h1')
    const begun = await begin([unit('a', 1)], { reads: 'published' })
    expect(begun).toMatchObject({ through: second - 1, view: { snapshot: null, pending: [] } })
    await publish('hourly', 's2')
    await store.finishDerivation('daily', 'maintain', lease, begun.id, 'd1')
    const after = await begin([unit('a', 1)], { reads: 'published' })
    expect(after.view).toEqual({ table: 'hourly', snapshot: 's2', pending: [] })
    expect(after.through).toBe((await store.versionsSince(0)).commit)
  })

  it('begins none while one of the table is open, and does not hold up the tables it reads', async () => {
    const { store, commit, begin, publish, lease } = await setUpDerivations(under)
    await commit({ staged: [fileOf('r', { table: 'hourly' })] })
    const open = await begin([unit('a', 1)])
    await expect(begin([unit('a', 1)])).rejects.toThrow(PublicationOpenError)
    expect(await store.openDerivation('daily')).toEqual(open)
    await publish('hourly')
    const work = { units: [unit('a', 1)], reads: 'pending', idAbove: 0 } as const
    await store.beginDerivation('sessions', 'maintain', lease, work)
  })

  it('is begun by one of two maintainers at once', async () => {
    const { begin } = await setUpDerivations(under)
    const calls = await Promise.allSettled([1, 2, 3, 4].map((day) => begin([unit('a', day)])))
    expect(calls.filter(({ status }) => status === 'fulfilled')).toHaveLength(1)
    for (const call of calls) {
      if (call.status === 'rejected') expect(call.reason).toBeInstanceOf(PublicationOpenError)
    }
  })

  it('survives its maintainer: the next one repeats and finishes it, and the one overtaken records nothing', async () => {
    const { store, lease, begin, right } = await setUpDerivations(under)
    const begun = await begin([unit('a', 1)])
    await under.passTime?.(store, 2 * ttlMs)
    const next = (await store.acquireLease('maintain', 'successor', ttlMs, 2 * ttlMs))?.fence ?? 0
    expect(await store.openDerivation('daily')).toEqual(begun)
    await expect(store.finishDerivation('daily', 'maintain', lease, begun.id, 'x')).rejects.toThrow(StaleLeaseError)
    await expect(begin([unit('a', 1)])).rejects.toThrow(StaleLeaseError)
    const mark = { version: 1, day: 1 }
    await expect(store.setDerivationMark('daily', 'maintain', lease, mark)).rejects.toThrow(StaleLeaseError)
    expect(await right('a')).toEqual([])
    await store.finishDerivation('daily', 'maintain', next, begun.id, 's')
    expect(await right('a')).toEqual([[1, begun.id]])
    expect(await store.derivationMark('daily')).toBeNull()
  })

  it('finishes once: a repeat changes nothing; what was never begun is refused', async () => {
    const { store, lease, begin, derive, right } = await setUpDerivations(under)
    await expect(store.finishDerivation('daily', 'maintain', lease, 1, 's')).rejects.toThrow(RangeError)
    const first = await derive([unit('a', 1)])
    await store.finishDerivation('daily', 'maintain', lease, first, 'other')
    expect((await store.tableView('daily')).snapshot).toBe(`s${first}`)
    const second = await begin([unit('a', 2)])
    await store.finishDerivation('daily', 'maintain', lease, first, 'other')
    await expect(store.finishDerivation('daily', 'maintain', lease, second.id + 1, 's')).rejects.toThrow(RangeError)
    expect(await store.openDerivation('daily')).toEqual(second)
    expect(await right('a')).toEqual([[1, first]])
  })

  it('of units without rows leaves the table as it was, and they are right', async () => {
    const { store, lease, begin, right, derive } = await setUpDerivations(under)
    const { id } = await begin([unit('a', 1)])
    await store.finishDerivation('daily', 'maintain', lease, id, null)
    expect(await store.tableView('daily')).toEqual({ table: 'daily', snapshot: null, pending: [] })
    const second = await derive([unit('a', 2)])
    const third = await begin([unit('a', 3)])
    await store.finishDerivation('daily', 'maintain', lease, third.id, null)
    expect((await store.tableView('daily')).snapshot).toBe(`s${second}`)
    expect(await right('a')).toEqual([
      [1, id],
      [2, second],
      [3, third.id],
    ])
  })

  it('refuses units that are none, too many, empty, or of one merchant and overlapping', async () => {
    const { begin, store } = await setUpDerivations(under)
    const day = unit('a', 1)
    const many = Array.from({ length: 10_001 }, (_, n) => unit('a', n))
    const wrong: readonly (readonly DerivedUnit[])[] = [
      [],
      many,
      [{ ...day, end: day.start }],
      [{ ...day, start: 0.5 }],
      [day, day],
      [unit('a', 3), day, { ...day, start: day.end - 1, end: day.end + 5 }],
    ]
    for (const units of wrong) await expect(begin(units)).rejects.toThrow(RangeError)
    expect(await store.openDerivation('daily')).toBeUndefined()
    await begin(many.slice(1))
  })

  it('keeps how far the rounds of each table have come', async () => {
    const { store, lease } = await setUpDerivations(under)
    expect(await store.derivationMark('sessions')).toBeNull()
    await store.setDerivationMark('sessions', 'maintain', lease, { version: 5, day: 20_000 })
    await store.setDerivationMark('sessions', 'maintain', lease, { version: 9, day: -1 })
    expect(await store.derivationMark('sessions')).toEqual({ version: 9, day: -1 })
    expect(await store.derivationMark('daily')).toBeNull()
  })
}

function rangesContract(under: ControlStoreUnderTest): void {
  it('are the units that lie in what is asked for, of that merchant and table, rising', async () => {
    const { derive, right } = await setUpDerivations(under)
    const id = await derive([unit('a', 5), unit('a', 1), unit('a', -2), unit('b', 1)])
    const later = await derive([unit('a', 3)])
    await derive([unit('a', 2)], 'sessions')
    expect(await right('a')).toEqual([
      [-2, id],
      [1, id],
      [3, later],
      [5, id],
    ])
    expect(await right('a', { from: dayMs, to: 4 * dayMs })).toEqual([
      [1, id],
      [3, later],
    ])
    expect(await right('a', { from: dayMs + 1, to: 4 * dayMs - 1 })).toEqual([])
    expect(await right('c')).toEqual([])
  })

  it('end with the first change after what the derivation read, of those days and that merchant', async () => {
    const { commit, derive, right } = await setUpDerivations(under)
    await commit({ touched: [touch('a', 1), touch('a', 2)] })
    const id = await derive([unit('a', 1), unit('a', 2), unit('b', 2)])
    await commit({ touched: [touch('a', 2), touch('a', 3)] })
    expect(await right('a')).toEqual([[1, id]])
    expect(await right('b')).toEqual([[2, id]])
    const again = await derive([unit('a', 2)])
    expect(await right('a')).toEqual([
      [1, id],
      [2, again],
    ])
  })

  // begin ---- commit ---- finish: what came meanwhile is not in it
  it('are not right where something came while they were derived', async () => {
    const { store, lease, commit, begin, right } = await setUpDerivations(under)
    const { id } = await begin([unit('a', 1), unit('a', 2)])
    await commit({ touched: [touch('a', 2)] })
    await store.finishDerivation('daily', 'maintain', lease, id, 's')
    expect(await right('a')).toEqual([[1, id]])
  })

  // changed day 4:   day  2 3 [4] 5 6     reach one before, two after: days 2 to 5 read it
  it('of a day that changes while its derivation begins are right where that change was read, and only there', async () => {
    const { store, lease, commit, begin, right } = await setUpDerivations(under)
    for (let round = 0; round < 15; round++) {
      const touched = [touch('a', 1)]
      const calls = round % 2 === 0 ? ([commit({ touched }), begin([unit('a', 1)])] as const) : undefined
      const begins = calls?.[1] ?? begin([unit('a', 1)])
      const [changed, begun] = await Promise.all([calls?.[0] ?? commit({ touched }), begins])
      await store.finishDerivation('daily', 'maintain', lease, begun.id, 's')
      expect(await right('a')).toEqual(changed <= begun.through ? [[1, begun.id]] : [])
    }
  })

  it('reach as many days before and after as is asked', async () => {
    const { commit, derive, right } = await setUpDerivations(under)
    const id = await derive([1, 2, 3, 4, 5, 6, 7].map((day) => unit('a', day)))
    await commit({ touched: [touch('a', 4)] })
    const days = (reach: typeof noReach) => right('a', { reach }).then((all) => all.map(([day]) => day))
    expect(await days({ daysBefore: 1, daysAfter: 2 })).toEqual([1, 6, 7])
    expect(await days({ daysBefore: 2, daysAfter: 1 })).toEqual([1, 2, 7])
    expect(await days(noReach)).toEqual([1, 2, 3, 5, 6, 7])
    expect(id).toBeGreaterThan(0)
  })

  it('hang on every UTC day they touch: a local day on two', async () => {
    const { commit, derive, right } = await setUpDerivations(under)
    const local = { merchant: merchantId('a'), start: 1.25 * dayMs, end: 2.25 * dayMs }
    await derive([local, unit('b', 1)])
    await commit({ touched: [touch('a', 2), touch('b', 2), touch('b', 0)] })
    expect(await right('a')).toEqual([])
    expect(await right('b')).toHaveLength(1)
  })

  // old zone  [----- 5 -----)[----- 5 -----)
  // new zone         [----- 6 -----)
  it('that a newer one overlaps are forgotten', async () => {
    const { derive, right } = await setUpDerivations(under)
    await derive([unit('a', 1), unit('a', 2), unit('b', 1)])
    const newer = await derive([{ merchant: merchantId('a'), start: 1.25 * dayMs, end: 2.25 * dayMs }])
    expect(await right('a')).toEqual([[1.25, newer]])
    expect(await right('b')).toHaveLength(1)
  })

  it('raise no version', async () => {
    const { store, commit, derive } = await setUpDerivations(under)
    await commit({ touched: [touch('a', 1)] })
    const before = await store.versionsSince(0)
    await derive([unit('a', 1)])
    expect(await store.versionsSince(0)).toEqual(before)
  })

  it('know of changes that versions no longer list', async () => {
    const { store, commit, derive, right } = await setUpDerivations(under, { maxVersions: 4 })
    const id = await derive([1, 2, 3].map((day) => unit('a', day)))
    await commit({ touched: [touch('a', 2)] })
    await commit({ touched: Array.from({ length: 6 }, (_, n) => touch('b', n)) })
    for (let n = 0; n < 8; n++) await commit({ touched: [touch('b', n), touch('c', n)] })
    expect((await store.versionsSince(0)).reset).toBe(true)
    expect(await right('a')).toEqual([
      [1, id],
      [3, id],
    ])
    const days = { afterVersion: 0, firstDay: -10, lastDay: 100, limit: 100 }
    expect(await store.changedDays(days)).toHaveLength(1 + 8 + 8)
  })
}

function changedDaysContract(under: ControlStoreUnderTest): void {
  it('come by day and merchant, each with its newest version, a page at a time', async () => {
    const { store, commit } = await setUpDerivations(under)
    const first = await commit({ touched: [touch('b', 2), touch('a', 2), touch('a', -1), touch('c', 7)] })
    const second = await commit({ touched: [touch('a', 2), touch('a', 3)] })
    const page = { afterVersion: 0, firstDay: -1, lastDay: 3, limit: 2 }
    const one = await store.changedDays(page)
    expect(one).toEqual([
      { ...touch('a', -1), version: first },
      { ...touch('a', 2), version: second },
    ])
    const two = await store.changedDays({ ...page, after: touch('a', 2) })
    expect(two).toEqual([
      { ...touch('b', 2), version: first },
      { ...touch('a', 3), version: second },
    ])
    expect(await store.changedDays({ ...page, after: touch('a', 3) })).toEqual([])
    expect(await store.changedDays({ ...page, afterVersion: first })).toEqual([
      { ...touch('a', 2), version: second },
      { ...touch('a', 3), version: second },
    ])
    expect(await store.changedDays({ ...page, firstDay: 4, lastDay: 7 })).toEqual([
      { ...touch('c', 7), version: first },
    ])
  })

  it('are known from the commit on, published or not', async () => {
    const { store, commit, publish } = await setUpDerivations(under)
    const question = { afterVersion: 0, firstDay: 0, lastDay: 9, limit: 10 }
    const committed = await commit({ staged: [fileOf('f')], touched: [touch('a', 1)] })
    expect(await store.changedDays(question)).toEqual([{ ...touch('a', 1), version: committed }])
    await publish()
    const [change, ...others] = await store.changedDays(question)
    expect(others).toEqual([])
    expect(change?.version).toBeGreaterThanOrEqual(committed)
  })

  it('refuse a page of nothing or too much', async () => {
    const { store } = await setUpDerivations(under)
    for (const limit of [0, 1.5, 10_001]) {
      const page = store.changedDays({ afterVersion: 0, firstDay: 0, lastDay: 1, limit })
      await expect(page).rejects.toThrow(RangeError)
    }
    expect(await store.changedDays({ afterVersion: 0, firstDay: 0, lastDay: 1, limit: 10_000 })).toEqual([])
  })
}

function rewritesContract(under: ControlStoreUnderTest): void {
  const rewrite = { snapshot: 'r', replaces: 's', touched: [] }

  it('are what readers read from then on, beside what is not published', async () => {
    const { store, lease, commit, publish, derive } = await setUpDerivations(under)
    await commit({ staged: [fileOf('a')] })
    await publish('hits', 's')
    await commit({ staged: [fileOf('b')] })
    await store.finishRewrite('hits', 'maintain', lease, rewrite)
    expect(await store.tableView('hits')).toEqual({ table: 'hits', snapshot: 'r', pending: [fileOf('b')] })
    await publish('hits', 's2')
    expect(await store.tableView('hits')).toEqual({ table: 'hits', snapshot: 's2', pending: [] })

    const id = await derive([unit('a', 1)])
    await store.finishRewrite('daily', 'maintain', lease, { ...rewrite, replaces: `s${id}` })
    expect(await store.tableView('daily')).toEqual({ table: 'daily', snapshot: 'r', pending: [] })
    await derive([unit('a', 1)])
    expect((await store.tableView('daily')).snapshot).toBe(`s${id + 1}`)
  })

  it('raise the versions of what they changed, and end what was derived of it; of others they do not', async () => {
    const { store, lease, commit, publish, derive, right } = await setUpDerivations(under)
    await commit({ staged: [fileOf('a', { table: 'hourly' })], touched: [touch('a', 1), touch('a', 2)] })
    await publish('hourly', 's')
    const id = await derive([unit('a', 1), unit('a', 2)])
    const { commit: before } = await store.versionsSince(0)
    await store.finishRewrite('hourly', 'maintain', lease, rewrite)
    expect(await store.versionsSince(before)).toMatchObject({ changes: [], reset: false })
    const touched = [touch('a', 1), touch('a', 1)]
    await store.finishRewrite('hourly', 'maintain', lease, { snapshot: 'r2', replaces: 'r', touched })
    const { commit: after, changes } = await store.versionsSince(before)
    expect(after).toBeGreaterThan(before)
    expect(changes).toEqual([{ ...touch('a', 1), version: after }])
    expect(await right('a')).toEqual([[2, id]])
    const question = { afterVersion: before, firstDay: 0, lastDay: 9, limit: 10 }
    expect(await store.changedDays(question)).toEqual([{ ...touch('a', 1), version: after }])
    expect(await commit()).toBeGreaterThan(after)
  })

  it('are refused while a publication or a derivation of the table is open', async () => {
    const { store, lease, commit, begin } = await setUpDerivations(under)
    await commit({ staged: [fileOf('a')] })
    const { id } = await store.beginPublication('hits', 'maintain', lease, ['a'])
    const none = { ...rewrite, replaces: null }
    await expect(store.finishRewrite('hits', 'maintain', lease, none)).rejects.toThrow(PublicationOpenError)
    await store.finishPublication('hits', 'maintain', lease, id, 's')
    await store.finishRewrite('hits', 'maintain', lease, rewrite)
    await begin([unit('a', 1)])
    await expect(store.finishRewrite('daily', 'maintain', lease, none)).rejects.toThrow(PublicationOpenError)
  })

  // rewrite begins ------------------------------ its snapshot may lack what was published -> refused
  //                 publication begins, finishes
  it('are refused where something was published since they began, and change nothing', async () => {
    const { store, lease, commit, publish } = await setUpDerivations(under)
    await commit({ staged: [fileOf('a')] })
    await publish('hits', 's')
    await commit({ staged: [fileOf('b')] })
    await publish('hits', 's2')
    const before = await store.versionsSince(0)
    const late = { ...rewrite, touched: [touch('a', 1)] }
    await expect(store.finishRewrite('hits', 'maintain', lease, late)).rejects.toThrow(CommitConflictError)
    expect((await store.tableView('hits')).snapshot).toBe('s2')
    expect(await store.versionsSince(0)).toEqual(before)
  })

  it('are refused for whoever does not hold the lease', async () => {
    const { store, lease, commit, publish } = await setUpDerivations(under)
    await commit({ staged: [fileOf('a')] })
    await publish('hits', 's')
    for (const [name, fence] of [
      ['maintain', lease + 1],
      ['none', lease],
    ] as const) {
      await expect(store.finishRewrite('hits', name, fence, rewrite)).rejects.toThrow(StaleLeaseError)
    }
    expect((await store.tableView('hits')).snapshot).toBe('s')
  })
}

function importsContract(under: ControlStoreUnderTest): void {
  it('go on where they were, by merchant and file', async () => {
    const store = await under.open()
    const [a, b] = [merchantId('a'), merchantId('b')]
    const file = 'f'.repeat(64)
    expect(await store.importProgress(a, file)).toBeUndefined()
    await store.setImportProgress(a, file, { done: 0, sending: 500, at: 1_700_000_000_000 })
    await store.setImportProgress(a, file, { done: 500, sending: 2 ** 40, at: 1_700_000_000_001 })
    await store.setImportProgress(a, '0', { done: 1, sending: 1, at: 5 })
    expect(await store.importProgress(a, file)).toEqual({ done: 500, sending: 2 ** 40, at: 1_700_000_000_001 })
    expect(await store.importProgress(b, file)).toBeUndefined()
  })

  it('refuse a file that is no hash, and progress that runs backward', async () => {
    const store = await under.open()
    const right = { done: 1, sending: 2, at: 3 }
    for (const file of ['', 'x', 'F', '0'.repeat(65)]) {
      await expect(store.setImportProgress(merchantId('a'), file, right)).rejects.toThrow(RangeError)
    }
    for (const wrong of [{ done: 3 }, { done: -1 }, { sending: 0 }, { at: 0.5 }]) {
      const progress = store.setImportProgress(merchantId('a'), 'ab', { ...right, ...wrong })
      await expect(progress).rejects.toThrow(RangeError)
    }
    expect(await store.importProgress(merchantId('a'), 'ab')).toBeUndefined()
  })
}
