import { setTimeout as sleep } from 'node:timers/promises'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { hitRow } from '../../../core/ports/lake.contract.ts'
import { lakeExpiryContract } from '../../core/lake-expiry.contract.ts'
import { openTrinoLake, type TrinoLakeUnderTest } from '../../test/trino-lake-under-test.ts'
import { expiryMarginMs } from './expiry.ts'

const opened: TrinoLakeUnderTest[] = []
afterAll(async () => {
  for (const under of opened) await under.close()
})

async function open(): Promise<TrinoLakeUnderTest> {
  const under = await openTrinoLake(['hits', 'failed_hits'])
  opened.push(under)
  return under
}

/** Above what a statement waits here, where others run beside it; below the time between two commits. */
const marginMs = 3_000

lakeExpiryContract('in Trino', {
  says: 'snapshots only',
  time: 'real',
  async open() {
    const under = await open()
    return {
      lake: under.lake({ expiryMarginMs: marginMs, orphanMinAgeMs: 1 }),
      rows: (snapshot) => under.rows('hits', snapshot),
      pass: () => sleep(2 * marginMs),
    }
  },
})

describe('expiry in Trino', () => {
  let under: TrinoLakeUnderTest
  beforeAll(async () => {
    under = await open()
  })

  it('leaves what is within the margin of the oldest that stays, and all that follow one that stays', async () => {
    const lake = under.lake()
    for (const id of [1, 2, 3]) {
      await lake.publish('hits', id, [await lake.stage('hits', `staged/${id}`, [hitRow({ id: String(id), _off: id })])])
    }
    const before = (await lake.snapshots('hits')).map(({ id }) => id)
    expect(expiryMarginMs).toBeGreaterThan(60_000)
    expect(await lake.expire('hits', before.slice(1), 'remove')).toEqual({ snapshots: [], files: 0, bytes: 0 })
    const soon = under.lake({ expiryMarginMs: 0 })
    // The oldest stays, so do the ones after it.
    expect(await soon.expire('hits', before.slice(1, -1), 'remove')).toMatchObject({ snapshots: [] })
    expect((await lake.snapshots('hits')).map(({ id }) => id)).toEqual(before)
  })
})
