/** The jobs of the pipeline, each by itself over the same feed, make together what one job makes. */
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import type { LakeRow } from '../../core/tables.ts'
import { hitsPipeline } from '../jobs/hits.ts'
import { jobsOf } from '../runtime/plan-jobs.ts'
import type { StreamRunnerOptions } from '../runtime/runner-options.ts'
import { send, type Traffic, trafficOver } from './support/traffic.ts'
import { booksOf, createWorld, drain, merged, rowsOf, runnerOn, type World } from './support/world.ts'

const partitions = [0, 1]

async function processedBy(traffic: readonly Traffic[], jobs: readonly Partial<StreamRunnerOptions>[]): Promise<World> {
  const world = await createWorld({ partitions })
  send(world, traffic)
  for (const job of jobs) await drain(world, { ...job, epochMaxHits: 4 })
  return world
}

async function outcome(world: World) {
  const byPlace = (a: LakeRow, b: LakeRow) => (place(a) < place(b) ? -1 : 1)
  const place = (row: LakeRow) => `${row._part} ${String(row._off).padStart(6)} ${String(row._idx).padStart(6)}`
  const { positions: _, ...books } = await booksOf(world)
  return {
    hits: [...(await rowsOf(world, 'hits'))].sort(byPlace),
    failed: [...(await rowsOf(world, 'failed_hits'))].sort(byPlace),
    hourly: [...merged(await rowsOf(world, 'hourly'))],
    books,
  }
}

describe('the jobs of a plan', () => {
  it('are named after plan and job; the one that stores hits keeps the books', () => {
    expect(jobsOf(hitsPipeline)).toEqual([
      { job: 'hits-warehouse', tables: ['hits', 'failed_hits'], books: 'kept' },
      { job: 'hits-rollups', tables: ['hourly'], books: 'left to another job' },
    ])
  })

  it('make together exactly what one job makes, also of hits that a step of the other job refuses', async () => {
    await fc.assert(
      fc.asyncProperty(trafficOver(partitions.length), async (traffic) => {
        const one = await processedBy(traffic, [{}])
        const two = await processedBy(traffic, jobsOf(hitsPipeline))
        expect(await outcome(two)).toEqual(await outcome(one))
      }),
      { numRuns: 150 },
    )
  }, 60_000)

  it('stage and touch only what is their own', async () => {
    const world = await createWorld()
    const traffic = fc.sample(trafficOver(1), { numRuns: 20, seed: 1 }).flat()
    send(world, traffic)
    const [warehouse, rollups] = jobsOf(hitsPipeline)
    await drain(world, { ...warehouse })
    expect(await rowsOf(world, 'hourly')).toEqual([])
    const before = await world.store.versionsSince(0)
    await drain(world, { ...rollups })
    const { changes } = await world.store.versionsSince(before.commit)
    const days = new Set((await rowsOf(world, 'hourly')).map((row) => Math.floor((row.bucket as number) / 86_400_000)))
    expect(changes.map(({ day }) => day).sort()).toEqual([...days].sort())
    expect((await rowsOf(world, 'hits')).length).toBeGreaterThan(0)
  })

  it('of tables that the plan does not write are refused at the start', async () => {
    const world = await createWorld()
    await expect(runnerOn(world, { tables: ['publications' as never] }).start()).rejects.toMatchObject({
      code: 'PLAN_INVALID',
    })
  })
})
