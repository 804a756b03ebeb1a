import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { TimerQueue } from './timers.ts'

describe('timers', () => {
  it('come soonest first, those of one time together', () => {
    const queue = new TimerQueue<string>()
    for (const [time, name] of [
      [7, 'a'],
      [3, 'b'],
      [7, 'c'],
      [-1, 'd'],
      [3, 'e'],
    ] as const) {
      queue.add(time, name)
    }
    expect([queue.size, queue.next, queue.first()]).toEqual([5, -1, ['d']])
    expect([queue.takeNext(), queue.takeNext(), queue.takeNext()]).toEqual([['d'], ['b', 'e'], ['a', 'c']])
    expect([queue.size, queue.next, queue.first(), queue.takeNext()]).toEqual([0, Number.POSITIVE_INFINITY, [], []])
  })

  it('come in order however they are added, taken and swept', () => {
    fc.assert(
      fc.property(fc.array(fc.integer({ min: -3, max: 50 }), { maxLength: 60, size: 'max' }), (moves) => {
        const queue = new TimerQueue<number>()
        let model: number[] = []
        for (const move of moves) {
          if (move === -3) {
            queue.sweep((one, time) => time % 2 === 0 && one === time)
            model = model.filter((time) => time % 2 === 0)
          } else if (move < 0) {
            const soonest = Math.min(...model)
            expect(queue.next).toBe(soonest)
            expect(queue.takeNext()).toEqual(model.filter((time) => time === soonest))
            model = model.filter((time) => time !== soonest)
          } else {
            queue.add(move, move)
            model.push(move)
          }
          expect(queue.size).toBe(model.length)
        }
        const drained: number[] = []
        while (queue.size > 0) drained.push(...queue.takeNext())
        expect(drained).toEqual(model.sort((a, b) => a - b))
      }),
    )
  })
})
