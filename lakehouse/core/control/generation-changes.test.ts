import { describe, expect, it } from 'vitest'
import { type GenerationSink, generationSinks } from '../../../core/generations.ts'
import type { KeptRerun } from '../../../core/ports/cluster-store.ts'
import type { GenerationChange, Rerun, RerunState, WrittenGeneration } from '../../../core/ports/rerun-store.ts'
import { everything, placeOf, requestOf } from '../../../core/ports/rerun-under-test.ts'
import { generationChanges, inUse, newestChange } from './generation-changes.ts'

const change = (more: Partial<GenerationChange>): GenerationChange => ({
  ...everything,
  rerun: 1,
  sink: 'hits',
  generation: 2,
  answers: true,
  order: 1,
  version: 7,
  ...more,
})
const written: WrittenGeneration = {
  generation: 2,
  places: [everything],
  plan: 'p',
  sinks: generationSinks,
  barriers: [],
}
const writings = [{ revision: 1, generations: [written] }]
const all = generationSinks.map((sink) => change({ sink }))

describe('the first generation', () => {
  it('is in use as long as nothing else answers everything, though nobody writes it', () => {
    expect(inUse({ writings, changes: [], open: [] })).toEqual([1, 2])
    expect(inUse({ writings, changes: [change({ sink: 'hourly' })], open: [] })).toEqual([1, 2])
    expect(inUse({ writings, changes: all.map((each) => ({ ...each, ...placeOf(null, 1, null) })), open: [] })).toEqual(
      [1, 2],
    )
    expect(inUse({ writings, changes: all.map((each) => ({ ...each, answers: false })), open: [] })).toEqual([1, 2])
    expect(inUse({ writings, changes: all, open: [] })).toEqual([2])
  })

  it('is in use as long as somebody writes it, though nobody asks it', () => {
    const first = { ...written, generation: 1 }
    expect(inUse({ writings: [{ revision: 1, generations: [first, written] }], changes: all, open: [] })).toEqual([
      1, 2,
    ])
  })
})

describe('a later generation', () => {
  it('is in use as long as it answers somewhere, though nobody writes it and its rerun is over', () => {
    const answering = change({ ...placeOf('a', 2, 4), generation: 5 })
    expect(inUse({ writings, changes: [answering], open: [] })).toEqual([1, 2, 5])
    expect(inUse({ writings, changes: [{ ...answering, answers: false }], open: [] })).toEqual([1, 2])
  })
})

describe('the map', () => {
  const kept = (id: number, state: RerunState, order: number, sinks: readonly GenerationSink[]): KeptRerun => {
    const rerun: Rerun = {
      ...{ id, generation: id + 1, request: requestOf({ sinks }), state, rests: null },
      ...{ createdAt: 0, movedAt: 0, barriers: [], events: [], notes: {}, revision: 1 },
    }
    return { rerun, answer: { answers: true, order, version: order, at: 0 } }
  }
  const saysOf = (answered: readonly KeptRerun[]) =>
    generationChanges(answered).map(({ sink, generation }) => `${sink} ${generation}`)

  it('forgets what a later one covers for good, of the sinks that it makes and no others', () => {
    const first = kept(1, 'promoted', 1, ['hits', 'hourly'])
    expect(saysOf([first, kept(2, 'released', 2, ['hourly'])])).toEqual(['hits 2', 'hourly 3'])
    expect(saysOf([first, kept(2, 'promoted', 2, ['hourly'])])).toEqual(['hits 2', 'hourly 2', 'hourly 3'])
  })
})

describe('the newest change of a merchant’s days', () => {
  it('is of the days that its place has, first and last included', () => {
    const changes = [change({ ...placeOf('a', 2, 4), version: 3 }), change({ ...placeOf(null, 9, null), version: 5 })]
    const newest = (merchant: string, first: number, last: number) =>
      newestChange(changes, 'hits', { merchant, first, last })
    expect([newest('a', 0, 1), newest('a', 0, 2), newest('a', 4, 4), newest('a', 5, 8)]).toEqual([0, 3, 3, 0])
    expect([newest('b', 2, 4), newest('b', 8, 9), newest('a', 2, 99)]).toEqual([0, 5, 5])
    expect(newestChange(changes, 'hourly', { merchant: 'a', first: 0, last: 99 })).toBe(0)
    expect(newestChange(changes, null, { merchant: 'a', first: 0, last: 4 })).toBe(3)
  })
})
