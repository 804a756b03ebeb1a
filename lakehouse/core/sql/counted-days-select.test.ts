import { describe, expect, it } from 'vitest'
import { hourMs, utcDay } from '../../../core/event-time.ts'
import { firstGenerations } from '../../../core/generations.ts'
import type { MerchantId } from '../../../core/ids.ts'
import { countedDaysOf } from './counted-days-select.ts'

const merchant = 'shop' as MerchantId
const erased = [{ merchant, subject: { kind: 'visitor', value: 'v1' }, through: 5 }] as const
const midnight = Date.parse('2026-03-02T00:00:00Z')
const counted = (zone: string, at: number, change: { readonly generation?: number; readonly visitor?: string } = {}) =>
  countedDaysOf(
    [{ merchant, visitor: 'v1', user: null, zone, hour: at / hourMs, generation: 1, hits: 2, ...change }],
    firstGenerations,
    erased,
  ).map(({ day, hits }) => [day - utcDay(midnight), hits])

describe('the days that hits of an hour of UTC are counted in', () => {
  it('are two where an hour of their zone begins before midnight and ends after it', () => {
    expect(counted('Asia/Kolkata', midnight)).toEqual([
      [-1, 2],
      [0, 2],
    ])
  })

  it('is the one day elsewhere', () => {
    expect(counted('Asia/Kolkata', midnight + hourMs)).toEqual([[0, 2]])
    expect(counted('Europe/Berlin', midnight)).toEqual([[0, 2]])
  })

  it('are none of hits that do not answer, or are nobody’s that is erased', () => {
    expect(counted('UTC', midnight, { generation: 2 })).toEqual([])
    expect(counted('UTC', midnight, { visitor: 'v2' })).toEqual([])
  })
})
