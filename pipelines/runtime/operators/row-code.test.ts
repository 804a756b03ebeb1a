import { describe, expect, it } from 'vitest'
import type { Offset } from '../../../core/ids.ts'
import type { Lambda } from '../../plan/draft.ts'
import {
  callOf,
  dedupeCode,
  filterCode,
  flatMapCode,
  forkCode,
  mapCode,
  type RowCode,
  readCode,
  splitCode,
  stage,
  stageMaxSteps,
} from './row-code.ts'
import { RowRun } from './row-run.ts'

const place = { partition: 1, offset: 2 as Offset, index: 3 }

function world() {
  const run = new RowRun()
  const taken: unknown[] = []
  const take = callOf((row) => void taken.push(row))
  const through = (code: RowCode, row: unknown) => {
    run.start('read', place)
    taken.length = 0
    stage({ run, name: 'plan/read', code })(row)
    return [...taken]
  }
  return { run, take, through }
}

const step = (name: string, lambda: (row: never, context: never) => unknown, context: object | null = null) => ({
  ...{ name, lambda: lambda as Lambda, context: context as Readonly<Record<string, unknown>> | null },
})
const double = step('double', (n: number) => n * 2)

describe('steps as one function', () => {
  it('do with a row what each of them does, in order, with the side inputs of each', () => {
    const { take, through } = world()
    const more = step('more', (n: number, { by }: { by: number }) => n + by, { by: 100 })
    const less = step('less', (n: number, { by }: { by: number }) => n - by, { by: 1 })
    expect(through(mapCode(double, mapCode(more, mapCode(less, mapCode(double, take)))), 5)).toEqual([218])
  })

  it('give rows of one kind to several readers, in order', () => {
    const { take, through } = world()
    const readers = [
      take,
      mapCode(double, take),
      filterCode(
        step('none', () => false),
        take,
      ),
      take,
    ]
    expect(through(forkCode('plan/x', readers), 3)).toEqual([3, 6, 3])
    expect(through(forkCode('plan/x', []), 3)).toEqual([])
  })

  it('say which of them runs, before it runs and between the rows that it gives', () => {
    const { run, take, through } = world()
    const seen: string[] = []
    const look = (name: string) =>
      step(name, (row: unknown) => {
        seen.push(run.step)
        return row
      })
    const two = step('two', function* (row: unknown) {
      seen.push(run.step)
      yield row
      seen.push(run.step)
      yield row
    } as never)
    through(mapCode(look('first'), flatMapCode(two, mapCode(look('last'), take))), 1)
    expect(seen).toEqual(['first', 'two', 'last', 'two', 'last'])
    const fails = step('fails', () => {
      throw new Error('no')
    })
    expect(() => through(mapCode(double, mapCode(fails, take)), 1)).toThrow('no')
    expect(run.step).toBe('fails')
  })

  it('say which of them stopped the row last', () => {
    const { run, take, through } = world()
    const nothing = step('nothing', () => [])
    expect(through(flatMapCode(nothing, take), 1)).toEqual([])
    expect(run.droppedBy).toBe('nothing')
    through(
      filterCode(
        step('odd', (n: number) => n % 2 === 1),
        take,
      ),
      2,
    )
    expect(run.droppedBy).toBe('odd')
    through(
      filterCode(
        step('odd', (n: number) => n % 2 === 1),
        take,
      ),
      1,
    )
    expect(run.droppedBy).toBeNull()
  })

  it('part by the branch that is named, a refused row with step and reason; there is no other branch', () => {
    const { take, through } = world()
    const tagged = (name: string) =>
      mapCode(
        step(name, (row: unknown) => [name, row]),
        take,
      )
    const part = step('part', (row: unknown) => row)
    const code = splitCode(part, [
      ['a', tagged('a')],
      ['b', tagged('b')],
      ['c', tagged('c')],
    ])
    expect(through(code, { to: 'a', row: 1 })).toEqual([['a', 1]])
    expect(through(code, { to: 'c', row: 2 })).toEqual([['c', 2]])
    expect(through(code, { to: 'b', row: 3, reason: 'why' })).toEqual([['b', { step: 'part', reason: 'why', row: 3 }]])
    for (const to of ['d', undefined, 'toString']) {
      expect(() => through(code, { to, row: 1 }), String(to)).toThrow(new RangeError(`'part' has no branch '${to}'`))
    }
  })

  it("let the first of equal rows pass; while state is read an error is not the row's", () => {
    const { run, take, through } = world()
    const asked: unknown[] = []
    const state = {
      firstSeen(...of: unknown[]) {
        asked.push([...of, run.inState])
        return asked.length === 1
      },
    }
    const code = dedupeCode({ name: 'once', state, partitionKey: 'shop', id: 'n' }, take)
    const row = { shop: 'a', n: 7 }
    run.receivedMs = 9
    expect(through(code, row)).toEqual([row])
    expect(run.end).toBe('none')
    expect(through(code, row)).toEqual([])
    expect([run.end, run.inState]).toEqual(['duplicate', false])
    expect(asked).toEqual([
      ['a', '7', 9, true],
      ['a', '7', 9, true],
    ])
  })

  it('begin with the times of a row, which are whole', () => {
    const { run, take, through } = world()
    const times = {
      eventTime: (({ at }: { at: number }) => at) as Lambda,
      receivedMs: (({ by }: { by: number }) => by) as Lambda,
    }
    expect(through(readCode(times, take), { at: 5, by: -7 })).toHaveLength(1)
    expect([run.time, run.receivedMs]).toEqual([5, -7])
    for (const [row, what] of [
      [{ at: 0.5, by: 1 }, 'event time'],
      [{ at: '5', by: 1 }, 'event time'],
      [{ at: 1, by: Number.NaN }, "watermark's time"],
      [{ at: 1 }, "watermark's time"],
    ] as const) {
      expect(() => through(readCode(times, take), row)).toThrow(`the ${what} is a whole number of milliseconds`)
    }
    expect(run.position).toEqual(place)
  })

  it.each(['"', "'];throw 1;['", '`', 'a\nb', '\u2028', '*/', '\\'])('may be named %j', (name) => {
    const { run, take, through } = world()
    const part = step(name, (row: unknown) => ({ to: name, row }))
    expect(through(splitCode(part, [[name, filterCode(step(name, Boolean), take)]]), 1)).toEqual([1])
    expect(run.step).toBe(name)
    through(splitCode(part, [[name, filterCode(step(name, Boolean), take)]]), 0)
    expect(run.droppedBy).toBe(name)
  })

  it('are functions of so many steps, however many there are', () => {
    const { run, take, through } = world()
    const plusOne = step('plus-one', (n: number) => n + 1)
    const chain = (steps: number): RowCode =>
      steps === 0 ? take : mapCode(plusOne, forkCode('plan/plus-one', [chain(steps - 1)]))
    const stepsOf = (steps: number) => {
      const { length } = `${stage({ run, name: 'plan/read', code: chain(steps) })}`.split('run.step = ')
      return length - 1
    }
    expect([stageMaxSteps, stageMaxSteps + 1, 5 * stageMaxSteps].map(stepsOf)).toEqual(Array(3).fill(stageMaxSteps))
    expect(through(chain(5 * stageMaxSteps), 0)).toEqual([5 * stageMaxSteps])
  })
})
