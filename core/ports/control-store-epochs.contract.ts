/** The contract of jobs, epochs and versions; registered by `controlStoreContract`. */
import { describe, expect, it } from 'vitest'
import { StaleEpochError } from '../errors.ts'
import type { Offset } from '../ids.ts'
import { type ControlStoreUnderTest, merchantId } from './control-store.contract.ts'
import type { ControlStore, EpochCommit, JobPosition } from './control-store.ts'
import type { StagedFile } from './lake.ts'

export const offset = (value: number) => value as Offset

export function fileOf(name: string, more: Partial<StagedFile> = {}): StagedFile {
  return { name, table: 'hits', rows: 10, bytes: 1_000, firstDay: 20_000, lastDay: 20_001, ...more }
}

export function positionOf(partition: number, next: number, more: Partial<JobPosition> = {}): JobPosition {
  return { partition, next: offset(next), checkpoint: null, watermark: null, received: null, ...more }
}

/** An epoch of job `hits` over one partition. */
export function epochOf(fence: number, from: number, next: number, more: Partial<EpochCommit> = {}): EpochCommit {
  return {
    job: 'hits',
    source: 'feed-1',
    plan: 'plan-1',
    fence,
    partitions: [{ ...positionOf(0, next), from: offset(from) }],
    staged: [],
    touched: [],
    books: [],
    ...more,
  }
}

const touch = (merchant: string, day: number) => ({ merchant: merchantId(merchant), day })

/** Everything an epoch can change, to see that it did or did not. */
export async function allOf(store: ControlStore): Promise<unknown> {
  return {
    views: await Promise.all((['hits', 'failed_hits', 'hourly'] as const).map((table) => store.tableView(table))),
    versions: await store.versionsSince(0),
    books: await store.books({ from: 0, to: Number.MAX_SAFE_INTEGER }),
  }
}

export function epochsContract(under: ControlStoreUnderTest): void {
  describe('jobs and epochs', () => {
    it('starts a job without positions and gives them back as committed', async () => {
      const store = await under.open()
      const { fence, positions } = await store.acquireJob('hits', 'feed-1', 'me')
      expect(positions).toEqual([])
      const moved = [
        positionOf(0, 7, { checkpoint: 'checkpoints/a', watermark: 1_700_000_000_000, received: 1_700_000_060_000 }),
        positionOf(3, 2 ** 52),
      ]
      await store.commitEpoch(
        epochOf(fence, 0, 0, { partitions: moved.map((position) => ({ ...position, from: offset(0) })) }),
      )
      expect((await store.acquireJob('hits', 'feed-1', 'me')).positions).toEqual(moved)
      expect((await store.versionsSince(0)).positions).toEqual(moved.map((position) => ({ ...position, job: 'hits' })))
    })

    it('keeps positions of jobs and of feed incarnations apart', async () => {
      const store = await under.open()
      const hits = await store.acquireJob('hits', 'feed-1', 'me')
      const other = await store.acquireJob('other', 'feed-1', 'me')
      await store.commitEpoch(epochOf(hits.fence, 0, 5))
      await store.commitEpoch(epochOf(other.fence, 0, 9, { job: 'other' }))
      expect((await store.acquireJob('hits', 'feed-2', 'me')).positions).toEqual([])
      expect((await store.acquireJob('hits', 'feed-1', 'me')).positions).toEqual([positionOf(0, 5)])
      expect((await store.versionsSince(0)).positions).toEqual([
        { ...positionOf(0, 5), job: 'hits' },
        { ...positionOf(0, 9), job: 'other' },
      ])
    })

    it('raises the fence with every owner, and the same owner again', async () => {
      const store = await under.open()
      const fences = []
      for (const owner of ['a', 'b', 'b', 'a']) fences.push((await store.acquireJob('hits', 'feed-1', owner)).fence)
      expect(fences).toEqual([...new Set(fences)].sort((a, b) => a - b))
    })

    it('numbers commits, each above the one before, over all jobs', async () => {
      const store = await under.open()
      const a = await store.acquireJob('hits', 'feed-1', 'me')
      const b = await store.acquireJob('other', 'feed-1', 'me')
      const commits = []
      for (let from = 0; from < 3; from++) {
        commits.push((await store.commitEpoch(epochOf(a.fence, from, from + 1))).commit)
        commits.push((await store.commitEpoch(epochOf(b.fence, from, from + 1, { job: 'other' }))).commit)
      }
      expect(commits).toEqual([...new Set(commits)].sort((x, y) => x - y))
      expect((await store.versionsSince(0)).commit).toBe(commits.at(-1))
    })

    // owner A:  acquire ---- epoch ------------------- commit  -> refused
    // owner B:            ------------ acquire -
    it('refuses the epoch of an owner that was overtaken, and changes nothing', async () => {
      const store = await under.open()
      const stale = await store.acquireJob('hits', 'feed-1', 'a')
      const live = await store.acquireJob('hits', 'feed-1', 'b')
      const full = {
        staged: [fileOf('f')],
        touched: [touch('a', 1)],
        books: [{ merchant: merchantId('a'), hour: 0, stored: 1, duplicates: 1, failed: 1, dropped: { bot: 1 } }],
      }
      const before = await allOf(store)
      await expect(store.commitEpoch(epochOf(stale.fence, 0, 1, full))).rejects.toThrow(StaleEpochError)
      await expect(store.commitEpoch(epochOf(live.fence + 1, 0, 1, full))).rejects.toThrow(StaleEpochError)
      await expect(store.commitEpoch(epochOf(live.fence, 0, 1, { ...full, job: 'new' }))).rejects.toThrow(
        StaleEpochError,
      )
      await expect(store.commitEpoch(epochOf(live.fence, 0, 1, { ...full, source: 'feed-2' }))).rejects.toThrow(
        StaleEpochError,
      )
      expect(await allOf(store)).toEqual(before)
      await store.commitEpoch(epochOf(live.fence, 0, 1, full))
    })

    it('refuses an epoch that starts elsewhere than the last one ended, and changes nothing', async () => {
      const store = await under.open()
      const { fence } = await store.acquireJob('hits', 'feed-1', 'a')
      await store.commitEpoch(epochOf(fence, 0, 5, { staged: [fileOf('first')] }))
      const before = await allOf(store)
      for (const from of [0, 4, 6]) {
        await expect(store.commitEpoch(epochOf(fence, from, 9, { staged: [fileOf('f')] }))).rejects.toThrow(
          StaleEpochError,
        )
      }
      expect(await allOf(store)).toEqual(before)
    })

    it('moves all partitions of an epoch or none', async () => {
      const store = await under.open()
      const { fence } = await store.acquireJob('hits', 'feed-1', 'a')
      const half = [
        { ...positionOf(0, 5), from: offset(0) },
        { ...positionOf(1, 5), from: offset(3) },
      ]
      await expect(store.commitEpoch(epochOf(fence, 0, 0, { partitions: half }))).rejects.toThrow(StaleEpochError)
      expect((await store.acquireJob('hits', 'feed-1', 'a')).positions).toEqual([])
    })

    it('lets one of two equal epochs at once commit', async () => {
      const store = await under.open()
      const { fence } = await store.acquireJob('hits', 'feed-1', 'a')
      const calls = [1, 2, 3].map((n) => store.commitEpoch(epochOf(fence, 0, 1, { staged: [fileOf(`f${n}`)] })))
      const outcomes = await Promise.allSettled(calls)
      expect(outcomes.filter(({ status }) => status === 'fulfilled')).toHaveLength(1)
      expect(await store.unpublished('hits')).toHaveLength(1)
    })

    it('refuses a staged file that is committed already, and changes nothing', async () => {
      const store = await under.open()
      const { fence } = await store.acquireJob('hits', 'feed-1', 'a')
      await store.commitEpoch(epochOf(fence, 0, 1, { staged: [fileOf('f')] }))
      const before = await allOf(store)
      const again = epochOf(fence, 1, 2, { staged: [fileOf('g'), fileOf('f')], touched: [touch('a', 1)] })
      await expect(store.commitEpoch(again)).rejects.toThrow(RangeError)
      const elsewhere = epochOf(fence, 1, 2, { staged: [fileOf('f', { table: 'hourly' })] })
      await expect(store.commitEpoch(elsewhere)).rejects.toThrow(RangeError)
      expect(await allOf(store)).toEqual(before)
    })

    it('refuses an epoch that contradicts itself', async () => {
      const store = await under.open()
      const { fence } = await store.acquireJob('hits', 'feed-1', 'a')
      const twice = [0, 0].map((partition) => ({ ...positionOf(partition, 5), from: offset(0) }))
      for (const wrong of [
        epochOf(fence, 0, -1),
        epochOf(fence, 0, 0.5),
        epochOf(fence, 0, 0, { partitions: twice }),
        epochOf(fence, 0, 1, { staged: [fileOf('f'), fileOf('f')] }),
      ]) {
        await expect(store.commitEpoch(wrong)).rejects.toThrow(RangeError)
      }
      expect((await store.versionsSince(0)).commit).toBe(0)
    })
  })

  describe('versions', () => {
    it('lists each changed (merchant, day) once, with the commit that changed it last', async () => {
      const store = await under.open()
      const { fence } = await store.acquireJob('hits', 'feed-1', 'me')
      const first = await store.commitEpoch(
        epochOf(fence, 0, 1, { touched: [touch('a', 1), touch('a', 2), touch('b', 1)] }),
      )
      const second = await store.commitEpoch(epochOf(fence, 1, 2, { touched: [touch('a', 1), touch('a', 1)] }))
      const listed = async (since: number) => {
        const { changes, reset, commit } = await store.versionsSince(since)
        expect([reset, commit]).toEqual([false, second.commit])
        return changes.map(({ merchant, day, version }) => `${merchant} ${day} ${version}`).sort()
      }
      expect(await listed(0)).toEqual([`a 1 ${second.commit}`, `a 2 ${first.commit}`, `b 1 ${first.commit}`])
      expect(await listed(first.commit)).toEqual([`a 1 ${second.commit}`])
      expect(await listed(second.commit)).toEqual([])
    })

    it('says reset to a reader further behind than it lists, and everything to one that is not', async () => {
      const store = await under.open({ maxVersions: 10 })
      const { fence } = await store.acquireJob('hits', 'feed-1', 'me')
      const commits: number[] = []
      for (let from = 0; from < 30; from++) {
        const touched = [touch(`m${from}`, 1), touch(`m${from}`, 2)]
        commits.push((await store.commitEpoch(epochOf(fence, from, from + 1, { touched }))).commit)
      }
      expect((await store.versionsSince(0)).reset).toBe(true)
      let listed = 0
      for (const [index, since] of commits.entries()) {
        const { reset, changes } = await store.versionsSince(since)
        if (reset) continue
        listed += 1
        expect(changes).toHaveLength(2 * (29 - index))
      }
      expect(listed).toBeGreaterThanOrEqual(4)
      expect(listed).toBeLessThanOrEqual(6)
    })

    it('takes an epoch that touches more than it lists', async () => {
      const store = await under.open({ maxVersions: 10 })
      const { fence } = await store.acquireJob('hits', 'feed-1', 'me')
      const touched = Array.from({ length: 5_000 }, (_, day) => touch('a', day))
      const { commit } = await store.commitEpoch(epochOf(fence, 0, 1, { touched }))
      expect(await store.versionsSince(0)).toMatchObject({ commit, reset: true, changes: [] })
      expect(await store.versionsSince(commit)).toMatchObject({ commit, reset: false, changes: [] })
    })

    it('says reset to a reader that is ahead of it: the store was replaced by an older one', async () => {
      const store = await under.open()
      expect(await store.versionsSince(1)).toMatchObject({ commit: 0, reset: true, changes: [] })
    })
  })
}
