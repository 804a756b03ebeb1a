import { describe, expect, it } from 'vitest'
import { slopePerHour, slopesOfHalves } from './linear-fit.ts'

const every = (minutes: number, values: readonly number[]) =>
  values.map((value, index) => ({ atMs: 1_000 + index * minutes * 60_000, value }))

describe('the slope of samples', () => {
  it('is what a straight line gains an hour', () => {
    expect(slopePerHour(every(10, [100, 110, 120, 130]))).toBeCloseTo(60)
    expect(slopePerHour(every(30, [5, 5, 5]))).toBeCloseTo(0)
  })

  it('is not moved by a wave around the line', () => {
    expect(slopePerHour(every(15, [1, -1, -1, 1, 1, -1, -1, 1]))).toBeCloseTo(0)
  })

  it('is the least squares of what was measured: worked out by hand, -40 over 60 steps squared, four steps an hour', () => {
    expect(slopePerHour(every(15, [0, 10, 0, -10, 0, 10, 0, -10, 0]))).toBeCloseTo(-2.67, 2)
  })

  it('is unknown of a single instant', () => {
    expect(slopePerHour(every(1, [5]))).toBeNaN()
    expect(slopePerHour([])).toBeNaN()
  })

  it('of each half shows growth that has come to an end', () => {
    const [least, most] = slopesOfHalves(every(10, [0, 10, 20, 30, 30, 30, 30, 30]))
    expect(least).toBeCloseTo(0)
    expect(most).toBeCloseTo(60)
  })
})
