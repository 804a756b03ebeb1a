import { describe, expect, it } from 'vitest'
import { OffsetTrimmedError } from '../../core/errors.ts'
import type { MerchantId, Offset } from '../../core/ids.ts'
import type { Books } from '../../core/ports/control-store.ts'
import { booksMaxReads, type Ledger, takeLogBooks } from './log-books.ts'

const hour = 3_600_000
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
              forwarded: {},
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
  return { calls, ranges, take: takeLogBooks({ store, ledger, log: 'log-1', job: 'hits' }) }
}

describe('the books of a log', () => {
  it('bring the ledger up to date before they are read', async () => {
    const { take, calls } = setUp([booksOf({}, { through: 4, processed: 4 })])
    await take(wholeRange)
    expect(calls).toEqual(['flush', 'books', 'inFlight'])
  })

  it('count as in flight what lies between the two places of the same reading', async () => {
    const { take, ranges } = setUp([booksOf({}, { through: 9, processed: 7 })])
    await take({ ...wholeRange, merchant: 'shop' as MerchantId })
    expect(ranges).toEqual([{ merchant: 'shop', from: 0, to: 10 * hour, processed: 7, through: 9 }])
  })

  it('count everything accepted as in flight before the first epoch', async () => {
    const { take, ranges } = setUp([booksOf({ accepted: 8 }, { through: 3, processed: null })], async () => 8)
    expect(await take(wholeRange)).toMatchObject({ accepted: 8, inFlight: 8 })
    expect(ranges[0]).toMatchObject({ processed: 0, through: 3 })
  })

  it('go by the job and the log they are of, whatever others there are', async () => {
    const books = booksOf({}, { through: 9, processed: 7 })
    const other = {
      job: 'other',
      partition: 0,
      next: place(3),
      checkpoint: null,
      watermark: null,
      received: null,
      forwarded: {},
    }
    const elsewhere = { ...other, job: 'hits', partition: 1 }
    const mixed: Books = {
      ...books,
      acceptedThrough: { 'log-0': place(99), ...books.acceptedThrough },
      positions: [other, elsewhere, ...books.positions],
    }
    const { take, ranges } = setUp([mixed])
    await take(wholeRange)
    expect(ranges[0]).toMatchObject({ processed: 7, through: 9 })
  })

  it('are read again when the job has committed what the ledger had not counted', async () => {
    const ahead = booksOf({ accepted: 1, stored: 2 }, { through: 1, processed: 2 })
    const level = booksOf({ accepted: 2, stored: 2 }, { through: 2, processed: 2 })
    const { take, calls } = setUp([ahead, ahead, level])
    expect(await take(wholeRange)).toMatchObject({ accepted: 2, stored: 2, inFlight: 0 })
    expect(calls).toEqual(['flush', 'books', 'flush', 'books', 'flush', 'books', 'inFlight'])
  })

  it('are read again when records were trimmed while they were counted', async () => {
    let tries = 0
    const { take } = setUp([booksOf({ accepted: 1, stored: 1 }, { through: 2, processed: 1 })], async () => {
      tries += 1
      if (tries === 1) throw new OffsetTrimmedError(1, 2)
      return 0
    })
    expect((await take(wholeRange)).inFlight).toBe(0)
    expect(tries).toBe(2)
  })

  it('ask the client to come again after a bounded number of readings', async () => {
    const { take, calls } = setUp([booksOf({}, { through: 1, processed: 2 })])
    await expect(take(wholeRange)).rejects.toMatchObject({ status: 503, code: 'overloaded' })
    expect(calls.filter((call) => call === 'books')).toHaveLength(booksMaxReads)
  })

  it('hide no fault of the log behind another reading', async () => {
    const { take } = setUp([booksOf({}, { through: 2, processed: 1 })], async () => {
      throw new Error('the disk is gone')
    })
    await expect(take(wholeRange)).rejects.toThrow('the disk is gone')
  })
})
