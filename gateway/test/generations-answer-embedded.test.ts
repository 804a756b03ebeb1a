import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, expect, it } from 'vitest'
import { folderObjectStore } from '../../core/adapters/folder-object-store.ts'
import { seededRandom } from '../../core/adapters/memory/seeded-random.ts'
import { nodeDisk } from '../../core/adapters/node/node-disk.ts'
import { dayMs, hourMs } from '../../core/event-time.ts'
import { openDuckDbControlStore } from '../../lakehouse/adapters/duckdb/control-store.ts'
import { minDatabaseMemoryBytes, openDatabase } from '../../lakehouse/adapters/duckdb/database.ts'
import { createDuckDbQueryEngine } from '../../lakehouse/adapters/duckdb/query-engine.ts'
import { createLocalLake } from '../../lakehouse/adapters/local/local-lake.ts'
import { generationRestMs } from '../../lakehouse/core/maintenance/generations-round.ts'
import {
  answers,
  createGenerationsWorld,
  merchants,
  midnight,
  type OpenParts,
  recount,
  tea,
} from './generations-world.ts'

const root = await mkdtemp(join(tmpdir(), 'hitlake-generations-'))
const memoryLimitBytes = 5 * minDatabaseMemoryBytes
const instance = await openDatabase({ file: ':memory:', memoryLimitBytes, threads: 2, scratch: join(root, 'spill') })
afterAll(async () => {
  instance.closeSync()
  await rm(root, { recursive: true, force: true })
})

const inFolder: OpenParts = async (clock) => {
  const store = await openDuckDbControlStore({ instance })
  const lake = createLocalLake({
    objects: await folderObjectStore(nodeDisk(root), 'lake-1', { leftovers: 'keep' }),
    instance,
    scratch: join(root, 'scratch'),
    random: seededRandom(1),
    clock,
    location: `file://${root}/lake-1/lake`,
  })
  return { store, lake, engine: createDuckDbQueryEngine({ instance, files: lake, timers: clock }) }
}

it('over DuckDB and a folder, numbers are those of the generation that answers, derived or not', async () => {
  const of = await createGenerationsWorld(inFolder)
  const kept = of.cellsOver()
  const equal = async (when: string) => {
    await of.versions.refresh()
    for (const merchant of merchants) {
      const expected = { when, ...recount(of, merchant) }
      expect({ when, ...(await answers(kept, merchant)) }).toEqual(expected)
      expect({ when, ...(await answers(of.cellsOver(), merchant)) }).toEqual(expected)
    }
  }
  const maintain = async () => {
    of.clock.advance(generationRestMs)
    await of.publisher.publishNow()
    await of.maintenance.runNow()
  }
  const traffic = (n: number) =>
    merchants.flatMap((merchant) =>
      Array.from({ length: n }, (_, i) => ({
        ...{ merchant, visitor: i % 3 === 0 ? 'v' : 'w' },
        time: midnight - 8 * dayMs + Math.floor(((i * 7919) % 997) * (8 / 997) * 24) * hourMs + 7,
      })),
    )
  await of.commit(traffic(40))
  await maintain()
  await equal('derived of the first')
  const places = [{ merchant: tea, from: midnight - 5 * dayMs, to: midnight - 3 * dayMs }]
  let part = await of.rerun(places, ['hits', 'hourly'])
  let all = await of.rerun([{ merchant: merchants[1] ?? null, from: null, to: null }], ['hits', 'hourly'])
  await of.commit(traffic(10))
  await equal('before the promotion')
  part = await of.promote(part)
  await equal('promoted, not derived again')
  await maintain()
  await equal('derived again')
  all = await of.promote(all)
  await of.commit(traffic(6))
  await maintain()
  await equal('both')
  part = await of.rollBack(part)
  await equal('one rolled back')
  await of.reruns.cancel(part)
  await of.reruns.release(all)
  await maintain()
  await equal('one cancelled and taken out, one released')
  expect(of.failures).toEqual([])
}, 120_000)
