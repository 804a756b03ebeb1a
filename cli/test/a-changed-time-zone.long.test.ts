/**
 * A shop moves from Berlin to Kolkata, whose hours do not line up, while it sells: its numbers are right all the time, and
 * made anew they are stored as if it had been in Kolkata from the beginning. Long, because a rerun waits until no hit of the
 * former zone can come any more (two minutes).
 */
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { hourRows } from './support/hour-rows.ts'
import { type Interval, recount } from './support/recount.ts'
import { call, readKeys, runCommand } from './support/server.ts'
import { createSystem, type System } from './support/system.ts'
import { type Sending, type Shop, traffic } from './support/traffic.ts'

const berlin: Shop = { id: 'tea', timeZone: 'Europe/Berlin', currency: 'EUR', blockedNames: [] }
const kolkata: Shop = { ...berlin, timeZone: 'Asia/Kolkata' }
const quick = { HITLAKE_EPOCH: '200ms', HITLAKE_PUBLISH_EVERY: '1s' }
const noHits = { ...quick, HITLAKE_RAW_ROW_BUDGET: '1' }

describe('after a change of time zone', () => {
  let moved: System
  let fresh: System
  let sendings: readonly Sending[]

  const command = async (...args: readonly string[]) => {
    const { code, stdout, stderr } = await runCommand(args, {
      HITLAKE_URL: moved.url(),
      HITLAKE_DATA_DIR: moved.dataDir,
    }).ended
    expect(code, stderr).toBe(0)
    return stdout
  }
  const equal = async (system: System, intervals: readonly Interval[], zone: string) => {
    for (const interval of intervals) {
      const expected = recount(sendings, berlin, interval, zone).buckets
      expect(await system.series(kolkata, interval, zone), `${interval} in ${zone}`).toEqual(expected)
    }
  }

  beforeAll(async () => {
    sendings = traffic({ seed: 27, count: 4_000, now: Date.now() - 60_000, of: [berlin] })
    const half = sendings.length / 2
    moved = await createSystem(quick, [berlin])
    await moved.send(sendings.slice(0, half), { kills: 0, seed: 1 })
    await moved.settle()
    const changed = await call<{ formerZones: readonly object[] }>(`${moved.url()}/v1/admin/merchants/tea`, {
      ...{ method: 'PATCH', key: readKeys(moved.dataDir).adminKey, body: { timeZone: 'Asia/Kolkata' } },
    })
    expect(changed).toMatchObject({ status: 200, body: { timeZone: 'Asia/Kolkata' } })
    expect(changed.body.formerZones).toMatchObject([{ timeZone: 'Europe/Berlin' }])
    // Of any time before: hours of both zones lie side by side from now on.
    await moved.send(sendings.slice(half), { kills: 1, seed: 2 })
    await moved.settle()
    fresh = await createSystem(quick, [kolkata])
    await fresh.send(sendings, { kills: 0, seed: 3 })
    await fresh.settle()
  }, 600_000)
  afterAll(async () => {
    await moved?.remove()
    await fresh?.remove()
  })

  it('every number is right, counted from the hits where hours do not line up', async () => {
    await equal(moved, ['hour', 'day', 'month'], 'Asia/Kolkata')
    await equal(moved, ['hour', 'day'], 'Europe/Berlin')
  })

  it('is refused where there are too many hits to count, and says what to do', async () => {
    await moved.release(noHits)
    await expect(moved.series(kolkata, 'day', 'Asia/Kolkata')).rejects.toThrow(
      /422 .*zone_not_aligned.*hitlake rerun hits --merchant tea --zones today --snapshot latest/,
    )
  })

  it('a dry run says what will be made anew', async () => {
    const rerun = ['rerun', 'hits', '--merchant', 'tea', '--zones', 'today', '--snapshot', 'latest']
    const text = await command(...rerun, '--dry-run')
    expect(text).toContain('time zones of today')
    expect(text).toContain('hits by operators')
  })

  it('is answered by hours again once these are made anew, as if the zone had never been another', async () => {
    await command('rerun', 'hits', '--merchant', 'tea', '--zones', 'today', '--snapshot', 'latest', '--yes', '--json')
    await command('rerun', 'promote', '1', '--json')
    await equal(moved, ['hour', 'day', 'month'], 'Asia/Kolkata')
    // Of Berlin there are no hours any more.
    await expect(moved.series(kolkata, 'day', 'Europe/Berlin')).rejects.toThrow('zone_not_aligned')
  }, 400_000)

  it('goes back to the hits where it is rolled back', async () => {
    await command('rerun', 'rollback', '1', '--json')
    await expect(moved.series(kolkata, 'day', 'Asia/Kolkata')).rejects.toThrow('zone_not_aligned')
    await command('rerun', 'promote', '1', '--json')
    await moved.release(quick)
    await equal(moved, ['hour', 'day'], 'Europe/Berlin')
  })

  it('stored hours are those of a system that had the zone from the beginning', async () => {
    const rowsOf = async (system: System, generation: number) => {
      const { dataDir } = system
      await system.end()
      return hourRows(dataDir, generation)
    }
    const made = await rowsOf(moved, 2)
    expect(made.length).toBeGreaterThan(1_000)
    expect(made).toEqual(await rowsOf(fresh, 1))
  })
})
