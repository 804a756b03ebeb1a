/** Trino killed in the middle of MERGEs, again and again: its own servers, so that nobody else's statements die. */
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { systemClock, systemTimers } from '../../core/adapters/node/system.ts'
import { dayMs, eventTime } from '../../core/event-time.ts'
import { hitRow } from '../../core/ports/lake.contract.ts'
import { testLength } from '../../core/test/length.ts'
import { type Servers, startServers } from '../../infra/local/cluster/servers.mjs'
import { createTrino } from '../adapters/trino/client.ts'
import { mergeMaxPartitions } from '../adapters/trino/lake-publication.ts'
import { leftovers, openTrinoLake, type TrinoLakeUnderTest } from './trino-lake-under-test.ts'

const noon = eventTime('2026-03-01T12:00:00Z')
/** In the middle of the first MERGE, as it begins, then (most likely) in the second. */
const killsAfterMs = [1_000, 0, 2_500].slice(0, testLength('CLUSTER_TEST_TRINO_KILLS', { short: 1, full: 3 }))
/** There are two MERGEs. The first takes some seconds, and the second too where one is killed in it. */
const days = mergeMaxPartitions + (killsAfterMs.length === 1 ? 4 : 36)
const rowCount = 300 * days

let folder: string
let servers: Servers<'trino' | 'postgres' | 's3'>
let under: TrinoLakeUnderTest
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'hitlake-killed-'))
  servers = await startServers({ folder, only: ['trino', 'postgres', 's3'] })
  under = await openTrinoLake(['hits'], servers.env)
})
afterAll(async () => {
  await servers?.stop()
  await rm(folder, { recursive: true, force: true })
})

/** Resolves once a MERGE runs; it is asked of Trino itself. */
async function mergeRuns(): Promise<void> {
  const trino = createTrino({
    url: servers.env.HITLAKE_TRINO_URL ?? '',
    user: 'test',
    source: 'watch',
    catalog: 'lake',
    clock: systemClock,
    timers: systemTimers,
  })
  for (;;) {
    const running = await trino.query(
      `SELECT 1 FROM system.runtime.queries WHERE state IN ('RUNNING', 'FINISHING') AND query LIKE 'MERGE%'`,
    )
    if (running.length > 0) break
    await sleep(50)
  }
  await trino.close()
}

const answers = () => fetch(`${servers.env.HITLAKE_TRINO_URL}/v1/info`)

// Trino starts anew after each kill.
const limitMs = 900_000

describe('Trino killed in the middle of a publication', () => {
  it(
    'lets its repeat finish, each row once, wherever it died',
    async () => {
      const lake = under.lake()
      const rows = Array.from({ length: rowCount }, (_, n) =>
        hitRow({
          id: `hit ${n}`,
          merchant: `shop ${n % days}`,
          time: noon - (n % days) * dayMs,
          _off: Math.floor(n / 1_000),
          _idx: n % 1_000,
        }),
      )
      const file = await lake.stage('hits', '1', rows)
      const failures: string[] = []
      let kills = 0
      const killer = (async () => {
        for (const afterMs of killsAfterMs) {
          await mergeRuns()
          await sleep(afterMs)
          const { pid } = servers.trino
          await servers.trino.kill()
          await expect(answers(), 'a killed Trino answers nobody').rejects.toThrow('fetch failed')
          kills++
          await servers.trino.start()
          expect(servers.trino.pid).not.toBe(pid)
        }
      })()
      let isKilling = true
      void killer.finally(() => {
        isKilling = false
      })
      for (;;) {
        try {
          await lake.publish('hits', 1, [file])
          if (!isKilling) break
        } catch (error) {
          failures.push((error as { code: string }).code)
          await sleep(500)
        }
      }
      await killer
      expect(kills).toBe(killsAfterMs.length)
      expect(failures.length).toBeGreaterThan(0)
      const [[all, distinct, publishes] = []] = await under.trino.query(
        `SELECT count(*), count(DISTINCT "_row"), count(DISTINCT "_publish") FROM lake.${under.schema}.hits`,
      )
      expect([all, distinct, publishes]).toEqual([rowCount, rowCount, 1])
      // A publication whose last answer was lost with Trino may leave its table; whoever takes over removes it.
      const turn = { fence: 1, signal: new AbortController().signal, throwIfOver() {} }
      await lake.publish('hits', 2, [], turn)
      expect(await leftovers(under)).toEqual([])
    },
    limitMs,
  )

  // Last: it closes and stops what the test above uses.
  it('is over when it is stopped, which a killed one can be too', async () => {
    await answers()
    await under.close()
    await servers.stop()
    expect(servers.trino.pid).toBeUndefined()
    await expect(answers()).rejects.toThrow('fetch failed')
  })
})
