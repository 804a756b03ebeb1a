/** The contract of what the jobs of a pipeline write; registered by `rerunsContract`. */
import { describe, expect, it } from 'vitest'
import { StaleWritingError } from '../errors.ts'
import type { ControlStoreUnderTest } from './control-store.contract.ts'
import { touch } from './control-store-derivations.contract.ts'
import { epochOf, fileOf, offset, positionOf } from './control-store-epochs.contract.ts'
import type { RerunRequest } from './rerun-store.ts'
import { everything, oneJob, placeOf, rerunFacts, setUpReruns } from './rerun-under-test.ts'

export function rerunWritingContract(under: ControlStoreUnderTest): void {
  describe('what the jobs of a pipeline write', () => {
    writingContract(under)
    releaseContract(under)
  })
}

function writingContract(under: ControlStoreUnderTest): void {
  const at = (partition: number, from: number, next: number) => ({
    ...positionOf(partition, next),
    from: offset(from),
  })

  it('is generation 1 at first, all of it, by the plan of the release', async () => {
    const { store } = await setUpReruns(under)
    expect(await store.writing('hits')).toEqual({
      revision: 0,
      generations: [{ generation: 1, places: [everything], plan: null, sinks: ['hits', 'hourly'], barriers: [] }],
    })
  })

  // hits   feed-1  0: 5  1: 7      feed-2  0: 2
  // hourly feed-1  0: 4            other   feed-1  0: 9 -> no job of the rerun
  it('is the generation of a rerun too, from where each of its jobs has come in each source and partition', async () => {
    const { store, of, at: move, must } = await setUpReruns(under)
    const first = await store.acquirePartitions('hits', 'feed-1', 'me', [0, 1, 2])
    await store.commitEpoch(epochOf(first.fence, 0, 0, { partitions: [at(1, 0, 7), at(0, 0, 5)] }))
    const second = await store.acquirePartitions('hits', 'feed-2', 'me', [0])
    await store.commitEpoch(epochOf(second.fence, 0, 2, { source: 'feed-2' }))
    for (const [job, next] of [
      ['hourly', 4],
      ['other', 9],
    ] as const) {
      const { fence } = await store.acquirePartitions(job, 'feed-1', 'me', [0])
      await store.commitEpoch(epochOf(fence, 0, next, { job }))
    }
    const places = [placeOf('a', 1, 5)]
    const rerun = await of('backfilling', { places })
    const { revision } = await store.writing('hits')
    const begun = must(await store.beginDualWriting(rerun.id, { hits: 'hits', hourly: 'hourly' }, move(rerun, 'now')))
    const barriers = [
      { job: 'hits', source: 'feed-1', partition: 0, next: 5 },
      { job: 'hits', source: 'feed-1', partition: 1, next: 7 },
      { job: 'hits', source: 'feed-2', partition: 0, next: 2 },
      { job: 'hourly', source: 'feed-1', partition: 0, next: 4 },
    ]
    expect(begun).toMatchObject({ state: 'catching_up', barriers, notes: rerun.notes })
    expect(begun.events.at(-1)).toMatchObject({ state: 'catching_up', note: 'now' })
    const writing = await store.writing('hits')
    expect(writing.revision).toBeGreaterThan(revision)
    expect(writing.generations).toMatchObject([
      { generation: 1, plan: null },
      { generation: rerun.generation, places, plan: 'plan-2', sinks: ['hits', 'hourly'], barriers },
    ])
    expect(await store.writing('other')).toMatchObject({ revision: 0, generations: [{ generation: 1 }] })
  })

  it('does not change where a sink of the rerun has no job', async () => {
    const { store, of, at: move } = await setUpReruns(under)
    const rerun = await of('backfilling')
    const before = await rerunFacts(store)
    await expect(store.beginDualWriting(rerun.id, { hits: 'hits' }, move(rerun))).rejects.toThrow(RangeError)
    expect(await rerunFacts(store)).toEqual(before)
  })

  it('needs jobs only of the sinks of the rerun', async () => {
    const { store, of, at: move } = await setUpReruns(under)
    const { fence } = await store.acquirePartitions('hits', 'feed-1', 'me', [0])
    await store.commitEpoch(epochOf(fence, 0, 3))
    const rerun = await of('backfilling', { sinks: ['hourly'] })
    const jobs = { hits: 'hits', hourly: 'hourly' } as const
    expect(await store.beginDualWriting(rerun.id, jobs, move(rerun))).toMatchObject({ barriers: [] })
  })

  it('refuses epochs that were made by what was written before, whole, and takes them made anew', async () => {
    const { store, of, begin, cancel } = await setUpReruns(under)
    const { fence } = await store.acquirePartitions('hits', 'feed-1', 'me', [0])
    const epoch = (from: number, revision: number, pipeline = 'hits') =>
      epochOf(fence, from, from + 1, {
        staged: [fileOf(`f${from}`)],
        touched: [touch('a', 1)],
        writing: { pipeline, revision },
      })
    await store.commitEpoch(epoch(0, 0))
    const rerun = await begin(await of('backfilling'))
    const before = await rerunFacts(store)
    await expect(store.commitEpoch(epoch(1, 0))).rejects.toThrow(StaleWritingError)
    await expect(store.commitEpoch(epoch(1, 99))).rejects.toThrow(StaleWritingError)
    expect(await rerunFacts(store)).toEqual(before)
    await store.commitEpoch(epoch(1, (await store.writing('hits')).revision))
    await cancel(rerun)
    await expect(store.commitEpoch(epoch(2, 1))).rejects.toThrow(StaleWritingError)
    await store.commitEpoch(epoch(2, (await store.writing('hits')).revision))
    await store.commitEpoch(epoch(3, 0, 'other'))
    await store.commitEpoch(epochOf(fence, 4, 5))
  })

  it('begins at the same place for the store and for epochs that are committed at that moment', async () => {
    const { store, of, must, at: move } = await setUpReruns(under)
    const { fence } = await store.acquirePartitions('hits', 'feed-1', 'me', [0, 1, 2, 3])
    for (let round = 0; round < 8; round++) {
      const rerun = await of('backfilling', { places: [placeOf(null, round, round)] })
      const { revision } = await store.writing('hits')
      const made = [0, 1, 2, 3].map((partition) =>
        store
          .commitEpoch(
            epochOf(fence, 0, 0, {
              partitions: [at(partition, round, round + 1)],
              writing: { pipeline: 'hits', revision },
            }),
          )
          .then(
            () => true,
            (error) => {
              expect(error).toBeInstanceOf(StaleWritingError)
              return false
            },
          ),
      )
      const begins = store.beginDualWriting(rerun.id, oneJob, move(rerun))
      const committed = await Promise.all(made)
      const { barriers } = must(await begins)
      const next = new Map(barriers.map((barrier) => [barrier.partition, barrier.next as number]))
      expect([0, 1, 2, 3].map((partition) => (next.get(partition) ?? 0) === round + 1)).toEqual(committed)
      const again = await store.writing('hits')
      for (const [partition, done] of committed.entries()) {
        if (done) continue
        const writing = { pipeline: 'hits', revision: again.revision }
        await store.commitEpoch(epochOf(fence, 0, 0, { partitions: [at(partition, round, round + 1)], writing }))
      }
    }
  })

  it('changes its base plan from the next epoch on, and says nothing new where it goes by that already', async () => {
    const { store, of } = await setUpReruns(under)
    await of('catching_up')
    const before = await store.writing('hits')
    expect(await store.setBasePlan('hits', null)).toEqual(before)
    const after = await store.setBasePlan('hits', 'plan-7')
    expect(after.revision).toBeGreaterThan(before.revision)
    expect(after.generations.map(({ plan }) => plan)).toEqual(['plan-7', 'plan-2'])
    expect(await store.writing('hits')).toEqual(after)
    expect(await store.setBasePlan('hits', 'plan-7')).toEqual(after)
    const { fence } = await store.acquirePartitions('hits', 'feed-1', 'me', [0])
    const epoch = (revision: number) => epochOf(fence, 0, 1, { writing: { pipeline: 'hits', revision } })
    await expect(store.commitEpoch(epoch(before.revision))).rejects.toThrow(StaleWritingError)
    const back = await store.setBasePlan('hits', null)
    expect(back).toEqual({ ...before, revision: back.revision })
    await store.commitEpoch(epoch(back.revision))
  })

  it('stays the same through promotion and rollback', async () => {
    const { store, of, promote, rollBack } = await setUpReruns(under)
    let rerun = await of('ready')
    const before = await store.writing('hits')
    for (const step of [promote, rollBack, promote]) {
      rerun = await step(rerun)
      expect(await store.writing('hits')).toEqual(before)
    }
  })

  it.each(['planned', 'backfilling', 'catching_up', 'ready', 'rolled_back'] as const)(
    'is without a rerun that was cancelled when it was %s',
    async (state) => {
      const { store, of, cancel } = await setUpReruns(under)
      const beside = await of('catching_up', { places: [placeOf('b', 1, 1)] })
      const rerun = await of(state, { places: [placeOf('a', 1, 1)] })
      await cancel(rerun)
      const { generations } = await store.writing('hits')
      expect(generations.map(({ generation }) => generation)).toEqual([1, beside.generation])
    },
  )
}

function releaseContract(under: ControlStoreUnderTest): void {
  /** What is written after these were released one after the other: each generation with its sinks. */
  async function after(...requests: readonly Partial<RerunRequest>[]) {
    const { store, of } = await setUpReruns(under)
    for (const request of requests) await of('released', request)
    const { generations } = await store.writing('hits')
    return { store, written: generations.map(({ generation, sinks }) => `${generation}: ${sinks.join(' ')}`) }
  }

  it.each<[string, readonly Partial<RerunRequest>[], readonly string[]]>([
    ['of everything is the base, and the one before goes', [{}], ['2: hits hourly']],
    [
      'of some days is written beside the base',
      [{ places: [placeOf(null, 1, 5)] }],
      ['1: hits hourly', '2: hits hourly'],
    ],
    ['of one sink leaves the other to the base', [{ sinks: ['hits'] }], ['1: hourly', '2: hits']],
    [
      'of one sink after the other are the base together',
      [{ sinks: ['hourly'] }, { sinks: ['hits'] }],
      ['2: hourly', '3: hits'],
    ],
    [
      'ends those of days within it, and none of others',
      [{ places: [placeOf('a', 2, 3)] }, { places: [placeOf('b', 2, 3)] }, { places: [placeOf('a', 1, 5)] }],
      ['1: hits hourly', '3: hits hourly', '4: hits hourly'],
    ],
    [
      'leaves what reaches out of it',
      [{ places: [placeOf('a', 2, 3), placeOf('a', 9, 9)] }, { places: [placeOf('a', 1, 5)] }],
      ['1: hits hourly', '2: hits hourly', '3: hits hourly'],
    ],
    [
      'takes one sink of one that it covers',
      [{ places: [placeOf('a', 2, 3)] }, { places: [placeOf('a', 1, 5)], sinks: ['hits'] }],
      ['1: hits hourly', '2: hourly', '3: hits'],
    ],
    [
      'of everything ends all before it',
      [{ places: [placeOf('a', 2, 3)] }, { sinks: ['hits'] }, {}],
      ['4: hits hourly'],
    ],
  ])('a rerun %s', async (_, requests, expected) => {
    const { written } = await after(...requests)
    expect(written).toEqual(expected)
  })

  it('a released rerun stays where it was written: with its places, its plan and its barriers', async () => {
    const { store, of, release } = await setUpReruns(under)
    const { fence } = await store.acquirePartitions('hits', 'feed-1', 'me', [0])
    await store.commitEpoch(epochOf(fence, 0, 5))
    const rerun = await of('promoted')
    const written = (await store.writing('hits')).generations[1]
    await release(rerun)
    expect((await store.writing('hits')).generations).toEqual([written])
  })

  it('the base is asked for another plan whichever generations it is, and no other is', async () => {
    const { store } = await after({ sinks: ['hourly'] }, { sinks: ['hits'] }, { places: [placeOf('a', 1, 1)] })
    const { generations } = await store.setBasePlan('hits', null)
    expect(generations.map(({ generation, plan }) => [generation, plan])).toEqual([
      [2, null],
      [3, null],
      [4, 'plan-2'],
    ])
  })

  it('one that is released everywhere is of the base, though others began to be written before it', async () => {
    const { store, of } = await setUpReruns(under)
    await of('catching_up', { sinks: ['hits'], places: [placeOf('a', 1, 1)] })
    await of('released', { sinks: ['hourly'] })
    const { generations } = await store.setBasePlan('hits', 'plan-7')
    expect(generations.map(({ generation, plan, sinks }) => [generation, plan, sinks])).toEqual([
      [1, 'plan-7', ['hits']],
      [3, 'plan-7', ['hourly']],
      [2, 'plan-2', ['hits']],
    ])
  })

  it('nothing is written otherwise after a rerun is released that covers nothing whole', async () => {
    const { store, of, release } = await setUpReruns(under)
    await of('released', { sinks: ['hourly'], places: [placeOf('a', 2, 3)] })
    const rerun = await of('promoted', { sinks: ['hits'], places: [placeOf('a', 1, 5)] })
    const before = await store.writing('hits')
    await release(rerun)
    expect(await store.writing('hits')).toEqual(before)
  })

  it('what a released rerun covers is of another pipeline too, and goes on being written there', async () => {
    const { store } = await after({ pipeline: 'other', places: [placeOf('a', 1, 1)] }, {})
    expect((await store.writing('other')).generations).toHaveLength(2)
  })
}
