import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { decodeAggregateState, encodeAggregateState } from '../../schemas/avro/aggregate-state.ts'
import { type Aggregate, aggregateKinds } from './aggregate.ts'
import { count, countIf } from './count.ts'
import { countDistinct } from './count-distinct.ts'
import { first, last } from './first-last.ts'
import { max, min } from './min-max.ts'
import { quantiles } from './quantiles.ts'
import { avg, sum } from './sum.ts'
import { aBucket, aCurrency, aHash, aPlaced, aText, micros } from './test/generators.ts'
import { top } from './top.ts'

/** An aggregate with what its rows may bring; types forgotten, for the laws are the same. */
interface Case {
  readonly name: string
  readonly aggregate: Aggregate<unknown, unknown, unknown>
  readonly input: fc.Arbitrary<unknown>
}
const aCase = <S, I, R>(name: string, aggregate: Aggregate<S, I, R>, input: fc.Arbitrary<I>): Case => ({
  name,
  aggregate: aggregate as Case['aggregate'],
  input,
})

const cases: readonly Case[] = [
  aCase('count', count(), fc.constant(null)),
  aCase('countIf', countIf(), fc.option(fc.boolean())),
  aCase('sum', sum(), fc.option(micros)),
  aCase('min of texts', min(), fc.option(aText)),
  aCase('max of texts', max(), fc.option(aText)),
  aCase('min of doubles', min(), fc.option(fc.double({ noNaN: true }).map((value) => value + 0))),
  aCase('max of bigints', max(), fc.option(micros)),
  aCase('avg', avg(), fc.option(fc.oneof(micros, fc.maxSafeInteger()))),
  aCase('countDistinct', countDistinct(5), fc.option(aHash)),
  aCase('quantiles', quantiles(), fc.option(aBucket)),
  aCase('top', top(), fc.record({ value: fc.option(aCurrency), weight: micros })),
  aCase('first', first(), aPlaced),
  aCase('last', last(), aPlaced),
]

describe.each(cases)('$name', ({ aggregate, input }) => {
  const stateOf = (rows: readonly unknown[]) =>
    rows.reduce((state, row) => aggregate.add(state, row), aggregate.create())
  const resultOf = (rows: readonly unknown[]) => aggregate.result(stateOf(rows))
  const rowLists = fc.array(input, { maxLength: 12 })

  it('gives the number of the whole from any split of its rows, merged in any order', () => {
    const split = fc.array(fc.tuple(input, fc.nat(3)), { maxLength: 30 })
    fc.assert(
      fc.property(split, fc.shuffledSubarray([0, 1, 2, 3], { minLength: 4 }), (rows, order) => {
        const parts = order.map((part) => stateOf(rows.filter(([, of]) => of === part).map(([row]) => row)))
        const merged = parts.reduce((state, part) => aggregate.merge(state, part), aggregate.create())
        expect(aggregate.result(merged)).toEqual(resultOf(rows.map(([row]) => row)))
      }),
    )
  })

  it('merges associatively and commutatively, and nothing changes nothing', () => {
    fc.assert(
      fc.property(rowLists, rowLists, rowLists, (a, b, c) => {
        const { merge, result, create } = aggregate
        const left = merge(merge(stateOf(a), stateOf(b)), stateOf(c))
        const right = merge(stateOf(a), merge(stateOf(b), stateOf(c)))
        expect(result(left)).toEqual(result(right))
        expect(result(merge(stateOf(a), stateOf(b)))).toEqual(result(merge(stateOf(b), stateOf(a))))
        expect(result(merge(stateOf(a), create()))).toEqual(resultOf(a))
        expect(result(merge(create(), stateOf(a)))).toEqual(resultOf(a))
      }),
    )
  })

  it('leaves the state that it merges in as it was', () => {
    fc.assert(
      fc.property(rowLists, rowLists, (a, b) => {
        const other = stateOf(b)
        aggregate.merge(stateOf(a), other)
        expect(aggregate.result(other)).toEqual(resultOf(b))
      }),
    )
  })

  it.each([
    ['Avro', (state: unknown) => aggregate.unpack(decodeAggregateState(encodeAggregateState(aggregate.pack(state))))],
    ['a column of the lake', (state: unknown) => aggregate.fromLake(aggregate.toLake(state))],
  ] as const)('goes on as before when it went through %s', (_, through) => {
    fc.assert(
      fc.property(rowLists, rowLists, (a, b) => {
        expect(aggregate.result(through(stateOf(a)))).toEqual(resultOf(a))
        const merged = aggregate.merge(through(stateOf(a)), through(stateOf(b)))
        expect(aggregate.result(merged)).toEqual(resultOf([...a, ...b]))
      }),
    )
  })

  it('is empty where the lake has null, as in rows older than the column', () => {
    expect(aggregate.result(aggregate.fromLake(null))).toEqual(aggregate.result(aggregate.create()))
  })

  it('does not take the state of another aggregate', () => {
    const other = aggregateKinds.find((kind) => kind !== aggregate.kind)
    expect(() => aggregate.unpack({ ...aggregate.pack(aggregate.create()), kind: other ?? 'count' })).toThrow(
      `not of ${aggregate.kind}`,
    )
  })
})

describe('the closed set', () => {
  it('has each of its kinds under these laws', () => {
    expect(new Set(cases.map(({ aggregate }) => aggregate.kind))).toEqual(new Set(aggregateKinds))
  })
})

describe('of nothing', () => {
  it.each([
    ['count is 0', count(), 0],
    ['sum is 0', sum(), 0n],
    ['min is null', min(), null],
    ['max is null', max(), null],
    ['avg is null', avg(), null],
    ['first is null', first(), null],
    ['last is null', last(), null],
    ['a histogram is empty', quantiles(), []],
    ['a sketch is empty', countDistinct(4), []],
  ] as const)('%s', (_, aggregate, expected) => {
    const { create, result } = aggregate as unknown as Case['aggregate']
    expect(result(create())).toEqual(expected)
  })
})

describe('single facts', () => {
  it('an average is of an exact sum: 10^18 and 1 more do not lose the 1', () => {
    const state = [10n ** 18n, 1n, -(10n ** 18n)].reduce((all, one) => avg().add(all, one), avg().create())
    expect(avg().result(state)).toBe(1 / 3)
  })

  it('the first row names its null, though a later one has a value', () => {
    const at = (time: number, value: string | null) => ({
      time,
      position: { partition: 0, offset: 0, index: 0 },
      value,
    })
    const rows = [at(2, '/b'), at(1, null)] as never as Parameters<ReturnType<typeof first>['add']>[1][]
    expect(first().result(rows.reduce((state, row) => first().add(state, row), first().create()))).toBeNull()
  })

  it('texts are ordered by code point, not by UTF-16 unit', () => {
    expect(max().add(max().add(null, '\uffee'), '\u{1f600}')).toBe('\u{1f600}')
  })

  it('a smaller sketch cannot go on as a larger one, a larger one can as a smaller', () => {
    const state = [1n, 2n, 3n].reduce((all, hash) => countDistinct(3).add(all, hash), countDistinct(3).create())
    const saved = countDistinct(3).pack(state)
    expect(() => countDistinct(4).unpack(saved)).toThrow('a sketch of 3 hashes cannot go on as one of 4')
    expect(countDistinct(2).result(countDistinct(2).unpack(saved))).toEqual([1n, 2n])
  })
})
