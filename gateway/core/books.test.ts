import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { OffsetTrimmedError } from '../../core/errors.ts'
import type { MerchantId, Offset } from '../../core/ids.ts'
import type { Books } from '../../core/ports/control-store.ts'
import { booksMaxReads, booksRange, type Ledger, readBooks } from './books.ts'

const hour = 3_600_000
const at = (text: string) => Date.parse(text)
const place = (offset: number) => offset as Offset
const wholeRange = { from: 0, to: 10 * hour }

/** Books as a store would sum them, with both places in the log. */
function booksOf(counts: Partial<Books>, places: { through: number; processed: number | null }): Books {
  return {
    accepted: 0,
    stored: 0,
    duplicates: 0,
    failed: 0,
    dropped: {},
    ...counts,
    acceptedThrough: { 'log-1': place(places.through) },
    positions:
      places.processed === null
        ? []
        : [
            {
              job: 'hits',
              partition: 0,
              next: place(places.processed),
              checkpoint: null,
              watermark: null,
              received: null,
            },
          ],
  }
}

/** Plays one answer of the store after the other, and notes what the ledger was asked. */
function setUp(answers: readonly Books[], inFlight: Ledger['inFlight'] = async () => 0) {
  const calls: string[] = []
  const ranges: Parameters<Ledger['inFlight']>[0][] = []
  let read = 0
  const store = {
    merchant: async (id: MerchantId) =>
      id === 'shop'
        ? { id, name: '', timeZone: 'UTC', currency: 'EUR', blockedNames: [], visitorSeed: '0' }
        : undefined,
    books: async () => {
      calls.push('books')
      const answer = answers[Math.min(read, answers.length - 1)]
      read += 1
      if (answer === undefined) throw new Error('no answer scripted')
      return answer
    },
  }
  const ledger: Ledger = {
    flush: async () => {
      calls.push('flush')
      return place(0)
    },
    inFlight: (range) => {
      calls.push('inFlight')
      ranges.push(range)
      return inFlight(range)
    },
  }
  return { calls, ranges, options: { store, ledger, log: 'log-1', job: 'hits' } }
}

describe('the books', () => {
  it('balance when every accepted hit was stored, repeated, failed, dropped or is in flight', async () => {
    const counts = { accepted: 100, stored: 60, duplicates: 20, failed: 5, dropped: { bot: 3, test: 2 } }
    const { options } = setUp([booksOf(counts, { through: 9, processed: 7 })], async () => 10)
    expect(await readBooks(options, wholeRange)).toEqual({
      from: '1970-01-01T00:00:00.000Z',
      to: '1970-01-01T10:00:00.000Z',
      ...counts,
      inFlight: 10,
      balanced: true,
    })
  })

  it('say that they do not balance when one hit is missing, or one is there twice', async () => {
    for (const stored of [59, 61]) {
      const counts = { accepted: 100, stored, duplicates: 20, failed: 10 }
      const { options } = setUp([booksOf(counts, { through: 9, processed: 7 })], async () => 10)
      expect((await readBooks(options, wholeRange)).balanced).toBe(false)
    }
  })

  it('bring the ledger up to date before they are read', async () => {
    const { options, calls } = setUp([booksOf({}, { through: 4, processed: 4 })])
    await readBooks(options, wholeRange)
    expect(calls).toEqual(['flush', 'books', 'inFlight'])
  })

  it('count as in flight what lies between the two places of the same reading', async () => {
    const { options, ranges } = setUp([booksOf({}, { through: 9, processed: 7 })])
    await readBooks(options, { ...wholeRange, merchant: 'shop' as MerchantId })
    expect(ranges).toEqual([{ merchant: 'shop', from: 0, to: 10 * hour, processed: 7, through: 9 }])
  })

  it('count everything accepted as in flight before the first epoch', async () => {
    const { options, ranges } = setUp([booksOf({ accepted: 8 }, { through: 3, processed: null })], async () => 8)
    expect(await readBooks(options, wholeRange)).toMatchObject({ inFlight: 8, balanced: true })
    expect(ranges[0]).toMatchObject({ processed: 0, through: 3 })
  })

  it('go by the job and the log they are of, whatever others there are', async () => {
    const books = booksOf({}, { through: 9, processed: 7 })
    const other = { job: 'other', partition: 0, next: place(3), checkpoint: null, watermark: null, received: null }
    const elsewhere = { ...other, job: 'hits', partition: 1 }
    const mixed: Books = {
      ...books,
      acceptedThrough: { 'log-0': place(99), ...books.acceptedThrough },
      positions: [other, elsewhere, ...books.positions],
    }
    const { options, ranges } = setUp([mixed])
    await readBooks(options, wholeRange)
    expect(ranges[0]).toMatchObject({ processed: 7, through: 9 })
  })

  it('are read again when the job has committed what the ledger had not counted', async () => {
    const ahead = booksOf({ accepted: 1, stored: 2 }, { through: 1, processed: 2 })
    const level = booksOf({ accepted: 2, stored: 2 }, { through: 2, processed: 2 })
    const { options, calls } = setUp([ahead, ahead, level])
    expect(await readBooks(options, wholeRange)).toMatchObject({ accepted: 2, balanced: true })
    expect(calls).toEqual(['flush', 'books', 'flush', 'books', 'flush', 'books', 'inFlight'])
  })

  it('are read again when records were trimmed while they were counted', async () => {
    let tries = 0
    const { options } = setUp([booksOf({ accepted: 1, stored: 1 }, { through: 2, processed: 1 })], async () => {
      tries += 1
      if (tries === 1) throw new OffsetTrimmedError(1, 2)
      return 0
    })
    expect((await readBooks(options, wholeRange)).balanced).toBe(true)
    expect(tries).toBe(2)
  })

  it('ask the client to come again after a bounded number of readings', async () => {
    const { options, calls } = setUp([booksOf({}, { through: 1, processed: 2 })])
    await expect(readBooks(options, wholeRange)).rejects.toMatchObject({ status: 503, code: 'overloaded' })
    expect(calls.filter((call) => call === 'books')).toHaveLength(booksMaxReads)
  })

  it('hide no fault of the log behind another reading', async () => {
    const { options } = setUp([booksOf({}, { through: 2, processed: 1 })], async () => {
      throw new Error('the disk is gone')
    })
    await expect(readBooks(options, wholeRange)).rejects.toThrow('the disk is gone')
  })

  it('do not exist for a merchant that does not: zeros would look balanced', async () => {
    const { options } = setUp([booksOf({}, { through: 0, processed: 0 })])
    const asked = readBooks(options, { ...wholeRange, merchant: 'nobody' as MerchantId })
    await expect(asked).rejects.toMatchObject({ status: 404, code: 'not_found' })
  })
})

describe('the range of books', () => {
  it('is all time where nothing is said', () => {
    expect(booksRange(undefined, undefined)).toEqual({ from: 0, to: at('9999-12-31T23:00:00Z') })
  })

  it('takes UTC dates, both inclusive', () => {
    expect(booksRange('2026-03-01', '2026-03-02')).toEqual({
      from: at('2026-03-01T00:00Z'),
      to: at('2026-03-03T00:00Z'),
    })
  })

  it('takes instants of any zone, half-open, and rounds outwards to whole UTC hours', () => {
    expect(booksRange('2026-03-01T10:59:59.999Z', '2026-03-01T12:00:00.001Z')).toEqual({
      from: at('2026-03-01T10:00Z'),
      to: at('2026-03-01T13:00Z'),
    })
    expect(booksRange('2026-03-01T10:00:00+05:30', '2026-03-01T06:00:00Z')).toEqual({
      from: at('2026-03-01T04:00Z'),
      to: at('2026-03-01T06:00Z'),
    })
  })

  it('always holds what was asked for, and under an hour more at either end', () => {
    fc.assert(
      fc.property(fc.integer({ min: 0, max: 4e12 }), fc.integer({ min: 1, max: 1e10 }), (start, length) => {
        const range = booksRange(new Date(start).toISOString(), new Date(start + length).toISOString())
        expect([range.from % hour, range.to % hour]).toEqual([0, 0])
        expect(start - range.from).toBeGreaterThanOrEqual(0)
        expect(start - range.from).toBeLessThan(hour)
        expect(range.to - start - length).toBeGreaterThanOrEqual(0)
        expect(range.to - start - length).toBeLessThan(hour)
      }),
    )
  })

  it('refuses what is neither, naming each, and a range that ends before it begins', () => {
    const faulty = (from: string | undefined, to: string | undefined) => {
      try {
        return booksRange(from, to)
      } catch (error) {
        return error as { code: string; extra: { errors: readonly { pointer: string }[] } }
      }
    }
    for (const text of [
      '',
      'yesterday',
      '2026-02-30',
      '2026-03-01T10:00:00',
      '2026-3-1',
      '1700000000000',
      '2026-13-01T00:00:00Z',
    ]) {
      expect(faulty(text, undefined), text).toMatchObject({
        code: 'bad_query',
        extra: { errors: [{ pointer: '/from' }] },
      })
    }
    expect(faulty('x', 'y')).toMatchObject({ extra: { errors: [{ pointer: '/from' }, { pointer: '/to' }] } })
    expect(faulty('2026-03-02', '2026-03-01')).toMatchObject({
      code: 'bad_query',
      extra: { errors: [{ pointer: '/to' }] },
    })
    expect(faulty('2026-03-01T10:00:00Z', '2026-03-01T10:00:00Z')).toMatchObject({ code: 'bad_query' })
  })
})
