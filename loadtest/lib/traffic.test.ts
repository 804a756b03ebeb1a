import { isbot } from 'isbot'
import { describe, expect, it } from 'vitest'
import { hitSchema } from '../../core/hit/hit-schema.ts'
import { batchJson, hitJson, zipf } from './traffic.ts'

describe('made-up hits', () => {
  it('have ids of their own, from sender and number', () => {
    const hits = JSON.parse(batchJson('a', 5, 3, 1_000)) as { id: string; time: number }[]
    expect(hits.map(({ id }) => id)).toEqual(['a-5', 'a-6', 'a-7'])
    expect(hits.every(({ time }) => time === 1_000)).toBe(true)
  })

  it('are hits that a collector takes, of people and not of bots', () => {
    const hits = Array.from({ length: 200 }, (_, index) => JSON.parse(hitJson(`a-${index}`, index, 1_000)))
    for (const hit of hits) {
      expect(hitSchema.safeParse(hit).error?.issues ?? []).toEqual([])
      expect(isbot(hit.context.userAgent)).toBe(false)
    }
    expect(new Set(hits.map(({ name }) => name))).toEqual(new Set(['page_view', 'add_to_cart', 'purchase']))
  })
})

describe('merchants by Zipf', () => {
  it('are all within the count, whatever is drawn', () => {
    expect(zipf(0, 20)).toBe(0)
    expect(zipf(1 - Number.EPSILON, 20)).toBe(19)
    expect(zipf(0.5, 1)).toBe(0)
  })

  it('give the first far more than the last, and the last something', () => {
    const draws = Array.from({ length: 100_000 }, (_, index) => zipf(index / 100_000, 20))
    const share = (merchant: number) => draws.filter((each) => each === merchant).length / draws.length
    expect(share(0)).toBeCloseTo(Math.log(2) / Math.log(21), 3)
    expect(share(19)).toBeCloseTo(Math.log(21 / 20) / Math.log(21), 3)
  })
})
