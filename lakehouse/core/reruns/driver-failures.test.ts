import { describe, expect, it } from 'vitest'
import { CorruptTableError, PlanNotFoundError, RerunRefusedError, TrinoUnavailableError } from '../../../core/errors.ts'
import type { RerunExecutor } from '../../../core/ports/rerun-work.ts'
import type { RerunTrouble } from '../../../core/rerun-notes.ts'
import { begunWorld, isIn, lastNote, notesOf, withExecutor } from './driver-under-test.ts'
import { rerunPollMs, rerunRetryMaxMs, rerunTriesMax } from './limits.ts'

describe('what cannot be done', () => {
  it.each<[string, Partial<RerunExecutor>, string]>([
    [
      'a plan that does not fit',
      { refusal: async () => 'its windows keep state' },
      'rerun_refused: this cannot be rerun: its windows keep state',
    ],
    ['a plan that is gone', { methods: () => Promise.reject(new PlanNotFoundError('hits', 'new')) }, 'PLAN_NOT_FOUND'],
    [
      'a table that is damaged',
      { run: () => Promise.reject(new CorruptTableError('hits', 'a', 'b')) },
      'LAKE_TABLE_CORRUPT',
    ],
  ])('fails at once, with code and reason: %s', async (_, more, says) => {
    const world = await begunWorld()
    await world.ask()
    const driver = world.driver('one', withExecutor(world, more))
    driver.start()
    expect(await world.live(isIn(world, 'failed'))).toBe(true)
    expect(await lastNote(world)).toContain(says)
    expect((await world.store.writing('hits')).generations).toHaveLength(1)
    await driver.stop()
  })

  it('fails where the snapshot is unknown, on its way out, or was left by a rollback', async () => {
    for (const snapshot of ['999', '1', '2']) {
      const world = await begunWorld()
      await world.accept(4)
      await world.publish()
      if (snapshot === '1') {
        const held = await world.store.acquireLease('publish/hits', 'publisher', 1_000, world.clock.now())
        const condemned = { snapshots: ['1'], now: world.clock.now() }
        await world.store.condemnSnapshots('hits', 'publish/hits', held?.fence ?? 0, condemned)
      }
      const lake = { ...world.lake }
      if (snapshot === '2') {
        lake.snapshots = async (table) => {
          const found = await world.lake.snapshots(table)
          return found.map((each) => (each.id === '1' ? each : { ...each, parent: '0' })).reverse()
        }
      }
      await world.ask({ snapshot })
      const driver = world.driver('one', { lake })
      driver.start()
      expect(await world.live(isIn(world, 'failed')), snapshot).toBe(true)
      expect(await lastNote(world)).toMatch(snapshot === '2' ? /rolled back from snapshot 2/ : /SNAPSHOT_NOT_FOUND/)
      expect((await world.store.rerun(1))?.rests).toBe('planned')
      await driver.stop()
    }
  })

  it('fails where another rerun of hits was promoted there meanwhile, for what it read is the truth no more', async () => {
    const world = await begunWorld()
    await world.ask({ sinks: ['hits'] })
    const driver = world.driver()
    driver.start()
    await world.live(isIn(world, 'ready'))
    await world.ask({ sinks: ['hourly'] })
    driver.kick()
    await world.live(isIn(world, 'backfilling', 2), { forMs: 5_000 })
    const revision = (await world.store.rerun(1))?.revision ?? 0
    await world.store.promoteRerun(1, { revision, now: world.clock.now(), by: 'ada' })
    expect(await world.live(isIn(world, 'failed', 2))).toBe(true)
    expect((await world.store.rerun(2))?.events.at(-1)?.note).toContain('was promoted or rolled back')
    await driver.stop()
  })

  it('goes on from where it failed when somebody resumes it', async () => {
    const world = await begunWorld()
    await world.ask()
    let isFull = true
    const ports = withExecutor(world, {
      run: (work, options) =>
        isFull ? Promise.reject(new Error('No space left on device')) : world.executor.run(work, options),
    })
    const driver = world.driver('one', ports)
    driver.start()
    expect(await world.live(isIn(world, 'failed'))).toBe(true)
    expect(await lastNote(world)).toBe('unexpected: No space left on device')
    expect((await notesOf(world)).trouble?.tries).toBe(rerunTriesMax)
    isFull = false
    const failed = await world.store.rerun(1)
    const move = { revision: failed?.revision ?? 0, now: world.clock.now(), by: 'ada' }
    await world.store.updateRerun(1, { state: failed?.rests ?? 'planned' }, move)
    expect(await world.live(isIn(world, 'ready'))).toBe(true)
    expect((await notesOf(world)).trouble).toBeUndefined()
    await driver.stop()
  })
})

describe('what may pass', () => {
  it('is tried again for ever, with bounded pauses, and the record says what keeps it', async () => {
    const world = await begunWorld()
    await world.ask()
    const told: RerunTrouble[] = []
    const at: number[] = []
    let isAway = true
    const ports = withExecutor(world, {
      run(work, options) {
        if (!isAway) return world.executor.run(work, options)
        at.push(world.clock.monotonic())
        return Promise.reject(new TrinoUnavailableError('connection'))
      },
    })
    const driver = world.driver('one', ports, { onTrouble: (_, trouble) => told.push(trouble) })
    driver.start()
    await world.live(async () => told.length >= 12, { forMs: 900_000, traffic: false })
    expect(await isIn(world, 'backfilling')()).toBe(true)
    expect((await notesOf(world)).trouble).toMatchObject({ code: 'TRINO_UNAVAILABLE', tries: 12 })
    const pauses = at.slice(1).map((time, n) => time - (at[n] ?? 0))
    expect(Math.max(...pauses)).toBeLessThanOrEqual(rerunRetryMaxMs + rerunPollMs)
    expect(pauses[0]).toBeLessThan(pauses[4] ?? 0)
    isAway = false
    expect(await world.live(isIn(world, 'ready'))).toBe(true)
    await driver.stop()
  })

  it('is told from what may not by the cause of a split that failed', async () => {
    const { helpsToWait } = await import('./failures.ts')
    const split = (cause?: Error) =>
      Object.assign(new Error('a', { cause }), { code: 'SPLIT_FAILED', retry: 'afterBackoff' })
    expect(helpsToWait(split(new TrinoUnavailableError('connection')))).toBe('waits')
    expect(helpsToWait(split(new RerunRefusedError('a')))).toBe('never')
    expect(helpsToWait(split(new Error('a')))).toBe('perhaps')
    expect(helpsToWait(split())).toBe('perhaps')
    expect(helpsToWait('a')).toBe('perhaps')
  })
})
