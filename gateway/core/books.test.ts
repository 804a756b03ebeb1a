import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import type { MerchantId } from '../../core/ids.ts'
import type { Merchant } from '../../core/ports/control-store.ts'
import { type BooksCounts, type BooksQuestion, booksRange, readBooks } from './books.ts'

const hour = 3_600_000
const at = (text: string) => Date.parse(text)
const wholeRange = { from: 0, to: 10 * hour }
const counts = { accepted: 100, stored: 60, duplicates: 20, failed: 5, dropped: { bot: 3, test: 2 }, inFlight: 10 }

function optionsWith(taken: BooksCounts) {
  const asked: BooksQuestion[] = []
  const shop = {
    id: 'shop',
    name: '',
    timeZone: 'UTC',
    currency: 'EUR',
    blockedNames: [],
    visitorSeed: '0',
    retentionDays: null,
  } as const
  return {
    asked,
    store: { merchant: async (id: MerchantId) => (id === shop.id ? (shop as unknown as Merchant) : undefined) },
    take: async (question: BooksQuestion) => {
      asked.push(question)
      return taken
    },
  }
}

describe('the books', () => {
  it('balance when every accepted hit was stored, repeated, failed, dropped or is in flight', async () => {
    expect(await readBooks(optionsWith(counts), wholeRange)).toEqual({
      from: '1970-01-01T00:00:00.000Z',
      to: '1970-01-01T10:00:00.000Z',
      ...counts,
      balanced: true,
    })
  })

  it('say that they do not balance when one hit is missing, or one is there twice', async () => {
    for (const stored of [59, 61]) {
      expect((await readBooks(optionsWith({ ...counts, stored }), wholeRange)).balanced).toBe(false)
    }
  })

  it('do not exist for a merchant that does not: zeros would look balanced', async () => {
    const options = optionsWith(counts)
    const asked = readBooks(options, { ...wholeRange, merchant: 'nobody' as MerchantId })
    await expect(asked).rejects.toMatchObject({ status: 404, code: 'not_found' })
    expect(options.asked).toEqual([])
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
