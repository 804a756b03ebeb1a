import { describe, expect, it } from 'vitest'
import { dayMs } from '../../../core/event-time.ts'
import type { Offset } from '../../../core/ids.ts'
import { workNotes } from '../../../core/rerun-notes.ts'
import { createRerunWorld, firstDay, notesOf, type RerunWorld } from './driver-under-test.ts'

async function begun(hits = 12): Promise<RerunWorld> {
  const world = createRerunWorld()
  await world.accept(hits)
  await world.publish()
  // Accepted and not in the snapshot that is rerun.
  await world.accept(5)
  return world
}

const stateOf = async ({ store }: RerunWorld, id = 1) => (await store.rerun(id))?.state
const until =
  (world: RerunWorld, state: string, id = 1) =>
  async () =>
    (await stateOf(world, id)) === state
/** A job of its own that counts so many hits more. */
async function rollupsOf({ store }: RerunWorld): Promise<(hits: number) => Promise<void>> {
  const { fence } = await store.acquirePartitions('rollups', 'log', 'worker', [0])
  let from = 0
  return async (hits) => {
    const { revision } = await store.writing('hits')
    const position = { partition: 0, checkpoint: null, watermark: null, received: null, forwarded: {} }
    await store.commitEpoch({
      ...{ job: 'rollups', source: 'log', plan: 'old', fence, staged: [], touched: [], books: [] },
      partitions: [{ ...position, from: from as Offset, next: (from + hits) as Offset }],
      writing: { pipeline: 'hits', revision },
    })
    from += hits
  }
}

const all = (count: number) => Array.from({ length: count }, (_, n) => n)

describe('a rerun', () => {
  it('has every accepted hit once: those of the snapshot, those since, and those to come', async () => {
    const world = await begun()
    const driver = world.driver()
    await world.ask()
    driver.start()
    expect(await world.live(until(world, 'ready'))).toBe(true)
    await world.accept(4)
    await world.publish()
    for (const table of ['hits', 'hourly'] as const) {
      expect(world.offsets(table, 2)).toEqual(all(world.accepted))
    }
    const rerun = await world.store.rerun(1)
    expect(rerun?.events.map(({ state }) => state)).toEqual(['planned', 'backfilling', 'catching_up', 'ready'])
    await driver.stop()
  })

  it('has no hour written by its job before that has passed what the backfill counted', async () => {
    const world = createRerunWorld()
    await world.accept(8)
    await world.publish()
    const count = await rollupsOf(world)
    await count(5)
    const driver = world.driver('one', {}, { jobs: { hits: 'hits', hourly: 'rollups' } })
    await world.ask()
    driver.start()
    expect(await world.live(until(world, 'catching_up'), { traffic: false })).toBe(false)
    expect(await notesOf(world)).toMatchObject({ waits: 'rollups is behind hits; it goes on when it has caught up' })
    // The other goes on meanwhile, and stays ahead.
    await world.accept(2)
    await count(3)
    expect(await world.live(until(world, 'catching_up'), { traffic: false })).toBe(true)
    const { barriers } = (await world.store.rerun(1)) ?? { barriers: [] }
    expect(barriers.map(({ job, next }) => [job, next])).toEqual([
      ['hits', 10],
      ['rollups', 8],
    ])
    await driver.stop()
  })

  it('makes only its places and its sinks', async () => {
    const world = await begun()
    const driver = world.driver()
    const place = { merchant: null, from: (firstDay + 1) * dayMs, to: (firstDay + 3) * dayMs }
    await world.ask({ places: [place], sinks: ['hourly'] })
    driver.start()
    expect(await world.live(until(world, 'ready'))).toBe(true)
    await world.publish()
    expect(world.offsets('hits', 2)).toEqual([])
    expect(world.offsets('hourly', 2)).toEqual(all(world.accepted).filter((offset) => [1, 2].includes(offset % 4)))
    await driver.stop()
  })

  it('answers at once where that was asked for', async () => {
    const world = await begun()
    const driver = world.driver()
    await world.ask({ promote: 'auto' })
    driver.start()
    expect(await world.live(until(world, 'promoted'))).toBe(true)
    await driver.stop()
  })

  it('notes how far it is, what it gave and what it reads', async () => {
    const world = await begun()
    const driver = world.driver()
    await world.ask()
    driver.start()
    await world.live(until(world, 'ready'))
    const rerun = await world.store.rerun(1)
    const notes = workNotes(rerun ?? { notes: {} })
    expect(notes.inputs?.hits).toEqual({ table: 'hits', snapshot: '1', after: 0, through: 1 })
    expect(notes.catchUp?.inputs.hits).toMatchObject({ after: 1, through: null })
    expect(notes.backfill).toEqual({ splits: 8, rows: 12, bytes: 1_200 })
    expect(notes.outcome?.rowsRead).toBe(notes.outcome?.stored)
    expect(notes.outcome?.splits).toBe((await world.store.splitsDone(1)).size)
    expect(notes.diff).toMatchObject({ merchantsCompared: 1 })
    await driver.stop()
  })
})
