import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { type Timer, TimerHeap } from './timers.ts'

const timer = (at: number, end: number, start: number, key: string): Timer<string> => ({ at, end, start, key, of: key })

function drain(heap: TimerHeap<string>): readonly Timer<string>[] {
  const taken: Timer<string>[] = []
  while (heap.size > 0) {
    taken.push(heap.pop() as Timer<string>)
  }
  return taken
}

describe('timers', () => {
  it('come by their time, then their window’s end, start and key, keys by code point', () => {
    const sorted = [
      timer(5, 5, 0, 'z'),
      timer(10, 8, 6, 'z'),
      timer(10, 10, 0, 'b'),
      timer(10, 10, 5, 'a'),
      timer(10, 10, 5, 'b'),
      timer(10, 10, 5, '\uffff'),
      timer(10, 10, 5, '😀'),
    ]
    fc.assert(
      fc.property(fc.shuffledSubarray(sorted, { minLength: sorted.length }), (shuffled) => {
        const heap = new TimerHeap<string>()
        for (const it of shuffled) heap.push(it)
        expect(drain(heap)).toEqual(sorted)
      }),
    )
  })

  it('come in order however they are pushed, taken and swept', () => {
    fc.assert(
      fc.property(fc.array(fc.integer({ min: -3, max: 50 })), (moves) => {
        const heap = new TimerHeap<string>()
        let model: number[] = []
        for (const move of moves) {
          if (move === -3) {
            heap.sweep(({ at }) => at % 2 === 0)
            model = model.filter((at) => at % 2 === 0)
          } else if (move < 0) {
            const soonest = model.length === 0 ? undefined : Math.min(...model)
            expect(heap.pop()?.at).toBe(soonest)
            if (soonest !== undefined) model.splice(model.indexOf(soonest), 1)
          } else {
            heap.push(timer(move, move, 0, 'k'))
            model.push(move)
          }
        }
        expect(drain(heap).map(({ at }) => at)).toEqual(model.sort((a, b) => a - b))
      }),
    )
  })
})
