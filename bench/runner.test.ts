import { describe, expect, it } from 'vitest'
import { formatResult, runBench } from './runner.ts'

describe('the bench runner', () => {
  it('alternates control and candidate, leaves warm-ups out, and takes the ratio pair by pair', async () => {
    const order: string[] = []
    // The machine slows down by half after the second pair: the ratio does not notice.
    const speeds = [10, 10, 10, 5, 5]
    let round = 0
    const { result, figures } = await runBench(
      {
        name: 'demo',
        unit: 'ops/s',
        control: {
          name: 'bare',
          async run() {
            order.push('control')
            return speeds[round] ?? 0
          },
        },
        candidate: {
          name: 'ours',
          async run() {
            order.push('candidate')
            return (speeds[round++] ?? 0) * 0.6
          },
        },
        also: ({ ratio }) => [{ name: 'pairs', value: ratio.pairs, unit: 'pairs' }],
      },
      { pairs: 4, warmups: 1 },
    )
    expect(order).toEqual(Array(5).fill(['control', 'candidate']).flat())
    expect(result.ratio).toEqual({ median: 0.6, min: 0.6, max: 0.6, pairs: 4 })
    expect(formatResult(result, { at: 'least', value: 0.5 })).toContain('demo: 0.60 (goal 0.50: met)')
    expect(figures).toEqual([
      {
        ...{ name: 'demo', value: 0.6, unit: 'ratio', control: 'bare', spread: [0.6, 0.6], note: '4 pairs' },
        rates: { ours: 4.5, control: 7.5, unit: 'ops/s' },
      },
      { name: 'pairs', value: 4, unit: 'pairs' },
    ])
  })

  it('says so when a goal is missed', async () => {
    const side = (speed: number) => ({ name: 'x', run: async () => speed })
    const { result } = await runBench(
      { name: 'slow', unit: 'ops/s', control: side(10), candidate: side(5) },
      { pairs: 1, warmups: 0 },
    )
    expect(formatResult(result, { at: 'least', value: 0.9 })).toContain('MISSED')
  })

  it('tears down after a failed run', async () => {
    let tornDown = false
    const bench = {
      name: 'broken',
      unit: 'ops/s',
      teardown: async () => {
        tornDown = true
      },
      control: { name: 'x', run: () => Promise.reject(new Error('no')) },
      candidate: { name: 'y', run: async () => 1 },
    }
    await expect(runBench(bench, { pairs: 1, warmups: 0 })).rejects.toThrow('no')
    expect(tornDown).toBe(true)
  })
})
