import { describe, expect, it } from 'vitest'
import { describeTimes, percentile } from './percentiles.ts'

const hundred = Array.from({ length: 100 }, (_, n) => 100 - n)

describe('percentiles of measured times', () => {
  it('are times that were measured: the nearest rank, whatever the order', () => {
    expect(percentile(hundred, 0.5)).toBe(50)
    expect(percentile(hundred, 0.99)).toBe(99)
    expect(percentile(hundred, 1)).toBe(100)
    expect(percentile([7], 0.01)).toBe(7)
    expect(percentile([], 0.5)).toBeNaN()
  })

  it('meet a goal only below it', () => {
    expect(describeTimes(hundred, 100)).toContain('p99 99.0 ms of 100 answers (goal p99 100 ms: met)')
    expect(describeTimes(hundred, 99)).toContain('MISSED')
    expect(describeTimes(hundred)).not.toContain('goal')
  })
})
