import { describe, expect, it } from 'vitest'
import { eventTime, hourMs } from '../../core/event-time.ts'
import type { MerchantId } from '../../core/ids.ts'
import { EpochBooks } from './epoch-books.ts'
import { TouchedDays } from './touched-days.ts'
import { Watermark } from './watermark.ts'

const shop = 'shop' as MerchantId
const other = 'other' as MerchantId
const nine = eventTime('2026-03-01T09:00:00.000Z')

describe('the books of an epoch', () => {
  it('count each outcome per merchant and UTC hour of receipt, and drops by rule', () => {
    const books = new EpochBooks()
    books.count(shop, nine, 'stored')
    books.count(shop, nine + hourMs - 1, 'stored')
    books.count(shop, nine + hourMs, 'duplicates')
    books.count(other, nine, 'dropped', 'sample')
    books.count(shop, nine, 'failed')
    books.count(other, nine, 'dropped', 'sample')
    const none = { accepted: 0, stored: 0, duplicates: 0, failed: 0, dropped: {} }
    expect(books.deltas()).toEqual([
      { ...none, merchant: shop, hour: nine, stored: 2, failed: 1 },
      { ...none, merchant: shop, hour: nine + hourMs, duplicates: 1 },
      { ...none, merchant: other, hour: nine, dropped: { sample: 2 } },
    ])
  })

  it('are empty again once cleared', () => {
    const books = new EpochBooks()
    books.count(shop, nine, 'stored')
    books.clear()
    expect(books.deltas()).toEqual([])
    books.count(shop, nine, 'failed')
    expect(books.deltas()).toMatchObject([{ stored: 0, failed: 1 }])
  })
})

describe('touched days', () => {
  it('are listed once each, by merchant', () => {
    const touched = new TouchedDays()
    for (const day of [5, 5, 6, 5]) touched.add(shop, day)
    touched.add(other, 5)
    expect(touched.list()).toEqual([
      { merchant: shop, day: 5 },
      { merchant: shop, day: 6 },
      { merchant: other, day: 5 },
    ])
    touched.clear()
    touched.add(other, 5)
    expect(touched.list()).toEqual([{ merchant: other, day: 5 }])
  })
})

describe('a watermark', () => {
  // seen:       100   300   200
  // watermark:   40   240   240
  it('is the delay behind the largest time seen, and never goes back', () => {
    const watermark = new Watermark(60, null)
    expect(watermark.isLate(-1_000)).toBe(false)
    watermark.see(100)
    watermark.see(300)
    watermark.see(200)
    expect(watermark.current).toBe(240)
    expect(watermark.isLate(239)).toBe(true)
    expect(watermark.isLate(240)).toBe(false)
  })

  it('goes on from the one that was committed', () => {
    const watermark = new Watermark(60, 240)
    watermark.see(100)
    expect(watermark.current).toBe(240)
  })
})
